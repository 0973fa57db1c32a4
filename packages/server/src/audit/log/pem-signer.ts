import { createPrivateKey, createPublicKey, sign } from "node:crypto";
import type { LogSigner } from "./checkpoint.js";

/**
 * Signs with an Ed25519 private key in PEM (PKCS #8), as `openssl genpkey -algorithm ed25519` writes it.
 * @throws TypeError when it is no such key
 * @example
 * ```ts
 * import { readFileSync } from "node:fs";
 * import { pemSigner } from "@segno/server/audit";
 * const signer = pemSigner("witness.example/one", readFileSync("witness.pem", "utf8"));
 * console.log(signer.publicKey.length);
 * ```
 */
export function pemSigner(keyName: string, pem: string): LogSigner {
  let key: ReturnType<typeof createPrivateKey>;
  try {
    key = createPrivateKey(pem);
  } catch {
    throw new TypeError("This is no private key in PEM.");
  }
  if (key.asymmetricKeyType !== "ed25519") throw new TypeError("The key is not an Ed25519 key.");
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  return { keyName, publicKey, sign: async (bytes) => sign(null, bytes, key) };
}
