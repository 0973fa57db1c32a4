import type { SegnoEventType } from "@segno/core";
import type { Db } from "../engine.js";

const types: ReadonlySet<SegnoEventType> = new Set([
  "attempt.started",
  "login.success",
  "login.failure",
  "risk.alert",
  "ui.exposed",
  "ui.ceremony_started",
  "ui.ceremony_ended",
  "ui.abandoned",
]);

/** A portion of the events that a funnel is made of, oldest first. */
export function selectFunnelRows(
  db: Db,
  page: { readonly sinceMs: number; readonly after: string; readonly limit: number },
): Promise<{ readonly id: string; readonly payload: string }[]> {
  return db
    .selectFrom("segno_outbox")
    .select(["id", "payload"])
    .where("id", ">", page.after)
    .where("type", "in", [...types])
    .where("created_at", ">=", page.sinceMs)
    .orderBy("id")
    .limit(page.limit)
    .execute();
}
