import { sql } from "kysely";
import type { BucketTake, Db, RateBuckets } from "../engine.js";

/** Buckets in SQL: one row each, and a take is one conditional statement. */
export function sqlBuckets(db: Db): RateBuckets {
  return {
    take: async (take) => {
      const tatMs = await takeFromRow(db, take);
      return tatMs === undefined ? { isTaken: false } : { isTaken: true, tatMs };
    },
    readTatMs: async (bucket) =>
      (await db.selectFrom("segno_rate_limits").select("tat").where("key", "=", bucket).executeTakeFirst())?.tat,
  };
}

async function takeFromRow(
  db: Db,
  { bucket, nowMs, costMs, fullMs, knownTatMs = 0 }: BucketTake,
): Promise<number | undefined> {
  const fromMs = Math.max(nowMs, knownTatMs);
  if (fromMs + costMs > nowMs + fullMs) return undefined;
  const from = sql<number>`cast(${fromMs} as double precision)`;
  const cost = sql<number>`cast(${costMs} as double precision)`;
  const next = sql<number>`(case when segno_rate_limits.tat > ${from} then segno_rate_limits.tat else ${from} end) + ${cost}`;
  const { rows } = await sql<{ tat: number }>`
    insert into segno_rate_limits (key, tat, expires_at) values (${bucket}, ${from} + ${cost}, ${from} + ${cost})
    on conflict (key) do update set tat = ${next}, expires_at = ${next}
    where ${next} <= cast(${nowMs + fullMs} as double precision)
    returning tat`.execute(db);
  return rows[0]?.tat;
}
