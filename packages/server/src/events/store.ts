import { sql } from "kysely";
import type { Db } from "../engine.js";
import { prepared, type SlotOf } from "../storage/index.js";
import type { Schema } from "../storage/schema.js";

export type OutboxRow = Schema["segno_outbox"];

/** `next_attempt_at` of a row that was moved aside: later than any clock (the last day a Date can hold). */
export const parkedAtMs = 8_640_000_000_000_000;

export type NewRow = Pick<OutboxRow, "id" | "type" | "subject" | "payload" | "personal" | "created_at">;

const insertOf = (count: number) =>
  prepared((db, slot: SlotOf<readonly never[]>) =>
    db.insertInto("segno_outbox").values(
      Array.from({ length: count }, (_, row) => ({
        id: slot(row * 6),
        type: slot(row * 6 + 1),
        subject: slot(row * 6 + 2),
        payload: slot(row * 6 + 3),
        personal: slot(row * 6 + 4),
        created_at: slot(row * 6 + 5),
        delivered_at: null,
        attempts: 0,
        next_attempt_at: slot(row * 6 + 5),
        locked_until: 0,
      })),
    ),
  );
/** Each number of rows is a statement of its own, compiled once. */
const inserts: ReturnType<typeof insertOf>[] = [];

/** Writes a few events at once. */
export async function insertEvents(trx: Db, rows: readonly NewRow[]): Promise<void> {
  if (rows.length === 0) return;
  inserts[rows.length] ??= insertOf(rows.length);
  const values = rows.flatMap((row) => [row.id, row.type, row.subject, row.payload, row.personal, row.created_at]);
  await inserts[rows.length]?.(trx, values as unknown as readonly never[]);
}

/**
 * Leases the oldest rows that are due. Of several nodes one gets a row, and no node gets a row of a subject while
 * another node still works on an earlier one.
 */
export async function leaseEvents(
  db: Db,
  lease: {
    readonly nowMs: number;
    readonly untilMs: number;
    readonly limit: number;
    readonly ownIds: readonly string[];
  },
): Promise<OutboxRow[]> {
  const rows = await db
    .updateTable("segno_outbox")
    .set({ locked_until: lease.untilMs })
    .where("id", "in", (eb) =>
      eb
        .selectFrom("segno_outbox as o")
        .select("o.id")
        .where("o.delivered_at", "is", null)
        .where("o.next_attempt_at", "<=", lease.nowMs)
        .where("o.locked_until", "<=", lease.nowMs)
        .where(({ not, exists, selectFrom }) => {
          let earlier = selectFrom("segno_outbox as e")
            .select("e.id")
            .whereRef("e.subject", "=", "o.subject")
            .whereRef("e.id", "<", "o.id")
            .where("e.delivered_at", "is", null)
            // as a literal: it is what lets the index of leased rows answer
            .where("e.locked_until", ">", sql.lit(0))
            .where("e.locked_until", ">", lease.nowMs);
          if (lease.ownIds.length > 0) earlier = earlier.where("e.id", "not in", lease.ownIds);
          return not(exists(earlier));
        })
        .orderBy("o.id")
        .limit(lease.limit),
    )
    // once more on the row itself: PostgreSQL looks again at a row that another node changed in the meantime
    .where("locked_until", "<=", lease.nowMs)
    .where("next_attempt_at", "<=", lease.nowMs)
    .where("delivered_at", "is", null)
    .returningAll()
    .execute();
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

export async function extendLeases(db: Db, ids: readonly string[], untilMs: number): Promise<void> {
  if (ids.length === 0) return;
  await db
    .updateTable("segno_outbox")
    .set({ locked_until: untilMs })
    .where("id", "in", ids)
    .where("delivered_at", "is", null)
    .execute();
}

export async function markDelivered(db: Db, ids: readonly string[], nowMs: number): Promise<void> {
  if (ids.length === 0) return;
  await db
    .updateTable("segno_outbox")
    .set({ delivered_at: nowMs, locked_until: 0 })
    .where("id", "in", ids)
    .where("delivered_at", "is", null)
    .execute();
}

export async function putBack(
  db: Db,
  row: { readonly id: string; readonly attempts: number; readonly nextAttemptAtMs: number },
): Promise<void> {
  await db
    .updateTable("segno_outbox")
    .set({ attempts: row.attempts, next_attempt_at: row.nextAttemptAtMs, locked_until: 0 })
    .where("id", "=", row.id)
    .where("delivered_at", "is", null)
    .execute();
}

/** Makes rows that were moved aside due again. @returns how many */
export async function unpark(db: Db, nowMs: number): Promise<number> {
  const rows = await db
    .updateTable("segno_outbox")
    .set({ attempts: 0, next_attempt_at: nowMs, locked_until: 0 })
    .where("next_attempt_at", "=", parkedAtMs)
    .where("delivered_at", "is", null)
    .returning("id")
    .execute();
  return rows.length;
}

export async function deleteDelivered(db: Db, beforeMs: number): Promise<void> {
  await db.deleteFrom("segno_outbox").where("delivered_at", "<", beforeMs).execute();
}

/** How far delivery is behind: what waits, how old the oldest of it is, and what was moved aside. */
export async function readOutboxFigures(
  db: Db,
  nowMs: number,
): Promise<{ readonly waiting: number; readonly lagMs: number; readonly deadLetters: number }> {
  const row = await db
    .selectFrom("segno_outbox")
    .select(({ fn, eb }) => [
      fn.countAll<number>().filterWhere("next_attempt_at", "<", parkedAtMs).as("waiting"),
      fn.min<number | null>("created_at").filterWhere("next_attempt_at", "<", parkedAtMs).as("oldest"),
      fn
        .countAll<number>()
        .filterWhere(eb("next_attempt_at", "=", parkedAtMs))
        .as("parked"),
    ])
    .where("delivered_at", "is", null)
    .executeTakeFirstOrThrow();
  const oldest = row.oldest === null ? nowMs : Number(row.oldest);
  return { waiting: Number(row.waiting), lagMs: Math.max(0, nowMs - oldest), deadLetters: Number(row.parked) };
}
