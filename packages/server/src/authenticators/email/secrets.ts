import { createHmac } from "node:crypto";
import type { Engine } from "../../engine.js";

/** Digits of a mailed code. */
export const codeLength = 6;
const macPurpose = "email.code";
const tokenPattern = /^[A-Za-z0-9_-]{43}$/;

/** A link token: 256 random bits, base64url. */
export function newLinkToken(engine: Pick<Engine, "random">): string {
  return Buffer.from(engine.random.bytes(32)).toString("base64url");
}

/** True for the shape of a link token; says nothing about whether it is one of ours. */
export function isLinkToken(text: string): boolean {
  return tokenPattern.test(text);
}

/**
 * The code that belongs to a link. Derived, not stored: whoever holds the link can show the code on another device, and
 * the store knows neither. 48 bits reduced to six digits: no digit string is more likely than another by 1 in 10^8.
 */
export function codeOf(linkToken: string): string {
  const digest = createHmac("sha256", linkToken).update("segno email code").digest();
  return String(digest.readUIntBE(0, 6) % 10 ** codeLength).padStart(codeLength, "0");
}

/** What is stored of a code: a keyed hash bound to its attempt, because six digits are too few to hash alone. */
export function macOfCode(engine: Pick<Engine, "secrets">, attemptId: string, code: string): string {
  return engine.secrets.mac(macPurpose, `${attemptId}:${code}`);
}

/** Constant-time comparison of a typed code with the stored hash. */
export function isRightCode(
  engine: Pick<Engine, "secrets">,
  attempt: { id: string; code_mac: string | null },
  code: string,
): boolean {
  return attempt.code_mac !== null && engine.secrets.matches(macPurpose, `${attempt.id}:${code}`, attempt.code_mac);
}
