import type { Clock } from "../clock.js";
import type { SegnoError } from "../errors.js";
import type { SigningAlgorithm } from "../tokens/algorithms.js";
import type { AccessTokenClaims } from "../tokens/claims.js";
import type { KeySetFetch } from "../tokens/fetch-text.js";
import type { KeySet } from "../tokens/key-set.js";
import type { SignedBy } from "../tokens/verify-access-token.js";

/** Options of `createStatusList`. */
export interface StatusListOptions {
  /** Whose tokens these are; its lists must be signed by it. */
  readonly issuer: string;
  /** The issuer's keys, the same that check its tokens. */
  readonly keys: KeySet;
  /** Where the lists may be: an origin. Default: the origin of `issuer`. A token that names another place is refused. */
  readonly origin?: string;
  /** Default `["ES256"]`. */
  readonly algorithms?: readonly SigningAlgorithm[];
  readonly clock?: Clock;
  /** Default: the platform's fetch. */
  readonly fetch?: KeySetFetch;
  /**
   * How old a list may be that decides, in seconds: an older one is asked for again first. Default 3, which with the
   * second a Segno engine takes and the second a cache may add makes 5 from the revocation to the refusal.
   */
  readonly maxAgeSeconds?: number;
  /** How long the last good list may decide while the issuer does not answer, in seconds. Default 30. */
  readonly maxStaleSeconds?: number;
  /** After that: `refuse` with `status_list_unavailable`, the default, or accept what may be revoked. */
  readonly whenUnavailable?: "refuse" | "accept_unchecked";
  /** A token that names no place in a list: `refuse`, the default, or accept it though nobody can tell whether it was revoked. */
  readonly withoutStatus?: "refuse" | "accept_unchecked";
  /** How long one request may take, in milliseconds. Default 2000. */
  readonly timeoutMs?: number;
  /** The largest answer that is read, in bytes. Default 4194304: a list of a million places takes 300 to 180000. */
  readonly maxBytes?: number;
  /** Told of every request for a list. What it throws is ignored. */
  readonly onPoll?: (poll: StatusListPoll) => void;
}

/** One request for a list. */
export interface StatusListPoll {
  readonly uri: string;
  readonly outcome: "changed" | "unchanged" | "failed";
  /** How old the issuer's last word was when the request was made, in seconds; undefined for the first. */
  readonly ageSeconds: number | undefined;
  /** Why it failed. */
  readonly error?: SegnoError;
}

/** How one list stands: for metrics. */
export interface StatusListState {
  readonly uri: string;
  /** How old the issuer's last word is, in seconds; undefined before the first. */
  readonly ageSeconds: number | undefined;
  /** Whether tokens that name it can be decided now. */
  readonly isUsable: boolean;
  readonly etag: string | null;
  /** Places it has, and bytes it takes in memory. */
  readonly places: number;
  readonly bytes: number;
  /** Requests so far, and how many of the last ones failed in a row. */
  readonly polls: number;
  readonly failures: number;
}

/** Knows which tokens their issuer has revoked. `createStatusList` makes one; give it to every verifier of that issuer. */
export interface StatusList {
  /**
   * Whether a verified token was revoked, or the key that signed it taken back. At once while the list is young, which it stays as long as tokens come; a
   * promise when it has to be asked for first.
   * @throws SegnoError `status_list_unavailable`; `token_claim` for a token that names no list, a list elsewhere, or a
   * place it does not have
   */
  isRevoked(claims: Pick<AccessTokenClaims, "status">, by?: SignedBy): boolean | Promise<boolean>;
  /** How each list that tokens have named stands. */
  state(): readonly StatusListState[];
}
