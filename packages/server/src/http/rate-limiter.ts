import { type Clock, SegnoError } from "@segno/core";
import type { BucketTake, RateBuckets, RateLimiter, RateRule } from "../engine.js";
import { isWriteRefused } from "../storage/index.js";
import { memoryBuckets } from "./memory-buckets.js";

/** A rule whose permits may be taken several at a time and used from memory for a second: for frequent, cheap reads. */
export interface LeasedRule extends RateRule {
  /** How many permits one statement takes while the bucket is at most half full. They count as used at once. */
  readonly leaseSize?: number;
  /**
   * Whether calls are counted in this process while the store takes nothing new: for what only reads and guards no secret.
   * Any other rule refuses then.
   */
  readonly isCountedAnywhere?: boolean;
}

/** How long after it was taken a permit may be used. */
const leaseMs = 1_000;
/** Buckets remembered at most, leased and refused each. */
const maxRemembered = 10_000;
/** A permit costs whole 1024ths of a millisecond: sums of such times are exact in a double, so nothing creeps. */
const grainMs = 1 / 1_024;

/** While calls are counted in each process by itself, a permit costs so many. */
const priceInMemory = 4;

/** Permits taken and not yet used. They may be used from when the last was taken until the first is too old. */
interface Lease {
  left: number;
  fromMs: number;
  untilMs: number;
}

/**
 * Exact limits, as GCRA: a bucket is the time at which it would be empty again. A take is one atomic step where the buckets
 * are kept, so of N parallel takes over a limit L at most L pass, in however many processes.
 *
 * A refusal holds until a known moment, because nobody gives permits back: until then this process refuses without
 * asking the store again, so that a flood costs nothing.
 *
 * Permits used up to a second after they were taken stay under the declared curve too, burst = limit and rate = limit a
 * window, because buckets with leases are full a second's worth of permits early (docs/decisions/010).
 */
export function createRateLimiter(parts: {
  readonly buckets: RateBuckets;
  readonly clock: Clock;
  readonly isOn: boolean;
}): RateLimiter {
  const leases = new Map<string, Lease>();
  const refusedUntilMs = new Map<string, number>();
  const inMemory = memoryBuckets(priceInMemory);

  const take = async (rule: LeasedRule, wanted: BucketTake) => {
    if (rule.isCountedAnywhere !== true) return await parts.buckets.take(wanted);
    try {
      return await parts.buckets.take(wanted);
    } catch (error) {
      if (!isWriteRefused(error)) throw error;
      return await inMemory.take(wanted);
    }
  };
  const takeLeased = (bucket: string, nowMs: number): boolean => {
    const lease = leases.get(bucket);
    if (lease === undefined || lease.left === 0 || nowMs < lease.fromMs || nowMs >= lease.untilMs) return false;
    lease.left -= 1;
    return true;
  };
  const keepLease = (bucket: string, left: number, takenAtMs: number): void => {
    const untilMs = takenAtMs + leaseMs;
    const lease = leases.get(bucket);
    if (lease !== undefined && lease.left > 0 && takenAtMs < lease.untilMs && lease.fromMs < untilMs) {
      lease.left += left;
      lease.fromMs = Math.max(lease.fromMs, takenAtMs);
      lease.untilMs = Math.min(lease.untilMs, untilMs);
      return;
    }
    forgetOldest(leases);
    leases.set(bucket, { left, fromMs: takenAtMs, untilMs });
  };
  /** How long the bucket is known to stay full. A clock that was set back by more than a window is asked again. */
  const knownWaitMs = (rule: RateRule, bucket: string, nowMs: number): number => {
    const untilMs = refusedUntilMs.get(bucket);
    if (untilMs === undefined) return 0;
    const waitMs = untilMs - nowMs;
    if (waitMs > 0 && waitMs <= rule.windowSeconds * 1_000) return waitMs;
    refusedUntilMs.delete(bucket);
    return 0;
  };

  return {
    async take(rule: LeasedRule, key: string): Promise<void> {
      if (!parts.isOn) return;
      const bucket = `${rule.name}:${key}`;
      const nowMs = parts.clock.nowMs();
      const size = rule.leaseSize ?? 1;
      if (size > 1 && takeLeased(bucket, nowMs)) return;
      const known = knownWaitMs(rule, bucket, nowMs);
      if (known > 0) throw refusal(rule, known);
      const { costMs, fullMs, spanMs } = shapeOf(rule);
      if (size > 1 && costMs * size <= spanMs / 2) {
        const lease = { bucket, nowMs, costMs: costMs * size, fullMs: spanMs / 2 };
        if ((await take(rule, lease)).isTaken) return keepLease(bucket, size - 1, nowMs);
      }
      const { isTaken, tatMs } = await take(rule, { bucket, nowMs, costMs, fullMs });
      if (isTaken) return;
      const waitMs = (tatMs ?? (await parts.buckets.readTatMs(bucket)) ?? nowMs) + costMs - nowMs - fullMs;
      if (waitMs > 0) {
        forgetOldest(refusedUntilMs);
        refusedUntilMs.set(bucket, nowMs + waitMs);
      }
      throw refusal(rule, waitMs);
    },
  };
}

function forgetOldest(remembered: Map<string, unknown>): void {
  if (remembered.size < maxRemembered) return;
  const oldest = remembered.keys().next();
  if (oldest.done !== true) remembered.delete(oldest.value);
}

function refusal(rule: RateRule, waitMs: number): SegnoError {
  return new SegnoError("rate_limited", `The limit ${rule.name} is used up.`, {
    detail: { rule: rule.name },
    retryAfterSeconds: Math.min(rule.windowSeconds, Math.max(1, Math.ceil(waitMs / 1_000))),
  });
}

/** What a permit costs, how far ahead of now the bucket may be filled, and how far without leases. */
function shapeOf(rule: LeasedRule): { readonly costMs: number; readonly fullMs: number; readonly spanMs: number } {
  const costMs = Math.ceil((rule.windowSeconds * 1_000) / rule.limit / grainMs) * grainMs;
  const spanMs = costMs * rule.limit;
  return { costMs, spanMs, fullMs: (rule.leaseSize ?? 1) > 1 ? spanMs - leaseMs : spanMs };
}
