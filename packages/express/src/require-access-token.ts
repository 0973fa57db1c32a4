import type { IncomingMessage } from "node:http";
import {
  type AccessRequirement,
  type AccessTokenVerifierOptions,
  assertAccess,
  type AuthState,
  authStateOf,
  checkCertificateBinding,
  type ClaimsOf,
  type Clock,
  createAccessTokenVerifier,
  type DpopVerification,
  type Introspection,
  type KeySet,
  type RemoteKeySetOptions,
  SegnoError,
  type SigningAlgorithm,
  type StatusList,
  systemClock,
  type TokenCaller,
  verifyDpopProof,
} from "@segno/core";
import { attachState } from "./attach.js";
import { issuerSources } from "./issuer-sources.js";
import { type ClientCertificateOptions, createThumbprintReader } from "./client-certificate.js";
import type { NodeMiddleware, NodeRequest } from "./node-types.js";
import { createReplayCache } from "./replay-cache.js";
import { parseRequirement, refuseOrThrow } from "./require-auth.js";

/** How an API in another process checks the tokens of an issuer. */
export interface RequireAccessTokenOptions extends AccessRequirement {
  /**
   * Whose tokens: a user's, also where a service acts for one; a service's own; or both. Default `user`. `getAuth` tells
   * them apart by `status`.
   */
  readonly caller?: TokenCaller;
  /** The one issuer, compared byte for byte. */
  readonly issuer: string;
  /** Who this API is: a token must name it. */
  readonly audience: string;
  /** Where the issuer's keys are; default `/.well-known/jwks.json` at the issuer. */
  readonly jwksUrl?: string;
  /**
   * What this API calls itself to the issuer when it fetches the key set: the issuer then waits for it before a new key
   * signs, and lists it by name. Default: no name.
   */
  readonly verifierName?: string;
  /** Keys that are at hand, instead of `jwksUrl`. */
  readonly keys?: KeySet;
  /**
   * `required`: only tokens bound to a key, with a proof of possession (RFC 9449). `optional`, the default: plain
   * bearer tokens too; a token that is bound needs its proof either way.
   */
  readonly dpop?: "required" | "optional";
  /**
   * Origin that clients reach this API at, for the proof's `htu`; default: the origin of `audience` where that is a
   * URL. The Host header is not asked. Without an origin, bound tokens are refused.
   */
  readonly origin?: string;
  /**
   * How a client certificate gets here when a proxy ends TLS; default: only the certificate of the TLS socket counts. A
   * token bound to a certificate (RFC 8705) is refused without it, whatever is set here.
   */
  readonly clientCertificate?: ClientCertificateOptions;
  /** Signature algorithms; default `["ES256"]`. */
  readonly algorithms?: readonly SigningAlgorithm[];
  /** How far clocks may be apart in seconds, 0 to 60; default 5. */
  readonly clockToleranceSeconds?: number;
  readonly clock?: Clock;
  /** For fetching the key set and the status lists. */
  readonly fetch?: NonNullable<RemoteKeySetOptions["fetch"]>;
  /**
   * Tells which tokens were revoked. Default: the lists that the issuer's tokens name, polled: a revoked token is refused
   * within 5 seconds, and every token when no list can be had for 30. Give one of `createStatusList` for other bounds or
   * to read its `state()`; `false` looks nowhere, so that a revoked token is good until it expires.
   */
  readonly statusList?: StatusList | false;
  /** The issuer's introspection endpoint, for `fresh` here and in `requireAuth` below. */
  readonly introspection?: Introspection;
  /**
   * Ask the issuer about each token now, after every other check: what was revoked a moment ago is refused, and nothing
   * passes while the issuer does not answer. For sensitive routes. Needs `introspection`. Default false.
   */
  readonly fresh?: boolean;
  /** Asked about every token that is otherwise good, beside the status list. Anything but `false` refuses. */
  readonly isRevoked?: NonNullable<AccessTokenVerifierOptions<TokenCaller>["isRevoked"]>;
  /** Remembers a proof and says whether it was seen before; default: in this process, for 100000 proofs. */
  readonly isReplay?: NonNullable<DpopVerification["isReplay"]>;
}

const known =
  "issuer audience jwksUrl keys dpop origin algorithms clockToleranceSeconds clock fetch isRevoked isReplay clientCertificate statusList introspection fresh verifierName";

/**
 * Lets a request pass when its access token holds: signature, type, issuer, audience, times, possession of the key it
 * or certificate it is bound to, and the conditions asked for. Offline but for the
 * key set and the status list of the issuer, which are fetched when the first token comes and kept fresh by those that follow.
 * `getAuth(req)` then tells who it is. Only the `Authorization` header is read.
 *
 * Answers 401 `invalid_token` (also where a bound token comes without its certificate), `invalid_dpop_proof` or `insufficient_user_authentication`, 403 `insufficient_scope`,
 * and 503 `key_set_unavailable`, `status_list_unavailable` or `store_unavailable` when it cannot be decided: never open.
 * A revoked session's token is refused within 5 seconds, with `fresh` at once.
 * @throws TypeError at construction for options that are unknown, missing or out of range
 *
 * @example
 * const orders = requireAccessToken({
 *   issuer: "https://app.example.com",
 *   audience: "https://api.example.com",
 *   scope: "orders:read",
 * });
 * app.get("/orders", orders, (req, res) => res.json({ for: getAuth(req) }));
 */
export function requireAccessToken(options: RequireAccessTokenOptions): NodeMiddleware {
  const requirement = parseRequirement(options, known.split(" "));
  const clock = options.clock ?? systemClock;
  const check = createCheck(options, clock);
  const { fresh, introspection } = options;
  if (fresh !== undefined && typeof fresh !== "boolean") throw new TypeError("fresh must be true or false.");
  if (fresh === true && introspection === undefined) throw new TypeError("fresh needs introspection.");
  return (req, res, next) => {
    const pass = (state: AuthState): void => {
      attachState(req, res, state, introspection && (() => askNow(introspection, req, state)));
      assertAccess(state, requirement, clock.nowMs() / 1000);
    };
    const fail = (error: unknown): void => refuseOrThrow({ req, res, next, requirement }, error);
    let state: AuthState | Promise<AuthState>;
    try {
      state = check(req);
      if (fresh === true && introspection !== undefined)
        state = Promise.resolve(state).then((held) => askNow(introspection, req, held));
      if (!(state instanceof Promise)) pass(state);
    } catch (error) {
      return fail(error);
    }
    if (state instanceof Promise) state.then(pass).then(() => next(), fail);
    else next();
  };
}

/** The issuer's word of this moment. */
async function askNow(introspection: Introspection, req: IncomingMessage, held: AuthState): Promise<AuthState> {
  const told = await introspection.introspect(credentialOf(req).token, { fresh: true });
  const claims = "claims" in held ? held.claims : undefined;
  if (told === undefined || claims === undefined || told.jti !== claims.jti || told.sub !== claims.sub)
    throw new SegnoError("token_revoked");
  return held;
}

/** The check proper: without a promise when the token was seen before and is a plain bearer token. */
function createCheck(options: RequireAccessTokenOptions, clock: Clock) {
  const { keys, statusList } = issuerSources(options);
  const isRevoked = bothOf(statusList?.isRevoked, options.isRevoked);
  const verifier = createAccessTokenVerifier({
    ...pickVerifierOptions(options),
    keys,
    clock,
    ...(isRevoked && { isRevoked }),
  });
  const thumbprintOf = createThumbprintReader(options.clientCertificate);
  const isReplay = options.isReplay ?? createReplayCache(clock);
  const origin = originOf(options);
  if (options.dpop !== undefined && options.dpop !== "required" && options.dpop !== "optional") {
    throw new TypeError('dpop must be "required" or "optional".');
  }
  if (options.dpop === "required" && origin === undefined) throw new TypeError("dpop needs the origin of this API.");

  return (req: NodeRequest): AuthState | Promise<AuthState> => {
    const { scheme, token } = credentialOf(req);
    const claims = verifier.verifySync(token);
    if (claims === undefined) return verifier.verify(token).then((verified) => bind(req, scheme, token, verified));
    return bind(req, scheme, token, claims);
  };

  function bind(req: NodeRequest, scheme: string, token: string, claims: ClaimsOf<TokenCaller>) {
    if (claims.cnf?.["x5t#S256"] !== undefined) checkCertificateBinding(claims, thumbprintOf(req));
    const jkt = claims.cnf?.jkt;
    if (jkt === undefined) {
      if (scheme !== "bearer" || options.dpop === "required") throw new SegnoError("invalid_dpop_proof");
      return authStateOf(claims);
    }
    // RFC 9449 section 7.1: a bound token is worth nothing as a bearer token
    if (scheme !== "dpop" || origin === undefined) throw new SegnoError("invalid_token");
    const url = origin + (req.originalUrl ?? req.url ?? "/");
    const use = { proof: proofOf(req), method: req.method ?? "GET", url, accessToken: token, expectedJkt: jkt };
    return verifyDpopProof({ ...use, nowSeconds: clock.nowMs() / 1000, isReplay }).then(() => authStateOf(claims));
  }
}

function credentialOf(req: IncomingMessage): { scheme: string; token: string } {
  const header = req.headers.authorization;
  if (header === undefined) throw new SegnoError("unauthenticated");
  const end = header.indexOf(" ");
  const scheme = (end === -1 ? header : header.slice(0, end)).toLowerCase();
  if (scheme !== "bearer" && scheme !== "dpop") throw new SegnoError("unauthenticated");
  return { scheme, token: end === -1 ? "" : header.slice(end + 1) };
}

/** Node joins repeated headers with a comma, which no proof contains. */
function proofOf(req: IncomingMessage): string {
  const proof = req.headers["dpop"];
  if (typeof proof !== "string") throw new SegnoError("invalid_dpop_proof");
  return proof;
}

type IsRevoked = NonNullable<RequireAccessTokenOptions["isRevoked"]>;

/** Revoked when either says so; undecided when either has to wait. */
function bothOf(list: IsRevoked | undefined, own: IsRevoked | undefined): IsRevoked | undefined {
  if (list === undefined || own === undefined) return list ?? own;
  return (claims, by) => {
    const byList = list(claims, by);
    if (byList instanceof Promise) return byList.then((isRevoked) => (isRevoked === false ? own(claims, by) : true));
    return byList === false ? own(claims, by) : true;
  };
}

function pickVerifierOptions(options: RequireAccessTokenOptions) {
  const { issuer, audience, algorithms, clockToleranceSeconds, caller = "user" } = options;
  return {
    issuer,
    audience,
    caller,
    ...(algorithms && { algorithms }),
    ...(clockToleranceSeconds !== undefined && { clockToleranceSeconds }),
  };
}

function originOf({ origin, audience }: RequireAccessTokenOptions): string | undefined {
  if (origin !== undefined) return new URL(origin).origin;
  const url = URL.parse(audience);
  return url?.protocol === "https:" || url?.protocol === "http:" ? url.origin : undefined;
}
