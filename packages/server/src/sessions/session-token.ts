import { hash } from "node:crypto";
import type { RandomSource } from "../engine.js";

/** 256 random bits, base64url. */
export function newSessionToken(random: RandomSource): string {
  return Buffer.from(random.bytes(32)).toString("base64url");
}

/** What the store keeps in the token's place. */
export function hashSessionToken(token: string): string {
  return hash("sha256", token, "base64url");
}

/** True when the text can be a session token at all; anything else is refused without asking the store. */
export function isSessionTokenShaped(token: string): boolean {
  return token.length === 43 && /^[A-Za-z0-9_-]{43}$/.test(token);
}
