import { type Clock, SegnoError } from "@segno/core";
import { sql } from "kysely";
import type { Db, RateLimiter, RateRule } from "../engine.js";

/** A rule whose permits may be taken several at a time and used from memory for a second: for frequent, cheap reads. */
export interface LeasedRule extends RateRule {
  /** How many permits one statement takes. They count as used at once, so the limit is never exceeded by more than this. */
  readonly leaseSize?: number;
}

const leaseMs = 1_000;
/** Buckets remembered at most, leased and refused each. */
const maxRemembered = 10_000;
/** Room for rounding: half a millisecond. */
const slackMs = 0.5;

/**
 * Exact limits in the store, as GCRA: one row a bucket, holding the time at which it would be empty again. A take is
 * one conditional statement, so of N parallel takes over a limit L at most L pass, in however many processes.
 *
 * A refusal holds until a known moment, because nobody gives permits back: until then this process refuses without
 * asking the store again, so that a flood costs nothing.
 */
export function createRateLimiter(parts: {
  readonly db: Db;
  readonly clock: Clock;
  readonly isOn: boolean;
}): RateLimiter {
  const leases = new Map<string, { left: number; untilMs: number }>();
  const refusedUntilMs = new Map<string, number>();

  const takeLeased = (bucket: string): boolean => {
    const lease = leases.get(bucket);
    if (lease === undefined || lease.left === 0 || parts.clock.nowMs() >= lease.untilMs) return false;
    lease.left -= 1;
    return true;
  };
  const keepLease = (bucket: string, left: number): void => {
    forgetOldest(leases);
    leases.set(bucket, { left, untilMs: parts.clock.nowMs() + leaseMs });
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
      if (size > 1 && takeLeased(bucket)) return;
      const known = knownWaitMs(rule, bucket, nowMs);
      if (known > 0) throw refusal(rule, known);
      if (size > 1) {
        if (await takeFromStore(parts.db, bucket, { rule, nowMs, permits: size })) return keepLease(bucket, size - 1);
      }
      if (await takeFromStore(parts.db, bucket, { rule, nowMs, permits: 1 })) return;
      const waitMs = await readWaitMs(parts.db, bucket, { rule, nowMs });
      if (waitMs > 0) {
        forgetOldest(refusedUntilMs);
        refusedUntilMs.set(bucket, nowMs + waitMs);
      }
      throw refusal(rule, waitMs);
    },
  };
}

function forgetOldest(remembered: Map<string, unknown>): void {
  const oldest = remembered.keys().next();
  if (remembered.size >= maxRemembered && oldest.done !== true) remembered.delete(oldest.value);
}

function refusal(rule: RateRule, waitMs: number): SegnoError {
  return new SegnoError("rate_limited", `The limit ${rule.name} is used up.`, {
    detail: { rule: rule.name },
    retryAfterSeconds: Math.min(rule.windowSeconds, Math.max(1, Math.ceil(waitMs / 1_000))),
  });
}

interface Take {
  readonly rule: RateRule;
  readonly nowMs: number;
  readonly permits: number;
}

async function takeFromStore(db: Db, bucket: string, { rule, nowMs, permits }: Take): Promise<boolean> {
  const windowMs = rule.windowSeconds * 1_000;
  const costMs = (windowMs / rule.limit) * permits;
  if (costMs > windowMs) return false;
  const now = sql<number>`cast(${nowMs} as double precision)`;
  const cost = sql<number>`cast(${costMs} as double precision)`;
  const next = sql<number>`(case when segno_rate_limits.tat > ${now} then segno_rate_limits.tat else ${now} end) + ${cost}`;
  const { rows } = await sql`
    insert into segno_rate_limits (key, tat, expires_at) values (${bucket}, ${now} + ${cost}, ${now} + ${cost})
    on conflict (key) do update set tat = ${next}, expires_at = ${next}
    where ${next} <= cast(${nowMs + windowMs + slackMs} as double precision)
    returning tat`.execute(db);
  return rows.length > 0;
}

/** Until a permit is free, to within the room for rounding. */
async function readWaitMs(db: Db, bucket: string, { rule, nowMs }: Omit<Take, "permits">): Promise<number> {
  const windowMs = rule.windowSeconds * 1_000;
  const row = await db.selectFrom("segno_rate_limits").select("tat").where("key", "=", bucket).executeTakeFirst();
  return (row?.tat ?? nowMs) + windowMs / rule.limit - nowMs - windowMs - slackMs;
}
