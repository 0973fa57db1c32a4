import { systemClock } from "../clock.js";
import { SegnoError } from "../errors.js";
import { allowedRows } from "../tokens/algorithms.js";
import type { AccessTokenClaims } from "../tokens/claims.js";
import { fetchText } from "../tokens/fetch-text.js";
import type { SignedBy } from "../tokens/verify-access-token.js";
import { checkedUrl, isWithin, positive, seconds } from "../tokens/polling.js";
import { readStatusList, type StatusBits, statusAt } from "./read-status-list.js";
import type { StatusList, StatusListOptions, StatusListPoll, StatusListState } from "./status-list.js";

interface Kept {
  readonly uri: string;
  bits: StatusBits | undefined;
  etag: string | null;
  /** When the request was sent whose answer is the issuer's last word. */
  confirmedAtMs: number | undefined;
  attemptedAtMs: number;
  polls: number;
  failures: number;
  inFlight: Promise<void> | undefined;
}

/** The least time between two requests when the first one failed. */
const retryMs = 1_000;
/** Lists of one issuer that are kept. One has room for hundreds of thousands of sessions. */
const maxLists = 256;
const maxListBytes = 8 * 2 ** 20;
const toleranceSeconds = 5;

/**
 * Polls the status lists that the tokens of an issuer name (draft-ietf-oauth-status-list), so that a verifier that never
 * asks the issuer about a token still refuses a revoked one within seconds.
 *
 * Nothing runs by itself: a list is asked for again, in the background, by the first token that comes when two thirds of
 * `maxAgeSeconds` have passed. One request at a time for each list, with its ETag. A list that cannot be had decides
 * for `maxStaleSeconds` more; then every token is refused with `status_list_unavailable`, as from the start when there
 * never was one. An answer that was made before the one held adds revocations and takes none back.
 *
 * Not checked: whether the issuer told all. What is revoked there is in the list a second later.
 * @throws TypeError when an option is out of range or the place of the lists is neither https nor loopback
 * @example
 * const keys = createRemoteKeySet({ url: "https://app.example.com/.well-known/jwks.json" });
 * const statusList = createStatusList({ issuer: "https://app.example.com", keys });
 * const verifier = createAccessTokenVerifier({
 *   issuer: "https://app.example.com",
 *   audience: "https://api.example.com",
 *   keys,
 *   isRevoked: statusList.isRevoked,
 * });
 */
export function createStatusList(options: StatusListOptions): StatusList {
  const { issuer, keys } = options;
  const clock = options.clock ?? systemClock;
  const origin = new URL(checkedUrl(options.origin ?? issuer, "a status list")).origin;
  const allowed = allowedRows(options.algorithms ?? ["ES256"]);
  const maxAgeMs = seconds(options.maxAgeSeconds, 3, "maxAgeSeconds");
  const maxStaleMs = seconds(options.maxStaleSeconds, 30, "maxStaleSeconds");
  const timeoutMs = positive(options.timeoutMs, 2_000, "timeoutMs");
  const maxBytes = positive(options.maxBytes, 4_194_304, "maxBytes");
  const isOpenWhenUnavailable = isOpen(options.whenUnavailable, "whenUnavailable");
  const isOpenWithoutStatus = isOpen(options.withoutStatus, "withoutStatus");
  const refreshMs = (maxAgeMs * 2) / 3;
  const lists = new Map<string, Kept>();

  async function poll(list: Kept): Promise<void> {
    const askedAtMs = clock.nowMs();
    const ageSeconds = secondsSince(list.confirmedAtMs, askedAtMs);
    const isHeldGood = list.bits !== undefined && askedAtMs < endsAtMs(list.bits);
    list.polls += 1;
    try {
      const etag = isHeldGood ? list.etag : null;
      const answer = await fetchText({ ...asked, url: list.uri, etag, fetch: options.fetch, timeoutMs, maxBytes });
      if (answer.status === "changed") {
        const nowSeconds = clock.nowMs() / 1000;
        const expect = { uri: list.uri, issuer, keys, allowed, nowSeconds, toleranceSeconds };
        const read = await readStatusList(answer.text, { ...expect, maxLength: maxBytes, maxListBytes });
        list.bits = list.bits !== undefined && isHeldGood ? later(list.bits, read) : read;
        list.etag = answer.etag;
      }
      list.confirmedAtMs = askedAtMs;
      list.failures = 0;
      tell({ uri: list.uri, outcome: answer.status, ageSeconds });
    } catch (cause) {
      list.failures += 1;
      tell({ uri: list.uri, outcome: "failed", ageSeconds, error: notRefreshed(cause) });
    }
  }

  function tell(done: StatusListPoll): void {
    try {
      options.onPoll?.(done);
    } catch {
      // an observer's fault is not ours
    }
  }

  /** Joins the request under way, starts one, or says that it is too early to try again. */
  function refresh(list: Kept, nowMs: number): Promise<void> | undefined {
    if (list.inFlight !== undefined) return list.inFlight;
    if (list.failures > 0 && isWithin(nowMs - list.attemptedAtMs, retryMs)) return undefined;
    list.attemptedAtMs = nowMs;
    list.inFlight = poll(list).finally(() => {
      list.inFlight = undefined;
    });
    return list.inFlight;
  }

  function isUsable(list: Kept, nowMs: number, limitMs: number): list is Kept & { readonly bits: StatusBits } {
    if (list.bits === undefined || list.confirmedAtMs === undefined) return false;
    return isWithin(nowMs - list.confirmedAtMs, limitMs) && nowMs < endsAtMs(list.bits);
  }

  /** By what is held, however it came to be: the last step. */
  function decide(list: Kept, index: number, by: SignedBy | undefined): boolean {
    if (isUsable(list, clock.nowMs(), maxStaleMs)) return isSet(list.bits, index, by);
    if (isOpenWhenUnavailable) return false;
    const retryAfterSeconds = Math.ceil(retryMs / 1000);
    throw new SegnoError("status_list_unavailable", "The issuer's status list could not be read.", {
      retryAfterSeconds,
    });
  }

  function listAt(uri: string): Kept {
    const known = lists.get(uri);
    if (known !== undefined) return known;
    if (!uri.startsWith(`${origin}/`) || !URL.canParse(uri) || new URL(uri).href !== uri) {
      throw refusedClaim("The token names a status list that is not the issuer's.");
    }
    if (lists.size >= maxLists) for (const [oldest] of [...lists].slice(0, 1)) lists.delete(oldest);
    const made: Kept = {
      uri,
      bits: undefined,
      etag: null,
      confirmedAtMs: undefined,
      attemptedAtMs: 0,
      polls: 0,
      failures: 0,
      inFlight: undefined,
    };
    lists.set(uri, made);
    return made;
  }

  function isRevoked(claims: Pick<AccessTokenClaims, "status">, by?: SignedBy): boolean | Promise<boolean> {
    const place = claims.status?.status_list;
    if (place === undefined) {
      if (isOpenWithoutStatus) return false;
      throw refusedClaim("The token names no status list.");
    }
    const list = listAt(place.uri);
    const nowMs = clock.nowMs();
    if (isUsable(list, nowMs, maxAgeMs)) {
      if (!isWithin(nowMs - (list.confirmedAtMs ?? 0), refreshMs)) void refresh(list, nowMs);
      return isSet(list.bits, place.idx, by);
    }
    const flight = refresh(list, nowMs);
    // once the issuer has failed to answer nobody waits for it while the list held may still decide
    if (flight === undefined || (list.failures > 0 && isUsable(list, nowMs, maxStaleMs)))
      return decide(list, place.idx, by);
    return flight.then(() => decide(list, place.idx, by));
  }

  function state(): readonly StatusListState[] {
    const nowMs = clock.nowMs();
    return [...lists.values()].map((list) => ({
      uri: list.uri,
      ageSeconds: secondsSince(list.confirmedAtMs, nowMs),
      isUsable: isUsable(list, nowMs, maxStaleMs),
      etag: list.etag,
      places: list.bits === undefined ? 0 : (list.bits.bytes.length * 8) / list.bits.width,
      bytes: list.bits?.bytes.length ?? 0,
      polls: list.polls,
      failures: list.failures,
    }));
  }

  return { isRevoked, state };
}

const asked = { what: "status list", accept: "application/statuslist+jwt" } as const;

function isOpen(choice: "refuse" | "accept_unchecked" | undefined, name: string): boolean {
  if (choice !== undefined && choice !== "refuse" && choice !== "accept_unchecked") {
    throw new TypeError(`\`${name}\` must be refuse or accept_unchecked.`);
  }
  return choice === "accept_unchecked";
}

function endsAtMs(bits: StatusBits): number {
  return (bits.expiresAt + toleranceSeconds) * 1000;
}

/** Any value but "valid" refuses: a suspended token is not good either. */
function isSet(bits: StatusBits, index: number, by: SignedBy | undefined): boolean {
  if (by?.kid !== undefined && bits.withdrawnKids.has(by.kid)) return true;
  const status = statusAt(bits, index);
  if (status === undefined) throw refusedClaim("The token names a place that its status list does not have.");
  return status !== 0;
}

/** Of two nodes one may be behind: what was made earlier takes no revocation back. */
function later(held: StatusBits, read: StatusBits): StatusBits {
  if (read.issuedAt > held.issuedAt) return read;
  if (read.width !== held.width || read.bytes.length !== held.bytes.length) {
    throw new TypeError("The status list is older than the one held, and of another size.");
  }
  const expiresAt = Math.max(held.expiresAt, read.expiresAt);
  const withdrawnKids = new Set([...held.withdrawnKids, ...read.withdrawnKids]);
  return { ...held, expiresAt, withdrawnKids, bytes: read.bytes.map((byte, at) => byte | (held.bytes[at] ?? 0)) };
}

function refusedClaim(message: string): SegnoError {
  return new SegnoError("token_claim", message, { detail: { claim: "status" } });
}

function notRefreshed(cause: unknown): SegnoError {
  const reason = cause instanceof TypeError ? cause.message : "The request failed.";
  return new SegnoError("status_list_unavailable", "A status list was not refreshed.", { detail: { reason }, cause });
}

function secondsSince(atMs: number | undefined, nowMs: number): number | undefined {
  return atMs === undefined ? undefined : (nowMs - atMs) / 1000;
}
