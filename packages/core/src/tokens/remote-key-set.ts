import { type Clock, systemClock } from "../clock.js";
import { SegnoError } from "../errors.js";
import { fetchText, type KeySetFetch } from "./fetch-text.js";
import { checkedUrl, isWithin, positive, seconds } from "./polling.js";
import { findKey, importKeys, type KeyQuery, type KeySet, type LoadedKeys, validateJwkSet } from "./key-set.js";

/** Options of `createRemoteKeySet`. */
export interface RemoteKeySetOptions {
  /** The issuer's `jwks_uri`: https, or http on loopback. */
  readonly url: string | URL;
  /** Default: the platform's fetch. */
  readonly fetch?: KeySetFetch;
  readonly clock?: Clock;
  /** The least time between two requests, in seconds, whatever the tokens ask for. Default 30. */
  readonly cooldownSeconds?: number;
  /** After this many seconds the set is revalidated in the background. Default 60. */
  readonly refreshSeconds?: number;
  /** How long the last good set may be used while the issuer does not answer, in seconds. Default 3600. */
  readonly maxStaleSeconds?: number;
  /** How long one request may take, in milliseconds. Default 5000. */
  readonly timeoutMs?: number;
  /** The largest answer that is read, in bytes. Default 65536. */
  readonly maxBytes?: number;
  /**
   * What this verifier calls itself to the issuer, in the header `Segno-Verifier`: a Segno engine then waits for it before
   * a key begins to sign, and `segno keys status` lists it by name. Up to 64 of `A-Z a-z 0-9 . _ : -`. Default: none.
   */
  readonly verifierName?: string;
  /** Told of every failed or refused refresh. What it throws is ignored. */
  readonly onProblem?: (error: SegnoError) => void;
}

interface Loaded {
  readonly keys: LoadedKeys;
  readonly etag: string | null;
  readonly atMs: number;
}

/**
 * The public keys of an issuer, fetched when first needed and kept. One request at a time however many callers wait;
 * at most one per cool-down however many unknown kids arrive; revalidated with its ETag; the last good set is used
 * up to `maxStaleSeconds` when the issuer is down or answers nonsense. A set with private material or a kid used
 * twice is refused whole and reported to `onProblem`.
 *
 * `resolve` throws SegnoError `key_set_unavailable` when a key cannot be decided.
 * @throws TypeError when the URL is not https (or http on loopback), a limit is not a positive number, or the name has
 * other characters
 * @example
 * const keys = createRemoteKeySet({ url: "https://app.example.com/.well-known/jwks.json" });
 */
export function createRemoteKeySet(options: RemoteKeySetOptions): KeySet {
  const url = checkedUrl(options.url);
  const clock = options.clock ?? systemClock;
  const cooldownMs = seconds(options.cooldownSeconds, 30, "cooldownSeconds");
  const refreshMs = seconds(options.refreshSeconds, 60, "refreshSeconds");
  const maxStaleMs = seconds(options.maxStaleSeconds, 3600, "maxStaleSeconds");
  const timeoutMs = positive(options.timeoutMs, 5000, "timeoutMs");
  const maxBytes = positive(options.maxBytes, 65_536, "maxBytes");
  const verifierName = checkedName(options.verifierName);
  let loaded: Loaded | undefined;
  let attemptedAtMs: number | undefined;
  let lastAttemptFailed = false;
  let inFlight: Promise<void> | undefined;

  async function load(): Promise<void> {
    try {
      const etag = loaded?.etag ?? null;
      const answer = await fetchText({ ...asked, url, etag, fetch: options.fetch, timeoutMs, maxBytes, verifierName });
      if (answer.status === "unchanged") {
        if (loaded !== undefined) loaded = { ...loaded, atMs: clock.nowMs() };
      } else {
        const keys = await importKeys(validateJwkSet(JSON.parse(answer.text)));
        loaded = { keys, etag: answer.etag, atMs: clock.nowMs() };
      }
      lastAttemptFailed = false;
    } catch (cause) {
      lastAttemptFailed = true;
      report(options.onProblem, cause);
    }
  }

  /** Joins the request under way, starts one, or says that the cool-down forbids it. */
  function refresh(): Promise<void> | undefined {
    if (inFlight !== undefined) return inFlight;
    if (attemptedAtMs !== undefined && isWithin(clock.nowMs() - attemptedAtMs, cooldownMs)) return undefined;
    attemptedAtMs = clock.nowMs();
    inFlight = load().finally(() => {
      inFlight = undefined;
    });
    return inFlight;
  }

  function usable(): LoadedKeys | undefined {
    return loaded !== undefined && clock.nowMs() - loaded.atMs <= maxStaleMs ? loaded.keys : undefined;
  }

  function current(query: KeyQuery) {
    if (loaded !== undefined && !isWithin(clock.nowMs() - loaded.atMs, refreshMs)) void refresh();
    const keys = usable();
    return keys === undefined ? undefined : findKey(keys, query);
  }

  async function resolve(query: KeyQuery) {
    const known = current(query);
    if (known !== undefined) return known;
    await refresh();
    const keys = usable();
    const found = keys === undefined ? undefined : findKey(keys, query);
    if (found === undefined && (keys === undefined || lastAttemptFailed)) {
      const retryAfterSeconds = Math.ceil(cooldownMs / 1000);
      throw new SegnoError("key_set_unavailable", "The issuer's key set could not be read.", { retryAfterSeconds });
    }
    return found;
  }

  return { current, resolve };
}

function checkedName(name: string | undefined): string | undefined {
  if (name === undefined || /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/.test(name)) return name;
  throw new TypeError("`verifierName` must be 1 to 64 letters, digits or . _ : -");
}

const asked = { what: "key set", accept: "application/jwk-set+json, application/json" } as const;

function report(onProblem: RemoteKeySetOptions["onProblem"], cause: unknown): void {
  try {
    const reason = cause instanceof TypeError ? cause.message : "The request failed.";
    onProblem?.(
      new SegnoError("key_set_unavailable", "The issuer's key set was not refreshed.", { detail: { reason }, cause }),
    );
  } catch {
    // an observer's fault is not ours
  }
}
