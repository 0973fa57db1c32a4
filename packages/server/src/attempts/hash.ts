import { createHash } from "node:crypto";

/** SHA-256 of a random secret, base64url: enough at rest, because nobody can guess what was hashed. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}
