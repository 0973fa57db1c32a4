import type { Db } from "../engine.js";
import type { Schema } from "../storage/schema.js";

export type AttemptRow = Schema["segno_attempts"];
export type AttemptKind = AttemptRow["kind"];

export async function insertAttempt(trx: Db, row: AttemptRow): Promise<void> {
  await trx.insertInto("segno_attempts").values(row).execute();
}

export function selectAttempt(db: Db, id: string): Promise<AttemptRow | undefined> {
  return db.selectFrom("segno_attempts").selectAll().where("id", "=", id).executeTakeFirst();
}

export function selectAttemptByLink(db: Db, linkHash: string): Promise<AttemptRow | undefined> {
  return db.selectFrom("segno_attempts").selectAll().where("link_hash", "=", linkHash).executeTakeFirst();
}

/** The one statement that spends an attempt. */
export function markConsumed(
  trx: Db,
  input: { id: string; kind: AttemptKind; browserHash: string; maxTries: number; nowMs: number },
): Promise<AttemptRow | undefined> {
  return trx
    .updateTable("segno_attempts")
    .set({ consumed_at: input.nowMs })
    .where("id", "=", input.id)
    .where("kind", "=", input.kind)
    .where("browser_hash", "=", input.browserHash)
    .where("consumed_at", "is", null)
    .where("expires_at", ">", input.nowMs)
    .where("tries", "<=", input.maxTries)
    .returningAll()
    .executeTakeFirst();
}

/** The one statement that counts a try: it counts only while one is left. */
export function addTry(
  db: Db,
  input: { id: string; kind: AttemptKind; browserHash: string; maxTries: number; nowMs: number },
): Promise<AttemptRow | undefined> {
  return db
    .updateTable("segno_attempts")
    .set((eb) => ({ tries: eb("tries", "+", 1) }))
    .where("id", "=", input.id)
    .where("kind", "=", input.kind)
    .where("browser_hash", "=", input.browserHash)
    .where("consumed_at", "is", null)
    .where("expires_at", ">", input.nowMs)
    .where("tries", "<", input.maxTries)
    .returningAll()
    .executeTakeFirst();
}

/** Marks attempts that ran out unfinished: an attempt is marked once, by one of any number of callers. */
export function markAbandoned(
  trx: Db,
  input: { readonly nowMs: number; readonly limit: number },
): Promise<Pick<AttemptRow, "id" | "kind" | "data" | "session_id">[]> {
  return (
    trx
      .updateTable("segno_attempts")
      .set({ abandoned_at: input.nowMs })
      .where("id", "in", (eb) =>
        eb
          .selectFrom("segno_attempts")
          .select("id")
          .where("abandoned_at", "is", null)
          .where("consumed_at", "is", null)
          .where("expires_at", "<=", input.nowMs)
          .orderBy("expires_at")
          .limit(input.limit),
      )
      // once more on the row itself: PostgreSQL looks again at a row that another node changed in the meantime
      .where("abandoned_at", "is", null)
      .where("consumed_at", "is", null)
      .returning(["id", "kind", "data", "session_id"])
      .execute()
  );
}

/** Ends every open attempt of a kind that a browser began for an address. */
export async function voidAttempts(
  trx: Db,
  input: { kind: AttemptKind; identifier: string; browserHash: string; nowMs: number },
): Promise<void> {
  await trx
    .updateTable("segno_attempts")
    .set({ consumed_at: input.nowMs })
    .where("kind", "=", input.kind)
    .where("identifier", "=", input.identifier)
    .where("browser_hash", "=", input.browserHash)
    .where("consumed_at", "is", null)
    .execute();
}

/** How many attempts came to their end in a span of time, by kind: finished, or abandoned. */
export async function countEndedAttempts(
  db: Db,
  span: { readonly fromMs: number; readonly untilMs: number },
): Promise<
  readonly { readonly kind: AttemptKind; readonly outcome: "finished" | "abandoned"; readonly count: number }[]
> {
  const rows = await db
    .selectFrom("segno_attempts")
    .select(({ fn }) => ["kind", fn.count<number>("consumed_at").as("finished"), fn.countAll<number>().as("total")])
    .where("expires_at", ">", span.fromMs)
    .where("expires_at", "<=", span.untilMs)
    .groupBy("kind")
    .execute();
  return rows.flatMap(({ kind, finished, total }) => [
    { kind, outcome: "finished" as const, count: Number(finished) },
    { kind, outcome: "abandoned" as const, count: Number(total) - Number(finished) },
  ]);
}
