import { SegnoError, type SegnoErrorCode } from "../errors.js";
import type { AccessTokenClaims } from "./claims.js";
import type { JsonObject } from "./strict-json.js";

/** What the claims are held against. */
export interface ClaimExpectations {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly toleranceSeconds: number;
}

const requiredStrings = ["sub", "client_id", "jti", "sid", "acr"] as const;
const thumbprintPattern = /^[A-Za-z0-9_-]{43}$/;

/**
 * Holds verified claims against the expectations: absent, null, empty and wrongly typed claims are all refused.
 * `scope` may be the empty string: it grants nothing. RFC 9068 section 4, RFC 8725 section 3.
 * @throws SegnoError `token_issuer`, `token_audience`, `token_claim`, `token_expired`, `token_not_yet_valid`
 */
export function validateClaims(payload: JsonObject, expect: ClaimExpectations, nowSeconds: number): AccessTokenClaims {
  if (payload["iss"] !== expect.issuer) throw refused("token_issuer", "iss");
  if (!audienceMatches(payload["aud"], expect.audiences)) throw refused("token_audience", "aud");
  for (const name of requiredStrings) {
    const value = payload[name];
    if (typeof value !== "string" || value === "") throw refused("token_claim", name);
  }
  if (typeof payload["scope"] !== "string") throw refused("token_claim", "scope");
  if (!isStringList(payload["amr"])) throw refused("token_claim", "amr");
  if (!isTime(payload["auth_time"])) throw refused("token_claim", "auth_time");
  if (!isTime(payload["iat"])) throw refused("token_claim", "iat");
  if (!isTime(payload["exp"])) throw refused("token_claim", "exp");
  if ("nbf" in payload && !isTime(payload["nbf"])) throw refused("token_claim", "nbf");
  if ("cnf" in payload && !isConfirmation(payload["cnf"])) throw refused("token_claim", "cnf");
  const claims = payload as unknown as AccessTokenClaims; // every member was checked above
  checkTimes(claims, expect.toleranceSeconds, nowSeconds);
  return claims;
}

/**
 * Issued, begun and not over, give or take the tolerance. Also run on every cache hit, in both directions: a clock
 * that was set back does not bring an expired token back to life, because its issue time then lies ahead.
 * @throws SegnoError `token_expired`, `token_not_yet_valid`
 */
export function checkTimes(claims: AccessTokenClaims, toleranceSeconds: number, nowSeconds: number): void {
  if (!(nowSeconds < claims.exp + toleranceSeconds)) throw refused("token_expired", "exp");
  const latest = nowSeconds + toleranceSeconds;
  if (!(claims.iat <= latest)) throw refused("token_not_yet_valid", "iat");
  if (claims.nbf !== undefined && !(claims.nbf <= latest)) throw refused("token_not_yet_valid", "nbf");
}

function audienceMatches(aud: unknown, accepted: readonly string[]): boolean {
  if (typeof aud === "string") return aud !== "" && accepted.includes(aud);
  return isStringList(aud) && aud.some((item) => accepted.includes(item));
}

function isStringList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string" && item !== "");
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0 && value <= Number.MAX_SAFE_INTEGER;
}

/** Only a DPoP key is understood; a binding we cannot check must not read as "not bound". */
function isConfirmation(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("jkt" in value)) return false;
  return typeof value.jkt === "string" && thumbprintPattern.test(value.jkt) && Object.keys(value).length === 1;
}

function refused(code: SegnoErrorCode, claim: string): SegnoError {
  return new SegnoError(code, `The access token was refused because of its ${claim} claim.`, { detail: { claim } });
}
