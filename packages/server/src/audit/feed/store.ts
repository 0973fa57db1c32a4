import type { Db } from "../../engine.js";

/** How far the log is behind. */
export interface Backlog {
  /** Committed events that are no leaves yet. */
  readonly waiting: number;
  /** When the oldest of them happened, milliseconds since the epoch; null when none waits. */
  readonly oldestMs: number | null;
}

export const readerName = "audit";

export async function readBacklog(db: Db): Promise<Backlog> {
  const cursor = await db
    .selectFrom("segno_event_cursors")
    .select("position")
    .where("name", "=", readerName)
    .executeTakeFirst();
  const behind = await db
    .selectFrom("segno_outbox")
    .select((eb) => [eb.fn.countAll().as("count"), eb.fn.min("created_at").as("oldest")])
    .where((eb) => eb.or([eb("position", "is", null), eb("position", ">", cursor?.position ?? 0)]))
    .executeTakeFirst();
  const waiting = Number(behind?.count ?? 0);
  return { waiting, oldestMs: waiting === 0 ? null : Number(behind?.oldest) };
}
