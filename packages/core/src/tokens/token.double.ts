import { constants, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { encodeBase64Url } from "../base64url.js";
import { isSegnoError } from "../errors.js";
import { algorithmRow } from "./algorithms.js";
import type { PublicJwk } from "./jwk.js";

/** A key pair for tests. */
export interface TestKey {
  readonly privateKey: KeyObject;
  readonly jwk: PublicJwk & { readonly kid: string };
}

export const issuer = "https://app.example.com";
export const audience = "https://api.example.com";
/** Seconds since the epoch at which test tokens are issued. */
export const issuedAt = 1_800_000_000;

export function testKey(kid: string, alg = "ES256"): TestKey {
  const pair = pairFor(alg);
  return { privateKey: pair.privateKey, jwk: { ...pair.publicKey.export({ format: "jwk" }), kid, alg, use: "sig" } };
}

function pairFor(alg: string): { privateKey: KeyObject; publicKey: KeyObject } {
  const row = algorithmRow(alg);
  if (row?.kty === "RSA") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  if (row?.kty === "OKP") return generateKeyPairSync("ed25519");
  return generateKeyPairSync("ec", { namedCurve: alg === "ES384" ? "P-384" : "P-256" });
}

export function goodClaims(overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    iss: issuer,
    sub: "user-1",
    aud: audience,
    client_id: "segno",
    jti: "token-1",
    iat: issuedAt,
    exp: issuedAt + 300,
    scope: "orders:read",
    sid: "session-1",
    acr: "phr",
    amr: ["swk", "user"],
    auth_time: issuedAt - 10,
    ...overrides,
  };
}

export function goodHeader(key: TestKey, overrides: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return { alg: key.jwk.alg, typ: "at+jwt", kid: key.jwk.kid, ...overrides };
}

export function encodeText(text: string): string {
  return encodeBase64Url(new TextEncoder().encode(text));
}

/** Signs whatever texts it is given as header and payload: also ones no issuer would write. */
export function signTexts(key: TestKey, header: string, payload: string): string {
  const signingInput = `${encodeText(header)}.${encodeText(payload)}`;
  return `${signingInput}.${encodeBase64Url(signBytes(key, signingInput))}`;
}

export function signBytes(key: TestKey, signingInput: string): Uint8Array {
  const row = algorithmRow(key.jwk.alg);
  const padding = row?.nodePadding === "pss" ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : undefined;
  return sign(row?.nodeHash ?? null, new TextEncoder().encode(signingInput), {
    key: key.privateKey,
    dsaEncoding: "ieee-p1363",
    ...padding,
  });
}

export function signToken(
  key: TestKey,
  claims: Readonly<Record<string, unknown>> = goodClaims(),
  header: Readonly<Record<string, unknown>> = goodHeader(key),
): string {
  return signTexts(key, JSON.stringify(header), JSON.stringify(claims));
}

export interface TurnableClock {
  nowMs(): number;
  turnTo(seconds: number): void;
}

export function turnableClock(startSeconds: number = issuedAt): TurnableClock {
  let nowMs = startSeconds * 1000;
  return {
    nowMs: () => nowMs,
    turnTo: (seconds) => {
      nowMs = seconds * 1000;
    },
  };
}

/** The SegnoError code of what a function throws or rejects with; `accepted` when it does neither. */
export async function outcome(run: () => unknown): Promise<string> {
  try {
    await run();
    return "accepted";
  } catch (caught) {
    if (isSegnoError(caught)) return caught.code;
    throw caught;
  }
}
