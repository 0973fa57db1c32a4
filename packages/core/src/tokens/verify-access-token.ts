import { backend } from "#crypto";
import { type Clock, systemClock } from "../clock.js";
import { isSegnoError, SegnoError } from "../errors.js";
import { type AlgorithmRow, allowedRows, type SigningAlgorithm } from "./algorithms.js";
import type { AccessTokenClaims, ClaimsOf, TokenCaller } from "./claims.js";
import type { KeyQuery, KeySet, VerificationKey } from "./key-set.js";
import { decodeJwsSignature, type JwsParts, parseJwsHeader, parseJwsPayload, splitJws } from "./parse-jws.js";
import type { JsonObject } from "./strict-json.js";
import { type CachedToken, createTokenCache, type TokenMatch } from "./token-cache.js";
import { checkTimes, type ClaimExpectations, validateClaims } from "./validate-claims.js";

/** Options of `createAccessTokenVerifier`. */
export interface AccessTokenVerifierOptions<Caller extends TokenCaller = "user"> {
  /** The one issuer, compared byte for byte. */
  readonly issuer: string;
  /** Who we are: a token must name at least one of these. */
  readonly audience: string | readonly string[];
  readonly keys: KeySet;
  /**
   * Whose tokens are accepted. Default `user`: a token that a service got for itself is refused, because who reads
   * `sub` as a user's id would take it for one.
   */
  readonly caller?: Caller;
  /** Default `["ES256"]`. A key is only used with an algorithm its type, curve and own `alg` allow. */
  readonly algorithms?: readonly SigningAlgorithm[];
  /** How far clocks may be apart, in seconds: 0 to 60, default 5. */
  readonly clockToleranceSeconds?: number;
  readonly clock?: Clock;
  /** Remembers verified tokens by digest. Default `{ maxEntries: 10000 }`; `false` turns it off. */
  readonly cache?: { readonly maxEntries: number } | false;
  /**
   * Asked about every token that is otherwise good, also on cache hits. Anything but `false` refuses the token, and
   * what it throws becomes `store_unavailable`, unless it is a SegnoError that says what is not available. A synchronous
   * answer keeps `verifySync` synchronous. `createStatusList` makes one that asks the issuer's status lists.
   */
  readonly isRevoked?: (claims: ClaimsOf<Caller>, by: SignedBy) => boolean | Promise<boolean>;
}

/** Which key signed a token. */
export interface SignedBy {
  /** As its header names it; undefined where it names none. */
  readonly kid: string | undefined;
}

/** Checks access tokens. Make one per issuer and audience and keep it. */
export interface AccessTokenVerifier<Claims = AccessTokenClaims> {
  /**
   * @throws SegnoError `token_*` when the token is refused, `key_set_unavailable` or `store_unavailable` when it
   * cannot be decided now
   */
  verify(token: string): Promise<Claims>;
  /**
   * The same without waiting. `undefined` means "cannot be decided without waiting: call `verify`" (key not loaded,
   * asynchronous `isRevoked`, or a platform without synchronous cryptography). It never means "good".
   * @throws SegnoError `token_*`
   */
  verifySync(token: string): Claims | undefined;
  /** Drops matching tokens from the cache, for example those of a revoked session. @returns how many */
  forget(match: TokenMatch): number;
}

/** A header that passed: which key and which algorithm. */
interface CheckedHeader {
  readonly row: AlgorithmRow;
  readonly query: KeyQuery;
}

/**
 * Makes a verifier for JWT access tokens (RFC 9068): strict canonical JWS, `typ: at+jwt`, an allowed algorithm with a
 * key of matching type, one exact issuer, audience, `exp`, `iat`, `nbf` within the tolerance, and every claim of
 * `AccessTokenClaims` present with the right type (of `ServiceTokenClaims` where `caller` admits services). On Node a check runs synchronously when nothing else is going on and
 * on the thread pool when several are in flight.
 *
 * Not checked: possession of the key in `cnf.jkt` (see `verifyDpopProof`) or of the certificate in `cnf["x5t#S256"]` (see
 * `checkCertificateBinding`; a token with `cnf` must not be accepted as a plain bearer token), scopes, assurance and age (see `assertAccess`), and whether the session still lives, unless
 * `isRevoked` looks.
 * @throws TypeError when an option is missing or out of range
 * @example
 * const verifier = createAccessTokenVerifier({
 *   issuer: "https://app.example.com",
 *   audience: "https://api.example.com",
 *   keys: createRemoteKeySet({ url: "https://app.example.com/.well-known/jwks.json" }),
 * });
 * const claims = await verifier.verify(token);
 */
export function createAccessTokenVerifier<Caller extends TokenCaller = "user">(
  options: AccessTokenVerifierOptions<Caller>,
): AccessTokenVerifier<ClaimsOf<Caller>> {
  type Claims = ClaimsOf<Caller>;
  const { keys, isRevoked } = options;
  const clock = options.clock ?? systemClock;
  const expect = checkedExpectations(options);
  const allowed = allowedRows(options.algorithms ?? ["ES256"]);
  const cache =
    options.cache === false ? undefined : createTokenCache(checkedSize(options.cache?.maxEntries ?? 10_000));
  const headers = new Map<string, CheckedHeader>();
  let inFlight = 0;

  function nowSeconds(): number {
    return clock.nowMs() / 1000;
  }

  /** A remembered token, if its key is still in the set and its time has not passed. */
  function recall(digest: string): CachedToken | undefined {
    const entry = cache?.get(digest);
    if (entry === undefined) return undefined;
    if (keys.current({ kid: entry.kid, alg: entry.key.alg }) !== entry.key) {
      cache?.delete(digest);
      return undefined;
    }
    checkTimes(entry.claims, expect.toleranceSeconds, nowSeconds());
    return entry;
  }

  function dropAndRefuse(digest: string | undefined): SegnoError {
    if (digest !== undefined) cache?.delete(digest);
    return new SegnoError("token_revoked");
  }

  /** @returns true when it was decided without waiting */
  function checkRevokedSync(claims: Claims, by: SignedBy, digest: string | undefined): boolean {
    if (isRevoked === undefined) return true;
    const answer = askRevoked(isRevoked, claims, by);
    if (answer instanceof Promise) {
      answer.catch(() => undefined); // verify() will ask again
      return false;
    }
    if (answer !== false) throw dropAndRefuse(digest);
    return true;
  }

  /** An answer that is there is taken without another promise. */
  function checkRevoked(claims: Claims, by: SignedBy, digest: string | undefined): Claims | Promise<Claims> {
    if (isRevoked === undefined) return claims;
    const answer = askRevoked(isRevoked, claims, by);
    if (answer instanceof Promise) return awaitRevoked(answer, claims, digest);
    if (answer !== false) throw dropAndRefuse(digest);
    return claims;
  }

  async function awaitRevoked(asked: Promise<unknown>, claims: Claims, digest: string | undefined): Promise<Claims> {
    let answer: unknown;
    try {
      answer = await asked;
    } catch (cause) {
      throw revocationUnknown(cause);
    }
    if (answer !== false) throw dropAndRefuse(digest);
    return claims;
  }

  function checkedHeader(text: string): CheckedHeader {
    return headers.get(text) ?? checkHeader(parseJwsHeader(text), allowed);
  }

  /** Everything after the signature held. */
  function accept(parts: JwsParts, header: CheckedHeader, key: VerificationKey, digest: string | undefined): Claims {
    if (headers.size < maxHeaders && !headers.has(parts.header)) headers.set(parts.header, header);
    const claims = validateClaims(parseJwsPayload(parts.payload), expect, nowSeconds());
    if (digest !== undefined) cache?.set(digest, { claims, kid: header.query.kid, key });
    return claims as Claims; // of the callers asked for: validateClaims saw to it
  }

  function verifySync(token: string): Claims | undefined {
    if (backend.verifySync === undefined || backend.sha256Sync === undefined) return undefined;
    const parts = splitJws(token);
    const digest = cache === undefined ? undefined : backend.sha256Sync(token);
    const known = digest === undefined ? undefined : recall(digest);
    if (known !== undefined) {
      const claims = known.claims as Claims; // this verifier alone fills its cache
      return checkRevokedSync(claims, known, digest) ? claims : undefined;
    }
    const header = checkedHeader(parts.header);
    const key = keys.current(header.query);
    if (key === undefined) return undefined;
    const signature = signatureOf(parts, header.row);
    if (!backend.verifySync(key.key, parts.signingInput, signature)) throw badSignature();
    const claims = accept(parts, header, key, digest);
    return checkRevokedSync(claims, header.query, digest) ? claims : undefined;
  }

  async function verify(token: string): Promise<Claims> {
    const parts = splitJws(token);
    let digest: string | undefined;
    if (cache !== undefined) {
      digest = backend.sha256Sync === undefined ? await backend.sha256(token) : backend.sha256Sync(token);
      const known = recall(digest);
      if (known !== undefined) {
        const claims = known.claims as Claims;
        return checkRevoked(claims, known, digest);
      }
    }
    const header = checkedHeader(parts.header);
    const signature = signatureOf(parts, header.row);
    const key = keys.current(header.query) ?? (await keys.resolve(header.query));
    if (key === undefined) throw new SegnoError("token_key_unknown");
    const signed = isSigned(key, parts.signingInput, signature);
    if (!(typeof signed === "boolean" ? signed : await signed)) throw badSignature();
    const claims = accept(parts, header, key, digest);
    return checkRevoked(claims, header.query, digest);
  }

  /** At once while nothing else is going on; on the platform's own threads when several checks are in flight. */
  function isSigned(key: VerificationKey, signingInput: string, signature: Uint8Array): boolean | Promise<boolean> {
    inFlight += 1;
    if (inFlight === 1 && backend.verifySync !== undefined) {
      void settled.then(leave); // calls made before then are concurrent with this one
      return backend.verifySync(key.key, signingInput, signature);
    }
    return backend.verify(key.key, signingInput, signature).finally(leave);
  }

  function leave(): void {
    inFlight -= 1;
  }

  return { verify, verifySync, forget: (match) => cache?.forget(match) ?? 0 };
}

/** Distinct header texts remembered as checked. Only headers of well-signed tokens get there. */
const maxHeaders = 32;

/** Header checks: everything that must hold before a key is looked up. */
function checkHeader(header: JsonObject, allowed: ReadonlyMap<string, AlgorithmRow>): CheckedHeader {
  const row = typeof header["alg"] === "string" ? allowed.get(header["alg"]) : undefined;
  if (row === undefined) throw new SegnoError("token_algorithm");
  if (header["typ"] !== "at+jwt" && header["typ"] !== "application/at+jwt") throw new SegnoError("token_type");
  for (const name of ["jwk", "jku", "x5u", "x5c"]) {
    if (name in header) {
      throw new SegnoError("token_malformed", "The token brings its own key.", { detail: { reason: name } });
    }
  }
  return { row, query: { kid: header["kid"] as string | undefined, alg: row.alg } };
}

/** Runs what is chained to it at the end of the current turn; a fifth of the price of queueMicrotask on Node. */
const settled: Promise<void> = /* @__PURE__ */ Promise.resolve();

function signatureOf(parts: JwsParts, row: AlgorithmRow): Uint8Array {
  const signature = decodeJwsSignature(parts.signature);
  if (row.signatureBytes !== undefined && signature.length !== row.signatureBytes) throw badSignature();
  return signature;
}

function badSignature(): SegnoError {
  return new SegnoError("token_signature");
}

function revocationUnknown(cause: unknown): SegnoError {
  if (isSegnoError(cause)) return cause;
  return new SegnoError("store_unavailable", "Whether the token is revoked could not be found out.", { cause });
}

function askRevoked<Claims>(
  isRevoked: (claims: Claims, by: SignedBy) => boolean | Promise<boolean>,
  claims: Claims,
  by: SignedBy,
): boolean | Promise<boolean> {
  try {
    return isRevoked(claims, by);
  } catch (cause) {
    throw revocationUnknown(cause);
  }
}

function checkedExpectations(options: AccessTokenVerifierOptions<TokenCaller>): ClaimExpectations {
  const audiences = typeof options.audience === "string" ? [options.audience] : [...options.audience];
  const toleranceSeconds = options.clockToleranceSeconds ?? 5;
  if (!isText(options.issuer)) throw new TypeError("`issuer` must be a text that is not empty.");
  if (audiences.length === 0 || !audiences.every(isText))
    throw new TypeError("`audience` must be texts that are not empty.");
  if (!(toleranceSeconds >= 0 && toleranceSeconds <= 60)) {
    throw new TypeError("`clockToleranceSeconds` must be between 0 and 60.");
  }
  const caller = options.caller ?? "user";
  if (!["user", "service", "any"].includes(caller)) throw new TypeError("`caller` must be user, service or any.");
  return { issuer: options.issuer, audiences, toleranceSeconds, caller };
}

/** Compared byte by byte: a pattern is no text. */
function isText(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function checkedSize(maxEntries: number): number {
  if (!(Number.isSafeInteger(maxEntries) && maxEntries > 0)) throw new TypeError("`maxEntries` must be positive.");
  return maxEntries;
}
