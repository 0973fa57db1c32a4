import { localError } from "../parse-error.js";
import type { Clock, Locks } from "../ports.js";
import { failure, type Result, success } from "../result.js";
import type { SharedToken } from "../tabs/channel.js";
import { type HeldToken, isFresher } from "./held-token.js";
import type { FetchToken, TokenOptions } from "./token-source.js";

/** A token this close to its end is renewed before it is handed out. */
const earlyMs = 15_000;
/** How long to wait for the news of the tab that had the lock. */
const newsDelayMs = 20;

export interface TokenManager {
  /** A fresh token of `holder`, from memory, from another tab, or from the service. */
  acquire(holder: string, options?: TokenOptions & { readonly isForced?: boolean }): Promise<Result<HeldToken>>;
  /** Takes a token that another tab got. */
  receive(key: string, token: SharedToken): void;
  /** Keeps a token that came with a sign-in. */
  keep(holder: string, token: HeldToken): void;
  /** Forgets every token: somebody else signed in, nobody is, or the assurance rose. */
  clear(): void;
}

export interface TokenManagerOptions {
  readonly clock: Clock;
  readonly wallMs: () => number;
  readonly locks: Locks;
  readonly lockName: string;
  readonly fetchToken: FetchToken;
  readonly share: (key: string, token: SharedToken) => void;
  readonly delay: (milliseconds: number) => Promise<void>;
}

/** The key names the holder, so one user's token or request in flight never serves another. */
function keyOf(holder: string, options: TokenOptions): string {
  return JSON.stringify([holder, options.audience ?? "", options.scope ?? ""]);
}

export function createTokenManager(deps: TokenManagerOptions): TokenManager {
  const held = new Map<string, HeldToken>();
  const flights = new Map<string, Promise<Result<HeldToken>>>();
  let generation = 0;

  const remainingMs = (token: HeldToken) => token.expiresAtMs - deps.clock.nowMs();
  const fresh = (key: string): HeldToken | undefined => {
    const token = held.get(key);
    return token && remainingMs(token) > earlyMs ? token : undefined;
  };
  const keep = (key: string, token: HeldToken): boolean => {
    const wins = isFresher(token, held.get(key));
    if (wins) held.set(key, token);
    return wins;
  };

  const renew = (holder: string, options: TokenOptions, key: string, refused: HeldToken | undefined) =>
    deps.locks.run(`${deps.lockName}:${key}`, async ({ hadToWait }): Promise<Result<HeldToken>> => {
      if (hadToWait) await deps.delay(newsDelayMs);
      const news = fresh(key);
      if (news && news !== refused) return success(news);
      const begunAt = generation;
      const result = await deps.fetchToken(holder, options);
      if (generation !== begunAt) return failure(localError("unauthenticated"));
      if (result.error === null) {
        if (keep(key, result.data)) deps.share(key, pack(result.data, remainingMs(result.data), deps.wallMs()));
        return success(held.get(key) ?? result.data);
      }
      // A hiccup while the old token still works is nobody's business.
      const old = held.get(key);
      const isTransient = result.error.retry.when === "after_delay";
      return isTransient && old && old !== refused && remainingMs(old) > 0 ? success(old) : result;
    });

  return {
    async acquire(holder, options = {}) {
      const key = keyOf(holder, options);
      const cached = fresh(key);
      if (cached && !options.isForced) return success(cached);
      const running = flights.get(key);
      if (running) return await running;
      const flight = renew(holder, options, key, options.isForced ? cached : undefined).finally(() => {
        if (flights.get(key) === flight) flights.delete(key);
      });
      flights.set(key, flight);
      return await flight;
    },
    receive(key, { remainingMs: lastedMs, sentAtWallMs, ...token }) {
      // A frozen tab may read this much later than it was sent.
      const ageMs = Math.max(0, deps.wallMs() - sentAtWallMs);
      keep(key, { ...token, expiresAtMs: deps.clock.nowMs() + lastedMs - ageMs });
    },
    keep: (holder, token) => void keep(keyOf(holder, {}), token),
    clear() {
      generation += 1;
      held.clear();
      flights.clear();
    },
  };
}

function pack({ expiresAtMs: _local, ...token }: HeldToken, remainingMs: number, sentAtWallMs: number): SharedToken {
  return { ...token, remainingMs, sentAtWallMs };
}
