import { errorInfo, type SegnoErrorCode } from "../errors.js";

/** What a `WWW-Authenticate` challenge says. */
export interface ChallengeInput {
  readonly scheme: "Bearer" | "DPoP";
  /** Why the request was refused. `unauthenticated` (nothing was presented) names no error, as RFC 6750 section 3 asks. */
  readonly code: SegnoErrorCode;
  readonly realm?: string;
  /** The scopes needed, for `insufficient_scope`. */
  readonly scope?: string | readonly string[];
  /** The assurance needed, for `insufficient_user_authentication` (RFC 9470). */
  readonly acrValues?: string | readonly string[];
  /** The greatest age of authentication in seconds, for `insufficient_user_authentication` (RFC 9470). */
  readonly maxAgeSeconds?: number;
  /** Proof algorithms accepted, for the DPoP scheme (RFC 9449 section 7.1). Default `ES256 EdDSA`. */
  readonly algs?: string;
}

/**
 * The value of a `WWW-Authenticate` header: RFC 6750, RFC 9449 section 7.1 and RFC 9470 in one.
 * @example
 * challengeHeader({ scheme: "Bearer", code: "insufficient_user_authentication", acrValues: "phr", maxAgeSeconds: 600 });
 * // Bearer error="insufficient_user_authentication", acr_values="phr", max_age=600
 */
export function challengeHeader(input: ChallengeInput): string {
  const parameters: string[] = [];
  if (input.realm !== undefined) parameters.push(`realm=${quoted(input.realm)}`);
  if (input.code !== "unauthenticated") parameters.push(`error=${quoted(errorInfo(input.code).oauthCode)}`);
  if (input.scope !== undefined) parameters.push(`scope=${quoted(joined(input.scope))}`);
  if (input.acrValues !== undefined) parameters.push(`acr_values=${quoted(joined(input.acrValues))}`);
  if (input.maxAgeSeconds !== undefined) parameters.push(`max_age=${Math.max(0, Math.floor(input.maxAgeSeconds))}`);
  if (input.scheme === "DPoP") parameters.push(`algs=${quoted(input.algs ?? "ES256 EdDSA")}`);
  return parameters.length === 0 ? input.scheme : `${input.scheme} ${parameters.join(", ")}`;
}

function joined(value: string | readonly string[]): string {
  return typeof value === "string" ? value : value.join(" ");
}

/** A quoted-string of visible ASCII; everything else is left out, so that no value can end the header. */
function quoted(value: string): string {
  return `"${value.replace(/[^\x20-\x7e]/g, "").replace(/["\\]/g, (character) => `\\${character}`)}"`;
}
