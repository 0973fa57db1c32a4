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
  createRemoteKeySet,
  type DpopVerification,
  type KeySet,
  type RemoteKeySetOptions,
  SegnoError,
  type SigningAlgorithm,
  systemClock,
  type TokenCaller,
  verifyDpopProof,
} from "@segno/core";
import { attachState } from "./attach.js";
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
  /** For fetching the key set. */
  readonly fetch?: NonNullable<RemoteKeySetOptions["fetch"]>;
  /** Asked about every token that is otherwise good. Anything but `false` refuses. */
  readonly isRevoked?: NonNullable<AccessTokenVerifierOptions<TokenCaller>["isRevoked"]>;
  /** Remembers a proof and says whether it was seen before; default: in this process, for 100000 proofs. */
  readonly isReplay?: NonNullable<DpopVerification["isReplay"]>;
}

const known =
  "issuer audience jwksUrl keys dpop origin algorithms clockToleranceSeconds clock fetch isRevoked isReplay clientCertificate";

/**
 * Lets a request pass when its access token holds: signature, type, issuer, audience, times, possession of the key it
 * or certificate it is bound to, and the conditions asked for. Offline but for the key set, which is fetched once and kept fresh.
 * `getAuth(req)` then tells who it is. Only the `Authorization` header is read.
 *
 * Answers 401 `invalid_token` (also where a bound token comes without its certificate), `invalid_dpop_proof` or `insufficient_user_authentication`, 403 `insufficient_scope`,
 * and 503 `key_set_unavailable` when no key set can be had: never open.
 * Not checked: that the session still lives. A revoked session's token is good until it expires (300 s) unless
 * `isRevoked` looks.
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
  return (req, res, next) => {
    const pass = (state: AuthState): void => {
      attachState(req, res, state);
      assertAccess(state, requirement, clock.nowMs() / 1000);
    };
    const fail = (error: unknown): void => refuseOrThrow({ req, res, next, requirement }, error);
    let state: AuthState | Promise<AuthState>;
    try {
      state = check(req);
      if (!(state instanceof Promise)) pass(state);
    } catch (error) {
      return fail(error);
    }
    if (state instanceof Promise) state.then(pass).then(() => next(), fail);
    else next();
  };
}

/** The check proper: without a promise when the token was seen before and is a plain bearer token. */
function createCheck(options: RequireAccessTokenOptions, clock: Clock) {
  const verifier = createAccessTokenVerifier({ ...pickVerifierOptions(options), keys: keysOf(options), clock });
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

function keysOf(options: RequireAccessTokenOptions): KeySet {
  if (options.keys !== undefined && options.jwksUrl !== undefined)
    throw new TypeError("Give keys or jwksUrl, not both.");
  if (options.keys !== undefined) return options.keys;
  const { clock, fetch } = options;
  const url = options.jwksUrl ?? `${options.issuer.replace(/\/$/, "")}/.well-known/jwks.json`;
  return createRemoteKeySet({ url, ...(clock && { clock }), ...(fetch && { fetch }) });
}

function pickVerifierOptions(options: RequireAccessTokenOptions) {
  const { issuer, audience, algorithms, clockToleranceSeconds, isRevoked, caller = "user" } = options;
  return {
    issuer,
    audience,
    caller,
    ...(algorithms && { algorithms }),
    ...(clockToleranceSeconds !== undefined && { clockToleranceSeconds }),
    ...(isRevoked && { isRevoked }),
  };
}

function originOf({ origin, audience }: RequireAccessTokenOptions): string | undefined {
  if (origin !== undefined) return new URL(origin).origin;
  const url = URL.parse(audience);
  return url?.protocol === "https:" || url?.protocol === "http:" ? url.origin : undefined;
}
