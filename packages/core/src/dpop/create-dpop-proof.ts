import { encodeBase64Url, randomBase64Url } from "../base64url.js";
import { systemClock } from "../clock.js";
import { type AlgorithmRow, rowsForKey } from "../tokens/algorithms.js";
import type { PublicJwk } from "../tokens/jwk.js";
import type { CryptoKeyLike } from "./key.js";
import { normaliseHtu } from "./normalise-htu.js";

/** The platform's CryptoKey, by whatever name its type goes. */
type SigningKey = Parameters<typeof crypto.subtle.sign>[1];

/** What `createDpopProof` needs. */
export interface DpopProofInput {
  readonly privateKey: CryptoKeyLike;
  readonly publicJwk: PublicJwk;
  /** HTTP method of the request, in the case it is sent in. */
  readonly method: string;
  /** Absolute URL of the request. Query and fragment are left out of the proof. */
  readonly url: string;
  /** The access token sent along; its hash becomes `ath`. */
  readonly accessToken?: string;
  /** The last `DPoP-Nonce` of that server. */
  readonly nonce?: string;
  /** Seconds since the epoch. Default: the machine's clock. */
  readonly nowSeconds?: number;
}

/**
 * Signs a DPoP proof for one request (RFC 9449 section 4.2). Every call makes a fresh `jti`; use a proof once.
 * @throws TypeError when the URL is not absolute http(s) or the key is not one for ES256 or Ed25519
 * @example
 * const { privateKey, publicJwk } = await generateDpopKeyPair();
 * const proof = await createDpopProof({ privateKey, publicJwk, method: "GET", url: "https://api.example.com/orders" });
 */
export async function createDpopProof(input: DpopProofInput): Promise<string> {
  const htu = normaliseHtu(input.url);
  if (htu === undefined) throw new TypeError("`url` must be an absolute http(s) URL without a user.");
  const row = proofRow(input.publicJwk);
  const { kty, crv, x, y } = input.publicJwk;
  const header = { typ: "dpop+jwt", alg: row.alg, jwk: { kty, crv, x, y } };
  const payload = {
    jti: randomBase64Url(16),
    htm: input.method,
    htu,
    iat: Math.floor(input.nowSeconds ?? systemClock.nowMs() / 1000),
    ath: input.accessToken === undefined ? undefined : await accessTokenHash(input.accessToken),
    nonce: input.nonce,
  };
  const signingInput = `${encodeJson(header)}.${encodeJson(payload)}`;
  const data = new TextEncoder().encode(signingInput);
  const signature = await crypto.subtle.sign(row.webVerify, input.privateKey as SigningKey, data);
  return `${signingInput}.${encodeBase64Url(new Uint8Array(signature))}`;
}

/** `ath` of an access token (RFC 9449 section 4.2). */
export async function accessTokenHash(accessToken: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(accessToken));
  return encodeBase64Url(new Uint8Array(digest));
}

function proofRow(publicJwk: PublicJwk): AlgorithmRow {
  const row = rowsForKey(publicJwk).find(({ alg }) => alg === "ES256" || alg === "EdDSA");
  if (row === undefined) throw new TypeError("A proof key must be a P-256 or Ed25519 key.");
  return row;
}

function encodeJson(value: object): string {
  return encodeBase64Url(new TextEncoder().encode(JSON.stringify(value)));
}
