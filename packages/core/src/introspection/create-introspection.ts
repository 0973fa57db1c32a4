import { backend } from "#crypto";
import { type Clock, systemClock } from "../clock.js";
import { SegnoError } from "../errors.js";
import type { ClaimsOf, TokenCaller } from "../tokens/claims.js";
import { fetchText, type KeySetFetch } from "../tokens/fetch-text.js";
import { checkedUrl, isWithin, positive } from "../tokens/polling.js";
import { parseJsonObject } from "../tokens/strict-json.js";

/** Options of `createIntrospection`. */
export interface IntrospectionOptions {
  /** The issuer's introspection endpoint: https, or http on loopback. */
  readonly url: string | URL;
  /** Who is asking: one of the engine's `tokens.introspectionClients`. */
  readonly clientId: string;
  readonly clientSecret: string;
  /** How long "active" is believed without asking again, in seconds. Default 5; 0 asks each time. */
  readonly cacheSeconds?: number;
  /** The most answers that are remembered. Default 10000. */
  readonly maxEntries?: number;
  /**
   * Asked about every remembered answer, so that a revocation ends it sooner: the `isRevoked` of a status list.
   * Anything but `false` drops it, and the issuer is asked.
   */
  readonly isRevoked?: (claims: ActiveToken) => boolean | Promise<boolean>;
  readonly clock?: Clock;
  /** Default: the platform's fetch. */
  readonly fetch?: KeySetFetch;
  /** How long one request may take, in milliseconds. Default 2000. */
  readonly timeoutMs?: number;
}

/** What the issuer says of a token that is good (RFC 7662 section 2.2). */
export type ActiveToken = Partial<ClaimsOf<TokenCaller>> & { readonly token_type?: string };

/** Asks an issuer about tokens. `createIntrospection` makes one. */
export interface Introspection {
  /**
   * What the issuer says of a token; undefined when it is not good.
   * @param options `fresh` asks now, whatever is remembered
   * @throws SegnoError `store_unavailable` when the issuer does not answer, or answers what makes no sense
   */
  introspect(token: string, options?: { readonly fresh?: boolean }): Promise<ActiveToken | undefined>;
  /** Forgets what is known of a session's, a user's or one token. @returns how many answers */
  forget(match: { readonly jti?: string; readonly sid?: string; readonly sub?: string }): number;
}

interface Remembered {
  readonly claims: ActiveToken;
  readonly askedAtMs: number;
}

/**
 * Asks an issuer's introspection endpoint (RFC 7662) whether tokens are good. "Active" is remembered for
 * `cacheSeconds`, never past the token's `exp`; a revocation that is known here ends it at once. "Not active" and
 * failures are never remembered. However many callers ask about one token at once, the issuer is asked once, except for
 * those that say `fresh`.
 *
 * Not checked: signature, audience, possession of a bound key. Have an access token verifier do that first.
 * @throws TypeError when an option is missing or out of range
 * @example
 * const introspection = createIntrospection({
 *   url: "https://app.example.com/api/auth/oauth2/introspect",
 *   clientId: "orders",
 *   clientSecret: "a-secret-of-the-orders-api",
 * });
 * const isGood = (await introspection.introspect(token, { fresh: true })) !== undefined;
 */
export function createIntrospection(options: IntrospectionOptions): Introspection {
  const url = checkedUrl(options.url, "introspection");
  const clock = options.clock ?? systemClock;
  const timeoutMs = positive(options.timeoutMs, 2_000, "timeoutMs");
  const maxEntries = positive(options.maxEntries, 10_000, "maxEntries");
  const cacheSeconds = options.cacheSeconds ?? 5;
  if (!(cacheSeconds >= 0 && cacheSeconds <= 300)) throw new TypeError("`cacheSeconds` must be between 0 and 300.");
  if (options.clientId === "" || options.clientSecret === "")
    throw new TypeError("`clientId` and `clientSecret` are empty.");
  const authorization = `Basic ${btoa(`${formEncode(options.clientId)}:${formEncode(options.clientSecret)}`)}`;
  const remembered = new Map<string, Remembered>();
  /** What is being asked, by token: callers that may be given a remembered answer may share one that is on its way. */
  const underWay = new Map<string, Promise<ActiveToken | undefined>>();
  let forgets = 0;

  async function recall(digest: string): Promise<ActiveToken | undefined> {
    const entry = remembered.get(digest);
    if (entry === undefined) return undefined;
    const nowMs = clock.nowMs();
    const isYoung = isWithin(nowMs - entry.askedAtMs, cacheSeconds * 1000) && nowMs < (entry.claims.exp ?? 0) * 1000;
    if (isYoung && (options.isRevoked === undefined || (await options.isRevoked(entry.claims)) === false))
      return entry.claims;
    remembered.delete(digest);
    return undefined;
  }

  async function ask(token: string): Promise<ActiveToken | undefined> {
    const body = `token=${formEncode(token)}&token_type_hint=access_token`;
    let answer: Readonly<Record<string, unknown>>;
    try {
      const request = { ...asked, url, etag: null, fetch: options.fetch, timeoutMs, maxBytes: 65_536 };
      const got = await fetchText({ ...request, post: { body, authorization } });
      answer = parseJsonObject(got.status === "changed" ? got.text : "");
    } catch (cause) {
      throw new SegnoError("store_unavailable", "The issuer could not be asked about a token.", { cause });
    }
    if (answer["active"] !== true) return undefined;
    return answer as ActiveToken;
  }

  async function askAndRemember(token: string, digest: string): Promise<ActiveToken | undefined> {
    const askedAtMs = clock.nowMs();
    remembered.delete(digest);
    const forgetsBefore = forgets;
    const claims = await ask(token);
    // what was forgotten meanwhile may be what this answer is about
    if (claims === undefined || cacheSeconds === 0 || forgets !== forgetsBefore) return claims;
    if (remembered.size >= maxEntries) for (const [oldest] of [...remembered].slice(0, 1)) remembered.delete(oldest);
    remembered.set(digest, { claims, askedAtMs });
    return claims;
  }

  return {
    async introspect(token, { fresh = false } = {}) {
      const digest = backend.sha256Sync === undefined ? await backend.sha256(token) : backend.sha256Sync(token);
      if (fresh || cacheSeconds === 0) return await askAndRemember(token, digest);
      const known = await recall(digest);
      if (known !== undefined) return known;
      const shared = underWay.get(digest);
      if (shared !== undefined) {
        const claims = await shared;
        const isGood =
          claims === undefined || options.isRevoked === undefined || (await options.isRevoked(claims)) === false;
        return isGood ? claims : await askAndRemember(token, digest);
      }
      const asking = askAndRemember(token, digest).finally(() => {
        if (underWay.get(digest) === asking) underWay.delete(digest);
      });
      underWay.set(digest, asking);
      return await asking;
    },
    forget({ jti, sid, sub }) {
      if (jti === undefined && sid === undefined && sub === undefined) return 0;
      forgets += 1;
      // nobody who asks from now on may be given what was asked before
      underWay.clear();
      let forgotten = 0;
      for (const [digest, { claims }] of remembered) {
        if (jti !== undefined && claims.jti !== jti) continue;
        if (sid !== undefined && claims.sid !== sid) continue;
        if (sub !== undefined && claims.sub !== sub) continue;
        remembered.delete(digest);
        forgotten += 1;
      }
      return forgotten;
    },
  };
}

const asked = { what: "introspection endpoint", accept: "application/json" } as const;

/** RFC 6749 section 2.3.1 and appendix B. */
function formEncode(text: string): string {
  return new URLSearchParams({ t: text }).toString().slice(2);
}
