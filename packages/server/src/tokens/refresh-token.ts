import { createCipheriv, createDecipheriv, createSecretKey, hash, type KeyObject } from "node:crypto";
import { decodeBase64Url, encodeBase64Url, SegnoError } from "@segno/core";
import type { Engine, Secrets } from "../engine.js";

const prefix = "segno_rt_";
const bodyBytes = 52;
const bodyLength = 70;
const macLength = 43;
const macPurpose = "refresh_token";
const nonceBytes = 12;
const tagBytes = 16;

/** A refresh token taken apart. Only `hash` says whether it is good; `isGenuine` says whether we ever made it. */
export interface ParsedRefreshToken {
  readonly text: string;
  readonly familyId: string;
  readonly generation: number;
  /** SHA-256 of the whole text, base64url: what the store holds. */
  readonly hash: string;
  /** Whether the check mark is ours: nobody who made a token up can end a family with it. */
  readonly isGenuine: () => boolean;
}

/** `segno_rt_`, then family id, generation and 256 random bits, then a check mark (HMAC) over those. */
export function newRefreshToken(
  parts: Pick<Engine, "random" | "secrets">,
  family: { readonly id: string; readonly generation: number },
): string {
  const body = Buffer.alloc(bodyBytes);
  body.write(family.id.replaceAll("-", ""), 0, 16, "hex");
  body.writeUInt32BE(family.generation, 16);
  body.set(parts.random.bytes(32), 20);
  const text = body.toString("base64url");
  return `${prefix}${text}${parts.secrets.mac(macPurpose, text)}`;
}

/** @returns undefined for anything that is not one of our refresh tokens by shape */
export function parseRefreshToken(secrets: Secrets, text: string): ParsedRefreshToken | undefined {
  if (!text.startsWith(prefix) || text.length !== prefix.length + bodyLength + macLength) return undefined;
  const bodyText = text.slice(prefix.length, prefix.length + bodyLength);
  const macText = text.slice(prefix.length + bodyLength);
  let body: Buffer;
  try {
    body = Buffer.from(decodeBase64Url(bodyText));
    decodeBase64Url(macText);
  } catch {
    return undefined;
  }
  const id = body.toString("hex", 0, 16);
  return {
    text,
    familyId: `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`,
    generation: body.readUInt32BE(16),
    hash: hashRefreshToken(text),
    isGenuine: () => secrets.matches(macPurpose, bodyText, macText),
  };
}

export function isRefreshTokenShaped(text: string): boolean {
  return text.startsWith(prefix);
}

export function hashRefreshToken(text: string): string {
  return hash("sha256", text, "base64url");
}

/**
 * Seals the successor under a key that only the holder of the presented token can derive: the store has nothing but
 * that token's hash, so neither a dump nor the server's secrets open it.
 */
export function sealSuccessor(parts: Pick<Engine, "random">, presented: ParsedRefreshToken, successor: string): string {
  const nonce = parts.random.bytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", successorKey(presented), nonce);
  return encodeBase64Url(Buffer.concat([nonce, cipher.update(successor), cipher.final(), cipher.getAuthTag()]));
}

/** @throws SegnoError `internal` when the row was changed by another hand */
export function openSuccessor(presented: ParsedRefreshToken, sealed: string): string {
  const body = decodeBase64Url(sealed);
  const end = body.length - tagBytes;
  try {
    const key = successorKey(presented);
    const decipher = createDecipheriv("aes-256-gcm", key, body.subarray(0, nonceBytes), { authTagLength: tagBytes });
    decipher.setAuthTag(body.subarray(end));
    return Buffer.concat([decipher.update(body.subarray(nonceBytes, end)), decipher.final()]).toString();
  } catch (cause) {
    throw new SegnoError("internal", "A sealed successor does not open.", { cause });
  }
}

/** The token holds 256 random bits: one-step key derivation (NIST SP 800-56C, option 1: counter, secret, purpose). */
function successorKey(presented: ParsedRefreshToken): KeyObject {
  const text = `\0\0\0\x01${presented.text}segno/1 refresh successor ${presented.familyId}`;
  return createSecretKey(hash("sha256", text, "buffer"));
}
