import type { SegnoEventType } from "@segno/core";
import type { Db } from "../engine.js";
import type { Ratio } from "./compute-metrics.js";

const types: readonly SegnoEventType[] = [
  "attempt.started",
  "login.success",
  "token.issued",
  "token.refreshed",
  "token.exchanged",
];

/** A portion of the events that figures are made of, oldest first. Recoveries as long as they are kept: they are rare. */
export function selectMetricRows(
  db: Db,
  page: { readonly sinceMs: number; readonly after: string; readonly limit: number },
): Promise<{ readonly id: string; readonly payload: string }[]> {
  return db
    .selectFrom("segno_outbox")
    .select(["id", "payload"])
    .where("id", ">", page.after)
    .where((eb) =>
      eb.or([
        eb("type", "=", "slo.recovered"),
        eb.and([eb("type", "in", types), eb("created_at", ">=", page.sinceMs)]),
      ]),
    )
    .orderBy("id")
    .limit(page.limit)
    .execute();
}

/** What was counted for an objective since then, by the minute or the hour. */
export async function sumIndicator(db: Db, name: string, sinceMs: number): Promise<Ratio> {
  const rows = await db
    .selectFrom("segno_sli")
    .select(["good", "total"])
    .where("name", "=", name)
    .where("at", ">=", sinceMs)
    .execute();
  return rows.reduce((sum, { good, total }) => ({ good: sum.good + good, total: sum.total + total }), {
    good: 0,
    total: 0,
  });
}

export async function countFiring(db: Db): Promise<number> {
  return (await db.selectFrom("segno_slo_alerts").select("id").execute()).length;
}
