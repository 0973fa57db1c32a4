import type { Db } from "../engine.js";
import type { Schema } from "../storage/schema.js";

export type FailureRow = Schema["segno_event_failures"];

/** The reason of what waits because an operator asked for it. */
export const replayedReason = "replayed";

/** A portion of a long list, well below what one statement may hold of parameters. */
const portion = 50;

/** Adds what is not among them yet. */
export async function addFailures(trx: Db, rows: readonly FailureRow[]): Promise<void> {
  for (let start = 0; start < rows.length; start += portion) {
    await trx
      .insertInto("segno_event_failures")
      .values(rows.slice(start, start + portion))
      .onConflict((conflict) => conflict.columns(["consumer", "event_id"]).doNothing())
      .execute();
  }
}

/**
 * What is due, oldest first. Nothing of a subject comes before an earlier one of it that still waits for its time, so what is
 * left out at the limit is later than what is given.
 */
export async function readDue(db: Db, consumer: string, nowMs: number, limit: number): Promise<FailureRow[]> {
  return await db
    .selectFrom("segno_event_failures as f")
    .selectAll()
    .where("f.consumer", "=", consumer)
    .where("f.dead_at", "is", null)
    .where("f.next_attempt_at", "<=", nowMs)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("segno_event_failures as e")
            .select("e.event_id")
            .where("e.consumer", "=", consumer)
            .whereRef("e.subject", "=", "f.subject")
            .whereRef("e.position", "<", "f.position")
            .where("e.dead_at", "is", null)
            .where("e.next_attempt_at", ">", nowMs),
        ),
      ),
    )
    .orderBy("f.position")
    .limit(limit)
    .execute();
}

/** What waits of these subjects. */
export async function readWaiting(
  db: Db,
  consumer: string,
  subjects: readonly string[],
): Promise<Pick<FailureRow, "event_id" | "subject" | "type" | "position">[]> {
  if (subjects.length === 0) return [];
  return await db
    .selectFrom("segno_event_failures")
    .select(["event_id", "subject", "type", "position"])
    .where("consumer", "=", consumer)
    .where("dead_at", "is", null)
    .where("subject", "in", subjects)
    .orderBy("position")
    .execute();
}

/** Whether anything waits at all. */
export async function hasFailures(db: Db, consumer: string): Promise<boolean> {
  const row = await db
    .selectFrom("segno_event_failures")
    .select("event_id")
    .where("consumer", "=", consumer)
    .where("dead_at", "is", null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Everything that waits, oldest first. */
export async function readAllWaiting(db: Db, consumer: string, limit: number): Promise<FailureRow[]> {
  return await db
    .selectFrom("segno_event_failures")
    .selectAll()
    .where("consumer", "=", consumer)
    .where("dead_at", "is", null)
    .orderBy("position")
    .limit(limit)
    .execute();
}

/** Drops what will be read from the log again. */
export async function dropWaitingAfter(db: Db, consumer: string, position: number): Promise<void> {
  await db
    .deleteFrom("segno_event_failures")
    .where("consumer", "=", consumer)
    .where("dead_at", "is", null)
    .where("position", ">", position)
    .execute();
}

/** Drops everything after a place that is read from the log again, dead letters as well. */
export async function dropAfter(db: Db, consumer: string, position: number): Promise<void> {
  await db
    .deleteFrom("segno_event_failures")
    .where("consumer", "=", consumer)
    .where("position", ">", position)
    .execute();
}

/** What somebody asked to be tried again. */
export async function readReplayed(db: Db, consumer: string, limit: number): Promise<FailureRow[]> {
  return await db
    .selectFrom("segno_event_failures")
    .selectAll()
    .where("consumer", "=", consumer)
    .where("dead_at", "is", null)
    .where("reason", "=", replayedReason)
    .orderBy("position")
    .limit(limit)
    .execute();
}

export async function readFailuresById(db: Db, consumer: string, ids: readonly string[]): Promise<FailureRow[]> {
  if (ids.length === 0) return [];
  return await db
    .selectFrom("segno_event_failures")
    .selectAll()
    .where("consumer", "=", consumer)
    .where("event_id", "in", ids)
    .execute();
}

export type FailureChange = Pick<FailureRow, "event_id" | "attempts" | "next_attempt_at" | "reason" | "dead_at">;

export async function changeFailure(trx: Db, consumer: string, { event_id, ...change }: FailureChange): Promise<void> {
  await trx
    .updateTable("segno_event_failures")
    .set(change)
    .where("consumer", "=", consumer)
    .where("event_id", "=", event_id)
    .execute();
}

export async function deleteFailures(trx: Db, consumer: string, ids: readonly string[]): Promise<void> {
  for (let start = 0; start < ids.length; start += 500) {
    await trx
      .deleteFrom("segno_event_failures")
      .where("consumer", "=", consumer)
      .where("event_id", "in", ids.slice(start, start + 500))
      .execute();
  }
}

/** Every failure of a receiver that is no more. */
export async function forgetFailures(trx: Db, consumer: string): Promise<void> {
  await trx.deleteFrom("segno_event_failures").where("consumer", "=", consumer).execute();
}

export async function readDead(
  db: Db,
  query: { readonly consumer?: string | undefined; readonly after: number; readonly limit: number },
): Promise<FailureRow[]> {
  let found = db
    .selectFrom("segno_event_failures")
    .selectAll()
    .where("dead_at", "is not", null)
    .where("position", ">", query.after);
  if (query.consumer !== undefined) found = found.where("consumer", "=", query.consumer);
  return await found.orderBy("position").orderBy("consumer").limit(query.limit).execute();
}

/** Makes dead letters due again, all of them or those named. @returns their ids */
export async function reviveDead(
  db: Db,
  consumer: string,
  nowMs: number,
  ids: readonly string[] | undefined,
): Promise<readonly string[]> {
  let revived = db
    .updateTable("segno_event_failures")
    .set({ attempts: 0, next_attempt_at: nowMs, reason: replayedReason, dead_at: null })
    .where("consumer", "=", consumer)
    .where("dead_at", "is not", null);
  if (ids !== undefined) revived = revived.where("event_id", "in", ids);
  return (await revived.returning("event_id").execute()).map((row) => row.event_id);
}

/** @returns how many */
export async function dropDead(db: Db, consumer: string, ids: readonly string[] | undefined): Promise<number> {
  let dropped = db.deleteFrom("segno_event_failures").where("consumer", "=", consumer).where("dead_at", "is not", null);
  if (ids !== undefined) dropped = dropped.where("event_id", "in", ids);
  return (await dropped.returning("event_id").execute()).length;
}

/** How many dead letters and how many others each receiver has. */
export async function countFailures(
  db: Db,
): Promise<readonly { readonly consumer: string; readonly dead: number; readonly waiting: number }[]> {
  const rows = await db
    .selectFrom("segno_event_failures")
    .select(({ fn }) => ["consumer", fn.count("dead_at").as("dead"), fn.countAll().as("all")])
    .groupBy("consumer")
    .execute();
  return rows.map((row) => ({
    consumer: row.consumer,
    dead: Number(row.dead),
    waiting: Number(row.all) - Number(row.dead),
  }));
}
