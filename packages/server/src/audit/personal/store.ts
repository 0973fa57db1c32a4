import type { Db } from "../../engine.js";
import type { Schema } from "../../storage/schema.js";

export type SubjectKeyRow = Schema["segno_subject_keys"];

export async function selectKeys(db: Db, subjects: readonly string[]): Promise<SubjectKeyRow[]> {
  if (subjects.length === 0) return [];
  return await db.selectFrom("segno_subject_keys").selectAll().where("subject", "in", subjects).execute();
}

export async function selectKeysById(db: Db, ids: readonly string[]): Promise<SubjectKeyRow[]> {
  if (ids.length === 0) return [];
  return await db.selectFrom("segno_subject_keys").selectAll().where("id", "in", ids).execute();
}

/** Of several that make a subject's key at once the first one stays. */
export async function insertKeys(trx: Db, rows: readonly SubjectKeyRow[]): Promise<void> {
  if (rows.length === 0) return;
  await trx
    .insertInto("segno_subject_keys")
    .values([...rows])
    .onConflict((conflict) => conflict.column("subject").doNothing())
    .execute();
}

/** @returns the key's id, or undefined when it was destroyed before */
export async function destroyKey(
  trx: Db,
  input: { readonly subject: string; readonly idIfNone: string; readonly nowMs: number },
): Promise<string | undefined> {
  const { subject, nowMs } = input;
  const row = await trx
    .insertInto("segno_subject_keys")
    // where there was none, its place is taken: no key is made for the subject any more
    .values({ subject, id: input.idIfNone, wrapped: "", created_at: nowMs, destroyed_at: nowMs })
    .onConflict((conflict) =>
      conflict
        .column("subject")
        .doUpdateSet({ wrapped: "", destroyed_at: nowMs })
        .where("segno_subject_keys.destroyed_at", "is", null),
    )
    .returning("id")
    .executeTakeFirst();
  return row?.id;
}

/** Ends the keys of strangers' days that are over. @returns how many */
export async function destroyKeysBefore(
  db: Db,
  input: { readonly prefix: string; readonly beforeMs: number; readonly nowMs: number },
): Promise<number> {
  const result = await db
    .updateTable("segno_subject_keys")
    .set({ wrapped: "", destroyed_at: input.nowMs })
    .where("subject", "like", `${input.prefix}%`)
    .where("created_at", "<", input.beforeMs)
    .where("destroyed_at", "is", null)
    .executeTakeFirst();
  return Number(result.numUpdatedRows);
}

export async function clearPending(trx: Db, subject: string): Promise<void> {
  await trx
    .updateTable("segno_outbox")
    .set({ personal: null })
    .where("subject", "=", subject)
    .where("personal", "is not", null)
    // what the log has passed was wiped then: so the index of positions answers, however long events are kept
    .where((eb) =>
      eb.or([
        eb("position", "is", null),
        eb("position", ">", (inner) =>
          inner
            .selectFrom("segno_event_cursors")
            .select(({ fn, val }) => fn.coalesce(fn.max("position"), val(0)).as("position"))
            .where("name", "=", "audit"),
        ),
      ]),
    )
    .execute();
}
