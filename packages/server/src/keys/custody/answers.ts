import { createPublicKey, type KeyObject } from "node:crypto";
import type { KeyAlgorithm } from "../custody.js";
import { ecdsaFromDer } from "../ecdsa-from-der.js";
import { custodyFault } from "./custody-fault.js";

type PublicJwk = Readonly<Record<string, string>>;

/**
 * The public half as a JWK, from what a custody handed out: PEM or DER (RFC 5280 SubjectPublicKeyInfo).
 * @throws SegnoError `key_unavailable` when it is no key of this algorithm
 */
export function readPublicKey(custody: string, algorithm: KeyAlgorithm, spki: string | Uint8Array): PublicJwk {
  let key: KeyObject;
  try {
    key = createPublicKey(
      typeof spki === "string" ? spki : { key: Buffer.from(spki), format: "der" as const, type: "spki" as const },
    );
  } catch {
    throw custodyFault(custody, "handed out a public key that is none.");
  }
  return requirePublicJwk(custody, algorithm, key.export({ format: "jwk" }));
}

/**
 * Exactly the members of a public JWK, each of the right length.
 * @throws SegnoError `key_unavailable` when it is no key of this algorithm
 */
export function requirePublicJwk(
  custody: string,
  algorithm: KeyAlgorithm,
  jwk: { readonly kty?: unknown; readonly crv?: unknown; readonly x?: unknown; readonly y?: unknown },
): PublicJwk {
  const { kty, crv, x, y } = jwk;
  const isCoordinate = (value: unknown): value is string =>
    typeof value === "string" && /^[\w-]{43}$/.test(value) && Buffer.from(value, "base64url").length === 32;
  if (algorithm === "ES256" && kty === "EC" && crv === "P-256" && isCoordinate(x) && isCoordinate(y)) {
    return { kty, crv, x, y };
  }
  if (algorithm === "EdDSA" && kty === "OKP" && crv === "Ed25519" && isCoordinate(x)) return { kty, crv, x };
  throw custodyFault(custody, `made a key that is not one for ${algorithm}.`);
}

/**
 * A JWS signature of 64 bytes, as ES256 and EdDSA make them.
 * Not checked: whether it fits the key. Whoever publishes the public half does that.
 */
export function requireSignature(custody: string, bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array && bytes.length === 64) return bytes;
  throw custodyFault(custody, "answered with a signature that is none.");
}

/** r||s from a DER signature over P-256 (RFC 3279 section 2.2.3), read strictly. */
export function signatureFromDer(custody: string, bytes: unknown): Uint8Array {
  const der = bytes instanceof Uint8Array ? Buffer.from(bytes) : Buffer.alloc(0);
  const rLength = der[3] ?? 0;
  const sLength = der[5 + rLength] ?? 0;
  const isSequence = der[0] === 0x30 && der[1] === der.length - 2 && der.length === 6 + rLength + sLength;
  const isInteger = (at: number, length: number): boolean =>
    der[at] === 0x02 && length > 0 && (length <= 32 || (length === 33 && der[at + 2] === 0));
  if (!isSequence || !isInteger(2, rLength) || !isInteger(4 + rLength, sLength)) {
    throw custodyFault(custody, "answered with a signature that is none.");
  }
  return ecdsaFromDer(der, 32);
}

/** Bytes that must not be missing. */
export function requireBytes(custody: string, what: string, bytes: unknown): Uint8Array {
  if (bytes instanceof Uint8Array && bytes.length > 0) return bytes;
  throw custodyFault(custody, `answered without ${what}.`);
}

/** Text that must not be missing. */
export function requireText(custody: string, what: string, text: unknown): string {
  if (typeof text === "string" && text !== "") return text;
  throw custodyFault(custody, `answered without ${what}.`);
}

/** Bytes from base64, ordinary or URL-safe; undefined when it is none. */
export function bytesFromBase64(text: unknown): Buffer | undefined {
  return typeof text === "string" && /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, "base64") : undefined;
}
