import { calculateJwkThumbprint } from "jose/jwk/thumbprint";
import type { PublicJwk } from "../tokens/jwk.js";

/** A WebCrypto key, structurally: also what comes back out of IndexedDB. */
export interface CryptoKeyLike {
  readonly type: string;
  readonly extractable: boolean;
  readonly algorithm: { readonly name: string };
  readonly usages: readonly string[];
}

/** A proof key. `privateKey` cannot be exported; both members can be stored in IndexedDB as they are. */
export interface DpopKeyPair {
  readonly privateKey: CryptoKeyLike;
  readonly publicJwk: PublicJwk;
}

/**
 * Makes a P-256 key for DPoP proofs (RFC 9449). The private key is non-extractable: script that gets into the page can
 * use it while it is there, but cannot take it away.
 * @example
 * const { privateKey, publicJwk } = await generateDpopKeyPair();
 */
export async function generateDpopKeyPair(): Promise<DpopKeyPair> {
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", pair.publicKey);
  return { privateKey: pair.privateKey, publicJwk: { kty, crv, x, y } };
}

/**
 * The JWK thumbprint (RFC 7638, SHA-256) of a public key: what `cnf.jkt` holds.
 * @throws TypeError when the key lacks a member the thumbprint needs
 * @example
 * const { publicJwk: key } = await generateDpopKeyPair();
 * const jkt = await jwkThumbprint(key);
 */
export async function jwkThumbprint(jwk: PublicJwk): Promise<string> {
  const { kty, crv, x, y, n, e } = jwk;
  const members = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined);
  try {
    return await calculateJwkThumbprint(Object.fromEntries(members), "sha256");
  } catch (cause) {
    throw new TypeError("This is not a public key with a thumbprint.", { cause });
  }
}
