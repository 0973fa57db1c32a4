import { SegnoError, type SegnoErrorCode } from "./errors.js";
import type { AccessTokenClaims, ServiceTokenClaims, TokenCaller } from "./tokens/claims.js";

/** Which user is asking, however they proved it. All times are seconds since the epoch. */
export interface Authentication {
  /** The subject: the user's id. */
  readonly subject: string;
  readonly sessionId: string;
  /** The OAuth client the credential was issued to. */
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** Assurance reached: see `acrSatisfies`. */
  readonly acr: string;
  /** Authentication methods, RFC 8176. */
  readonly amr: readonly string[];
  /** When the user last proved who they are, seconds since the epoch. */
  readonly authTime: number;
  /** When this credential ends, seconds since the epoch. */
  readonly expiresAt: number;
  readonly via: "session" | "access_token";
  /** The verified claims, when the credential was an access token. */
  readonly claims?: AccessTokenClaims;
  /**
   * Clients that act for the subject, the one that sent the request first (RFC 8693 section 4.1). Absent when the
   * subject acts. Only the first may decide about access; the others are history.
   */
  readonly actors?: readonly string[];
}

/** A service that asks for itself. There is no subject in it: what is about no user cannot be mistaken for one. */
export interface ServiceAuthentication {
  /** The OAuth client. Its ids and those of users have nothing to do with each other. */
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** When this credential ends, seconds since the epoch. */
  readonly expiresAt: number;
  readonly via: "access_token";
  readonly claims?: ServiceTokenClaims;
}

/** The outcome of looking at a request: a state with a reason, never a nullable user. */
export type AuthState =
  | ({ readonly status: "authenticated" } & Authentication)
  /** A service with a token of its own (`client_credentials`): no user is asking. */
  | ({ readonly status: "service" } & ServiceAuthentication)
  /** No credential was presented. */
  | { readonly status: "anonymous" }
  /** A good credential that is not strong or recent enough for what was asked (RFC 9470). */
  | {
      readonly status: "step_up_required";
      readonly authentication: Authentication;
      readonly requirement: AccessRequirement;
    }
  /** A credential was presented and refused. */
  | { readonly status: "invalid"; readonly reason: SegnoErrorCode };

/** What a route asks of the caller. Every condition given must hold; an undecidable one fails. */
export interface AccessRequirement {
  /** Scopes that must all be present (space-separated string or list). */
  readonly scope?: string | readonly string[];
  /** The least assurance. */
  readonly acr?: string;
  /** The user must have proved who they are at most this many seconds ago. */
  readonly maxAgeSeconds?: number;
  /**
   * Whether a user must be asking, or a service for itself. Default `user`. With `acr` or `maxAgeSeconds` no service
   * passes: it has never proved who it is the way people do.
   */
  readonly caller?: TokenCaller;
}

/** Assurance values from weak to strong. `phr` and `phrh` are the OpenID EAP ACR values. */
const acrOrder: readonly string[] = ["aal1", "phr", "phrh"];

/**
 * True when `actual` is at least as strong as `required`. Known values: `aal1` (one factor such as a mailed code),
 * `phr` (phishing-resistant: a passkey), `phrh` (phishing-resistant, device-bound hardware key).
 * An unknown value satisfies only itself.
 * @example
 * acrSatisfies("phrh", "phr"); // true
 * acrSatisfies("aal1", "phr"); // false
 */
export function acrSatisfies(actual: string, required: string): boolean {
  if (actual === required) return true;
  const have = acrOrder.indexOf(actual);
  const need = acrOrder.indexOf(required);
  return have >= 0 && need >= 0 && have >= need;
}

/** Who may be asking, by the `caller` of a requirement. */
export type AuthenticationOf<Caller extends TokenCaller> = Caller extends "user"
  ? Authentication
  : Caller extends "service"
    ? ServiceAuthentication
    : Authentication | ServiceAuthentication;

/**
 * Holds a state against a requirement.
 * @param nowSeconds seconds since the epoch
 * @returns the authentication when every condition holds; a user's unless the requirement's `caller` admits services
 * @throws SegnoError `unauthenticated`, the state's own reason, `insufficient_scope`, `insufficient_user_authentication`,
 * or `forbidden` when a service asks where a user must, or the other way round
 * @example
 * const state = await segno.authenticate({ headers: new Headers() });
 * const { subject } = assertAccess(state, { scope: "orders:read" }, systemClock.nowMs() / 1000);
 */
export function assertAccess<Caller extends TokenCaller = "user">(
  state: AuthState,
  requirement: AccessRequirement & { readonly caller?: Caller },
  nowSeconds: number,
): AuthenticationOf<Caller> {
  return checkAccess(state, requirement, nowSeconds) as AuthenticationOf<Caller>;
}

function checkAccess(
  state: AuthState,
  requirement: AccessRequirement,
  nowSeconds: number,
): Authentication | ServiceAuthentication {
  if (state.status === "anonymous") throw new SegnoError("unauthenticated");
  if (state.status === "invalid") throw new SegnoError(state.reason);
  if (state.status === "step_up_required") throw new SegnoError("insufficient_user_authentication");
  if (state.status !== "authenticated" && state.status !== "service")
    throw new SegnoError("unauthenticated", "An engine gave an unknown state.");
  const asked = requirement.caller ?? "user";
  const who = state.status === "service" ? "service" : "user";
  if (asked !== who && asked !== "any") throw new SegnoError("forbidden");
  const missing = scopeList(requirement.scope).filter((scope) => !state.scopes.includes(scope));
  if (missing.length > 0) throw new SegnoError("insufficient_scope");
  const { acr, maxAgeSeconds } = requirement;
  if (state.status === "service") {
    if (acr !== undefined || maxAgeSeconds !== undefined) throw new SegnoError("forbidden");
    return state;
  }
  if (acr !== undefined && !acrSatisfies(state.acr, acr)) throw new SegnoError("insufficient_user_authentication");
  if (maxAgeSeconds !== undefined && !(nowSeconds - state.authTime <= maxAgeSeconds)) {
    throw new SegnoError("insufficient_user_authentication");
  }
  return state;
}

/**
 * The scopes of a requirement as a list.
 * @example
 * scopeList("orders:read orders:write"); // ["orders:read", "orders:write"]
 */
export function scopeList(scope: string | readonly string[] | undefined): readonly string[] {
  if (scope === undefined) return [];
  return typeof scope === "string" ? scope.split(" ").filter((part) => part !== "") : scope;
}
