import { type Clock, SegnoError } from "@segno/core";
import { sql } from "kysely";
import type { Db, RateLimiter, RateRule } from "../engine.js";

/** A rule whose permits may be taken several at a time and used from memory for a second: for frequent, cheap reads. */
export interface LeasedRule extends RateRule {
  /** How many permits one statement takes. They count as used at once, so the limit is never exceeded by more than this. */
  readonly leaseSize?: number;
}

const leaseMs = 1_000;
const maxLeases = 10_000;
/** Room for rounding: half a millisecond. */
const slackMs = 0.5;

/**
 * Exact limits in the store, as GCRA: one row a bucket, holding the time at which it would be empty again. A take is
 * one conditional statement, so of N parallel takes over a limit L at most L pass, in however many processes.
 */
export function createRateLimiter(parts: {
  readonly db: Db;
  readonly clock: Clock;
  readonly isOn: boolean;
}): RateLimiter {
  const leases = new Map<string, { left: number; untilMs: number }>();

  const takeLeased = (bucket: string): boolean => {
    const lease = leases.get(bucket);
    if (lease === undefined || lease.left === 0 || parts.clock.nowMs() >= lease.untilMs) return false;
    lease.left -= 1;
    return true;
  };
  const keepLease = (bucket: string, left: number): void => {
    const oldest = leases.keys().next();
    if (leases.size >= maxLeases && oldest.done !== true) leases.delete(oldest.value);
    leases.set(bucket, { left, untilMs: parts.clock.nowMs() + leaseMs });
  };

  return {
    async take(rule: LeasedRule, key: string): Promise<void> {
      if (!parts.isOn) return;
      const bucket = `${rule.name}:${key}`;
      const nowMs = parts.clock.nowMs();
      const size = rule.leaseSize ?? 1;
      if (size > 1) {
        if (takeLeased(bucket)) return;
        if (await takeFromStore(parts.db, bucket, { rule, nowMs, permits: size })) return keepLease(bucket, size - 1);
      }
      if (await takeFromStore(parts.db, bucket, { rule, nowMs, permits: 1 })) return;
      throw new SegnoError("rate_limited", `The limit ${rule.name} is used up.`, {
        detail: { rule: rule.name },
        retryAfterSeconds: await retryAfterSeconds(parts.db, bucket, { rule, nowMs }),
      });
    },
  };
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

async function retryAfterSeconds(db: Db, bucket: string, { rule, nowMs }: Omit<Take, "permits">): Promise<number> {
  const windowMs = rule.windowSeconds * 1_000;
  const row = await db.selectFrom("segno_rate_limits").select("tat").where("key", "=", bucket).executeTakeFirst();
  const waitMs = (row?.tat ?? nowMs) + windowMs / rule.limit - nowMs - windowMs;
  return Math.min(rule.windowSeconds, Math.max(1, Math.ceil(waitMs / 1_000)));
}
