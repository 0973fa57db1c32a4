import type { RateBuckets } from "../engine.js";

/** Buckets at most. One more is refused until another is empty: whoever has many addresses must not empty any. */
const maxBuckets = 10_000;

/** Buckets in this process alone, each permit at `price` times its cost: several processes count beside each other. */
export function memoryBuckets(price: number): RateBuckets {
  const buckets = new Map<string, number>();
  const hasRoom = (nowMs: number): boolean => {
    if (buckets.size < maxBuckets) return true;
    for (const [bucket, tatMs] of buckets) if (tatMs <= nowMs) buckets.delete(bucket);
    return buckets.size < maxBuckets;
  };
  return {
    async take({ bucket, nowMs, costMs, fullMs }) {
      const known = buckets.get(bucket);
      if (known === undefined && !hasRoom(nowMs)) return { isTaken: false, tatMs: nowMs + fullMs };
      // a clock that was set back must not leave a bucket full for long
      const fromMs = Math.max(nowMs, Math.min(known ?? 0, nowMs + fullMs));
      const tatMs = fromMs + costMs * price;
      if (tatMs > nowMs + fullMs) return { isTaken: false, tatMs: fromMs };
      buckets.set(bucket, tatMs);
      return { isTaken: true, tatMs };
    },
    readTatMs: async (bucket) => buckets.get(bucket),
  };
}
