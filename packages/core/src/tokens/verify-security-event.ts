import { backend } from "#crypto";
import { SegnoError, type SegnoErrorCode } from "../errors.js";
import { type AlgorithmRow, allowedRows, type SigningAlgorithm } from "./algorithms.js";
import type { KeySet } from "./key-set.js";
import { parseJws } from "./parse-jws.js";
import type { JsonObject } from "./strict-json.js";

/** What `verifySecurityEvent` needs. */
export interface SecurityEventVerification {
  /** The token as it arrived: `application/secevent+jwt`. */
  readonly token: string;
  /** Who must have signed it, exactly. */
  readonly issuer: string;
  /** What the issuer calls us: `aud` is that, or a list that holds it. */
  readonly audience: string;
  /** The issuer's public keys. */
  readonly keys: KeySet;
  /** Default ES256, PS256, RS256, EdDSA and Ed25519. A key is only used with an algorithm its type, curve and own `alg` allow. */
  readonly algorithms?: readonly SigningAlgorithm[];
  /** Seconds since the epoch. */
  readonly nowSeconds: number;
  /** How far the issuer's clock may be ahead, in seconds. Default 60. */
  readonly clockToleranceSeconds?: number;
  /** How old a token may be, in seconds: so long its `jti` must be remembered. Default 7 days. */
  readonly maxAgeSeconds?: number;
}

/** A security event token that was verified. */
export interface SecurityEvent {
  /** Unique per issuer: whoever acts on it must act once. */
  readonly jti: string;
  readonly issuedAtSeconds: number;
  /** When the same token is refused as too old, seconds since the epoch: remember `jti` until then. */
  readonly expiresAtSeconds: number;
  /** Whom it is about (RFC 9493), unchecked beyond being an object with a `format`. */
  readonly subject: JsonObject;
  /** The event's URI. */
  readonly type: string;
  /** What the event says, unchecked. */
  readonly payload: JsonObject;
}

const usualAlgorithms = /* @__PURE__ */ allowedRows(["ES256", "PS256", "RS256", "EdDSA", "Ed25519"]);
const maxIdLength = 256;
const weekSeconds = 604_800;

/**
 * Who a security event token says it comes from. Nothing is proven yet: it only says whose keys to look for.
 * @throws SegnoError `token_malformed`, `token_claim`
 * @example
 * const issuer = readSecurityEventIssuer(token);
 */
export function readSecurityEventIssuer(token: string): string {
  const { iss } = parseJws(token).payload;
  if (typeof iss !== "string" || iss === "") throw refused("token_claim", "iss");
  return iss;
}

/**
 * Checks a security event token (RFC 8417) as the Shared Signals Framework 1.0 profiles it: `typ` is `secevent+jwt`, one
 * spelling, an asymmetric algorithm that fits the issuer's own key, `iss`, `aud`, `iat` neither ahead nor too old, one event,
 * one `sub_id`, and neither `exp` nor `sub`, so that no other kind of token passes for one.
 *
 * Not checked: that it is seen for the first time; what the event says.
 * @throws SegnoError `token_malformed`, `token_type`, `token_algorithm`, `token_key_unknown`, `token_signature`,
 * `token_issuer`, `token_audience`, `token_claim`, `token_expired` (too old), `token_not_yet_valid`; `key_set_unavailable`
 * @example
 * const issuer = "https://idp.example.com";
 * const audience = "https://app.example.com";
 * const event = await verifySecurityEvent({ token, issuer, audience, keys, nowSeconds: Date.now() / 1000 });
 */
export async function verifySecurityEvent(input: SecurityEventVerification): Promise<SecurityEvent> {
  const { header, payload, signingInput, signature } = parseJws(input.token);
  const row = checkHeader(header, input.algorithms === undefined ? usualAlgorithms : allowedRows(input.algorithms));
  const key = await input.keys.resolve({ kid: header["kid"] as string | undefined, alg: row.alg });
  if (key === undefined) throw refused("token_key_unknown", "kid");
  const isRightLength = row.signatureBytes === undefined || signature.length === row.signatureBytes;
  const isSigned =
    isRightLength &&
    (backend.verifySync === undefined
      ? await backend.verify(key.key, signingInput, signature)
      : backend.verifySync(key.key, signingInput, signature));
  if (!isSigned) throw refused("token_signature", "signature");
  return checkClaims(payload, input);
}

function checkHeader(header: JsonObject, allowed: ReadonlyMap<string, AlgorithmRow>): AlgorithmRow {
  const { alg, typ } = header;
  // RFC 8417 section 2.3; the media type's own name counts, as in RFC 7515 section 4.1.9
  if (typ !== "secevent+jwt" && typ !== "application/secevent+jwt") throw refused("token_type", "typ");
  const row = typeof alg === "string" ? allowed.get(alg) : undefined;
  if (row === undefined) throw refused("token_algorithm", "alg");
  for (const name of ["jwk", "jku", "x5u", "x5c"]) if (name in header) throw refused("token_malformed", name);
  return row;
}

function checkClaims(payload: JsonObject, input: SecurityEventVerification): SecurityEvent {
  const { iss, aud, jti, iat, sub_id: subject } = payload;
  const { nowSeconds, clockToleranceSeconds = 60, maxAgeSeconds = weekSeconds } = input;
  if (iss !== input.issuer) throw refused("token_issuer", "iss");
  if (aud !== input.audience && !(isTextList(aud) && aud.includes(input.audience)))
    throw refused("token_audience", "aud");
  for (const name of ["exp", "sub"]) if (name in payload) throw refused("token_claim", name);
  if (typeof jti !== "string" || jti === "" || jti.length > maxIdLength) throw refused("token_claim", "jti");
  if (!(typeof iat === "number" && Number.isFinite(iat) && iat >= 0)) throw refused("token_claim", "iat");
  if (!(iat <= nowSeconds + clockToleranceSeconds)) throw refused("token_not_yet_valid", "iat");
  const expiresAtSeconds = iat + maxAgeSeconds + clockToleranceSeconds;
  if (!(nowSeconds < expiresAtSeconds)) throw refused("token_expired", "iat");
  if (!isObject(subject) || typeof subject["format"] !== "string") throw refused("token_claim", "sub_id");
  const events = isObject(payload["events"]) ? Object.entries(payload["events"]) : [];
  const [only] = events;
  if (events.length !== 1 || only === undefined || !isObject(only[1])) throw refused("token_claim", "events");
  return { jti, issuedAtSeconds: iat, expiresAtSeconds, subject, type: only[0], payload: only[1] };
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refused(code: SegnoErrorCode, part: string): SegnoError {
  return new SegnoError(code, `The security event token was refused because of its ${part}.`, {
    detail: { claim: part },
  });
}
