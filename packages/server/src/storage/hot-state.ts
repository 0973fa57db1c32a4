import type { Clock } from "@segno/core";
import type { BucketTake, Db, FirstUse, Logger, RateBuckets } from "../engine.js";
import { createBreaker } from "./breaker.js";
import { inTime } from "./in-time.js";
import type { KeyValueStore } from "./key-value.js";
import { rememberOnce } from "./once.js";
import { sqlBuckets } from "./rate-buckets.js";

/** Slower than the database is no help. */
const patienceMs = 100;
const restMs = 1_000;
/** Buckets whose fill is remembered, so that a flushed server is told of it. */
const maxKnown = 10_000;
/** A proof is good for minutes; what outlives that is the database's to remember. */
const maxOnceMs = 600_000;

/** What is kept where requests are counted and proofs are spent. */
export interface HotState {
  readonly buckets: RateBuckets;
  readonly firstUse: FirstUse;
}

/** Hot state in the database alone. */
export function durableState(db: Db): HotState {
  return { buckets: sqlBuckets(db), firstUse: (key, expiresAtMs) => rememberOnce(db, key, expiresAtMs) };
}

/**
 * Hot state in a key-value store that may forget, and may be gone.
 *
 * Limits: counted there, and in the database while it is away. Each node carries along how full it has seen a bucket, so
 * a flush or a change of place forgets only what other nodes took since.
 *
 * First uses: both must say that it is the first, one after the other, so that of several at once one gets through. What
 * the key-value store has seen never reaches the database. If it forgets, the database does not; and if the database
 * fails over to a replica that is behind, it does not.
 */
export function hotState(
  keyValue: KeyValueStore,
  parts: { readonly db: Db; readonly clock: Clock; readonly log: Logger },
): HotState {
  const durable = durableState(parts.db);
  const ask = createAsker(parts.log);
  const known = new Map<string, number>();
  /** Answers overtake each other: one that says less than what is known comes from before it. */
  const learn = (bucket: string, tatMs: number): void => {
    const before = known.get(bucket) ?? 0;
    known.delete(bucket);
    if (known.size >= maxKnown) {
      const oldest = known.keys().next();
      if (oldest.done !== true) known.delete(oldest.value);
    }
    known.set(bucket, Math.max(before, tatMs));
  };
  return {
    buckets: {
      async take(given: BucketTake) {
        const take = { ...given, knownTatMs: known.get(given.bucket) ?? 0 };
        const answer = (await ask(() => keyValue.takeFromBucket(take))) ?? (await durable.buckets.take(take));
        if (answer.tatMs !== undefined) learn(given.bucket, answer.tatMs);
        return answer;
      },
      async readTatMs(bucket) {
        const tatMs = (await durable.buckets.readTatMs(bucket)) ?? 0;
        return Math.max(tatMs, known.get(bucket) ?? 0);
      },
    },
    async firstUse(key, expiresAtMs) {
      const ttlMs = Math.min(maxOnceMs, expiresAtMs - parts.clock.nowMs());
      if (ttlMs > 0 && (await ask(() => keyValue.setOnce(key, ttlMs))) === false) return false;
      return await durable.firstUse(key, expiresAtMs);
    },
  };
}

/** The answer, or undefined when there is none in time. While the server is away nobody waits for it. */
function createAsker(log: Logger): <Answer>(question: () => Promise<Answer>) => Promise<Answer | undefined> {
  const breaker = createBreaker({ failures: 3, restMs });
  const late = () => new Error("The key-value store did not answer in time.");
  const attempt = async <Answer>(question: () => Promise<Answer>): Promise<Answer | undefined> => {
    try {
      const answer = await inTime(patienceMs, question(), late);
      if (breaker.isOpen) log.info("The key-value store answers again.");
      breaker.succeeded();
      return answer;
    } catch (error) {
      const wasOpen = breaker.isOpen;
      breaker.failed();
      if (!wasOpen && breaker.isOpen) {
        const name = error instanceof Error ? error.name : "";
        log.warn("The key-value store does not answer. Its work is done by the database meanwhile.", { error: name });
      }
      return undefined;
    }
  };
  return async (question) => {
    if (!breaker.isOpen) return await attempt(question);
    // whoever finds out that it is back must not wait for it if it is not
    if (breaker.allows()) void attempt(question);
    return undefined;
  };
}
