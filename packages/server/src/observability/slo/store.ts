import type { Db } from "../../engine.js";
import type { SliBucket } from "./burn-rate.js";

const minuteMs = 60_000;
const hourMs = 3_600_000;

/** Counts of one indicator, as a process gathered them. */
export interface SliCounts {
  readonly name: string;
  readonly atMs: number;
  readonly good: number;
  readonly total: number;
}

export const startOfMinute = (ms: number): number => Math.floor(ms / minuteMs) * minuteMs;

/** Adds to what other processes counted in the same minute. */
export async function addCounts(
  db: Db,
  counts: readonly SliCounts[],
  span: "minute" | "hour" = "minute",
): Promise<void> {
  for (const { name, atMs, good, total } of counts) {
    await db
      .insertInto("segno_sli")
      .values({ name, at: atMs, is_hour: span === "hour" ? 1 : 0, good, total })
      .onConflict((conflict) =>
        conflict.columns(["name", "at", "is_hour"]).doUpdateSet((eb) => ({
          good: eb("segno_sli.good", "+", good),
          total: eb("segno_sli.total", "+", total),
        })),
      )
      .execute();
  }
}

export async function readBuckets(db: Db, name: string, fromMs: number): Promise<readonly SliBucket[]> {
  const rows = await db
    .selectFrom("segno_sli")
    .select(["at", "good", "total"])
    .where("name", "=", name)
    .where("at", ">=", fromMs)
    .orderBy("at")
    .execute();
  return rows.map(({ at, good, total }) => ({ atMs: at, good, total }));
}

/** Minutes older than `beforeMs` become hours; what is older than `forgetMs` goes. One hour per transaction is enough work. */
export async function compactBuckets(trx: Db, limits: { beforeMs: number; forgetMs: number }): Promise<boolean> {
  await trx.deleteFrom("segno_sli").where("at", "<", limits.forgetMs).execute();
  const oldest = await trx
    .selectFrom("segno_sli")
    .select(["name", "at"])
    .where("at", "<", Math.floor(limits.beforeMs / hourMs) * hourMs)
    .where("is_hour", "=", 0)
    .orderBy("at")
    .limit(1)
    .executeTakeFirst();
  if (oldest === undefined) return false;
  const hour = Math.floor(oldest.at / hourMs) * hourMs;
  const taken = await trx
    .deleteFrom("segno_sli")
    .where("name", "=", oldest.name)
    .where("at", ">=", hour)
    .where("at", "<", hour + hourMs)
    .where("is_hour", "=", 0)
    .returning(["good", "total"])
    .execute();
  const good = taken.reduce((sum, row) => sum + row.good, 0);
  const total = taken.reduce((sum, row) => sum + row.total, 0);
  await addCounts(trx, [{ name: oldest.name, atMs: hour, good, total }], "hour");
  return true;
}

/** One row per alert that fires. @returns true for the one caller whose row it is */
export async function raiseAlert(trx: Db, id: string, nowMs: number): Promise<boolean> {
  const raised = await trx
    .insertInto("segno_slo_alerts")
    .values({ id, since: nowMs })
    .onConflict((conflict) => conflict.column("id").doNothing())
    .returning("id")
    .execute();
  return raised.length > 0;
}

/** @returns since when it fired, for the one caller that ended it */
export async function endAlert(trx: Db, id: string): Promise<number | undefined> {
  const [ended] = await trx.deleteFrom("segno_slo_alerts").where("id", "=", id).returning("since").execute();
  return ended?.since;
}

export async function firingAlerts(db: Db): Promise<readonly { readonly id: string; readonly sinceMs: number }[]> {
  const rows = await db.selectFrom("segno_slo_alerts").select(["id", "since"]).orderBy("id").execute();
  return rows.map(({ id, since }) => ({ id, sinceMs: since }));
}
