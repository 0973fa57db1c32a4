import { SegnoError, type SegnoErrorCode } from "../errors.js";
import type { AccessTokenClaims, ServiceTokenClaims, TokenCaller } from "./claims.js";
import type { JsonObject } from "./strict-json.js";

/** What the claims are held against. */
export interface ClaimExpectations {
  readonly issuer: string;
  readonly audiences: readonly string[];
  readonly toleranceSeconds: number;
  /** Whose tokens are accepted. */
  readonly caller: TokenCaller;
}

type AnyClaims = AccessTokenClaims | ServiceTokenClaims;

const ofAll = ["sub", "client_id", "jti"] as const;
/** A token has all of them and is a user's, or none and is a service's. */
const ofUsers = ["sid", "acr", "amr", "auth_time"] as const;
const maxActors = 4;
const thumbprintPattern = /^[A-Za-z0-9_-]{43}$/;

/**
 * Holds verified claims against the expectations: absent, null, empty and wrongly typed claims are all refused.
 * `scope` may be the empty string: it grants nothing. RFC 9068 section 4, RFC 8725 section 3.
 * @throws SegnoError `token_issuer`, `token_audience`, `token_claim`, `token_expired`, `token_not_yet_valid`
 */
export function validateClaims(payload: JsonObject, expect: ClaimExpectations, nowSeconds: number): AnyClaims {
  if (payload["iss"] !== expect.issuer) throw refused("token_issuer", "iss");
  if (!audienceMatches(payload["aud"], expect.audiences)) throw refused("token_audience", "aud");
  for (const name of ofAll) if (!isText(payload[name])) throw refused("token_claim", name);
  if (typeof payload["scope"] !== "string") throw refused("token_claim", "scope");
  if (expect.caller !== "user" && !("sid" in payload)) checkService(payload);
  else if (expect.caller === "service") throw refused("token_claim", "sid");
  else checkUser(payload);
  if (!isTime(payload["iat"])) throw refused("token_claim", "iat");
  if (!isTime(payload["exp"])) throw refused("token_claim", "exp");
  if ("nbf" in payload && !isTime(payload["nbf"])) throw refused("token_claim", "nbf");
  if ("cnf" in payload && !isConfirmation(payload["cnf"])) throw refused("token_claim", "cnf");
  if ("status" in payload && !isStatus(payload["status"])) throw refused("token_claim", "status");
  const claims = payload as unknown as AnyClaims; // every member was checked above
  checkTimes(claims, expect.toleranceSeconds, nowSeconds);
  return claims;
}

function checkUser(payload: JsonObject): void {
  if (!isText(payload["sid"])) throw refused("token_claim", "sid");
  if (!isText(payload["acr"])) throw refused("token_claim", "acr");
  if (!isStringList(payload["amr"])) throw refused("token_claim", "amr");
  if (!isTime(payload["auth_time"])) throw refused("token_claim", "auth_time");
  if ("act" in payload && !isActor(payload["act"], 1)) throw refused("token_claim", "act");
}

/** Half a user is nobody: a token that lacks a session but tells of a sign-in is refused. */
function checkService(payload: JsonObject): void {
  for (const name of [...ofUsers, "act"]) if (name in payload) throw refused("token_claim", name);
  if (payload["sub"] !== payload["client_id"]) throw refused("token_claim", "sub");
}

/**
 * Issued, begun and not over, give or take the tolerance. Also run on every cache hit, in both directions: a clock
 * that was set back does not bring an expired token back to life, because its issue time then lies ahead.
 * @throws SegnoError `token_expired`, `token_not_yet_valid`
 */
export function checkTimes(claims: AnyClaims, toleranceSeconds: number, nowSeconds: number): void {
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

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** Keys and certificates are understood; a binding we cannot check must not read as "not bound". */
function isConfirmation(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const members = Object.entries(value);
  return (
    members.length > 0 &&
    members.every(
      ([name, text]) =>
        (name === "jkt" || name === "x5t#S256") && typeof text === "string" && thumbprintPattern.test(text),
    )
  );
}

function isActor(value: unknown, depth: number): boolean {
  if (typeof value !== "object" || value === null || depth > maxActors) return false;
  const { sub, act } = value as Readonly<Record<string, unknown>>;
  return isText(sub) && (!("act" in value) || isActor(act, depth + 1));
}

/** A status we cannot look up must not read as "not revoked". Other mechanisms may stand beside the list. */
function isStatus(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("status_list" in value)) return false;
  const list = value.status_list;
  if (typeof list !== "object" || list === null || !("idx" in list) || !("uri" in list)) return false;
  return Number.isSafeInteger(list.idx) && Number(list.idx) >= 0 && typeof list.uri === "string" && list.uri !== "";
}

function refused(code: SegnoErrorCode, claim: string): SegnoError {
  return new SegnoError(code, `The access token was refused because of its ${claim} claim.`, { detail: { claim } });
}
