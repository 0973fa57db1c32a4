import type { BucketAnswer, BucketTake } from "../engine.js";

/** Short-lived state that may be lost at any moment: every key has an end, and every call touches one key. */
export interface KeyValueStore {
  /** Remembers a key for that long, milliseconds. True the first time; exact under concurrency. */
  setOnce(key: string, ttlMs: number): Promise<boolean>;
  /**
   * Takes from a bucket as one atomic step (GCRA). `knownTatMs` is the highest time the caller has seen for the bucket:
   * what a flushed server has forgotten is put back.
   */
  takeFromBucket(take: BucketTake): Promise<BucketAnswer>;
}

/** Something that reaches a key-value store: `redis(client)`. */
export interface KeyValueSource {
  /** Names it in messages; holds no password. */
  readonly describe: string;
  /** Connects nothing: the client stays the application's. */
  open(): KeyValueStore;
}
