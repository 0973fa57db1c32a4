import { sql } from "kysely";
import type { Db } from "../engine.js";
import { deleteInPortions, prepared, type SlotOf } from "../storage/index.js";
import type { Schema } from "../storage/schema.js";

export type NewRow = Omit<Schema["segno_outbox"], "position">;
/** A row that has its position. */
export type SequencedRow = NewRow & { readonly position: number };

const columns = ["id", "type", "subject", "payload", "personal", "created_at"] as const;

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
        position: null,
      })),
    ),
  );
/** Each number of rows is a statement of its own, compiled once. */
const inserts: ReturnType<typeof insertOf>[] = [];

/** Writes a few events at once. */
export async function insertEvents(trx: Db, rows: readonly NewRow[]): Promise<void> {
  if (rows.length === 0) return;
  inserts[rows.length] ??= insertOf(rows.length);
  const values = rows.flatMap((row) => columns.map((name) => row[name]));
  await inserts[rows.length]?.(trx, values as unknown as readonly never[]);
}

const sequence = "events";

/** The last position given away. */
export async function readHead(db: Db): Promise<number> {
  const row = await db
    .selectFrom("segno_event_sequence")
    .select("position")
    .where("name", "=", sequence)
    .executeTakeFirst();
  return row?.position ?? 0;
}

export async function hasUnsequenced(db: Db): Promise<boolean> {
  const row = await db
    .selectFrom("segno_outbox")
    .select("id")
    .where("position", "is", null)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Waits for the turn to give positions away, which lasts until the transaction ends. @returns the last one given */
export async function lockSequence(trx: Db): Promise<number> {
  const lock = () =>
    trx
      .updateTable("segno_event_sequence")
      .set((eb) => ({ position: eb.ref("position") }))
      .where("name", "=", sequence)
      .returning("position")
      .executeTakeFirst();
  const row = await lock();
  if (row !== undefined) return row.position;
  await trx
    .insertInto("segno_event_sequence")
    .values({ name: sequence, position: 0 })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return (await lock())?.position ?? 0;
}

/** Numbers the oldest rows without a position. Only under the lock. @returns how many */
export async function numberRows(trx: Db, after: number, limit: number): Promise<number> {
  const result = await trx
    .with("numbered", (db) =>
      db
        .selectFrom(
          db
            .selectFrom("segno_outbox")
            .select("id")
            .where("position", "is", null)
            .orderBy("id")
            .limit(limit)
            .as("waiting"),
        )
        .select(["id", sql<number>`row_number() over (order by id)`.as("place")]),
    )
    .updateTable("segno_outbox")
    .from("numbered")
    .set({ position: sql<number>`${after} + numbered.place` })
    .whereRef("segno_outbox.id", "=", "numbered.id")
    .where("segno_outbox.position", "is", null)
    .executeTakeFirst();
  const count = Number(result.numUpdatedRows);
  if (count > 0) {
    await trx
      .updateTable("segno_event_sequence")
      .set({ position: after + count })
      .where("name", "=", sequence)
      .execute();
  }
  return count;
}

/** What has a position, oldest first. */
export async function readRows(db: Db, after: number, limit: number): Promise<SequencedRow[]> {
  const rows = await db
    .selectFrom("segno_outbox")
    .selectAll()
    .where("position", ">", after)
    .orderBy("position")
    .limit(limit)
    .execute();
  return rows as SequencedRow[];
}

/** Those of them that are still kept. */
export async function readRowsById(db: Db, ids: readonly string[]): Promise<SequencedRow[]> {
  if (ids.length === 0) return [];
  const rows = await db
    .selectFrom("segno_outbox")
    .selectAll()
    .where("id", "in", ids)
    .where("position", "is not", null)
    .orderBy("position")
    .execute();
  return rows as SequencedRow[];
}

export interface RowFilter {
  readonly types: readonly string[] | undefined;
  readonly subject: string | undefined;
  readonly sinceMs: number | undefined;
}

export async function searchRows(
  db: Db,
  query: RowFilter & { readonly after: number; readonly limit: number; readonly isNewestFirst: boolean },
): Promise<SequencedRow[]> {
  const { types, subject, sinceMs } = query;
  let found = db.selectFrom("segno_outbox").selectAll().where("position", ">", query.after);
  if (subject !== undefined) found = found.where("subject", "=", subject);
  if (sinceMs !== undefined) found = found.where("created_at", ">=", sinceMs);
  if (types !== undefined) found = found.where("type", "in", types);
  const order = query.isNewestFirst ? "desc" : "asc";
  return (await found.orderBy("position", order).limit(query.limit).execute()) as SequencedRow[];
}

/** The oldest position that is kept, and when its event happened. */
export async function readOldest(
  db: Db,
  from: number,
): Promise<Pick<SequencedRow, "position" | "created_at"> | undefined> {
  const row = await db
    .selectFrom("segno_outbox")
    .select(["position", "created_at"])
    .where("position", ">=", from)
    .orderBy("position")
    .limit(1)
    .executeTakeFirst();
  return row as Pick<SequencedRow, "position" | "created_at"> | undefined;
}

/** Forgets what was personal about rows that somebody else keeps now. */
export async function clearPersonal(trx: Db, after: number, upTo: number): Promise<void> {
  await trx
    .updateTable("segno_outbox")
    .set({ personal: null })
    .where("position", ">", after)
    .where("position", "<=", upTo)
    .where("personal", "is not", null)
    .execute();
}

/** Deletes rows that are old enough and that everybody has passed. */
export async function deleteRows(db: Db, upTo: number, beforeMs: number): Promise<void> {
  await deleteInPortions((limit) =>
    db
      .deleteFrom("segno_outbox")
      .where("position", "in", (eb) =>
        eb
          .selectFrom("segno_outbox")
          .select("position")
          .where("position", "<=", upTo)
          .where("created_at", "<", beforeMs)
          .orderBy("position")
          .limit(limit),
      )
      .execute(),
  );
}

/** How many rows have no position yet, and the time of the oldest of them. */
export async function countUnsequenced(
  db: Db,
): Promise<{ readonly count: number; readonly oldestMs: number | undefined }> {
  const row = await db
    .selectFrom("segno_outbox")
    .select(({ fn }) => [fn.countAll<number>().as("count"), fn.min<number | null>("created_at").as("oldest")])
    .where("position", "is", null)
    .executeTakeFirstOrThrow();
  return { count: Number(row.count), oldestMs: row.oldest === null ? undefined : Number(row.oldest) };
}
