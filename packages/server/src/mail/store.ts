import type { Db, Store } from "../engine.js";
import type { Schema } from "../storage/schema.js";

export type MailRow = Schema["segno_mail"];

export async function insertMail(trx: Db, row: MailRow): Promise<void> {
  await trx.insertInto("segno_mail").values(row).execute();
}

/**
 * Takes the oldest due message for a while; the outer condition makes sure only one process does. On PostgreSQL a row
 * that another sender is taking right now is passed over, so that senders do not wait for each other.
 */
export function leaseMail(
  { db, dialect }: Pick<Store, "db" | "dialect">,
  input: { nowMs: number; lockedUntilMs: number },
): Promise<MailRow | undefined> {
  return db
    .updateTable("segno_mail")
    .set((eb) => ({ locked_until: input.lockedUntilMs, attempts: eb("attempts", "+", 1) }))
    .where("id", "=", (eb) =>
      eb
        .selectFrom("segno_mail")
        .select("id")
        .where("next_attempt_at", "<=", input.nowMs)
        .where("locked_until", "<=", input.nowMs)
        .orderBy("next_attempt_at")
        .orderBy("id")
        .limit(1)
        .$if(dialect === "postgres", (due) => due.forUpdate().skipLocked()),
    )
    .where("locked_until", "<=", input.nowMs)
    .returningAll()
    .executeTakeFirst();
}

export async function releaseMail(db: Db, id: string, nextAttemptMs: number): Promise<void> {
  await db
    .updateTable("segno_mail")
    .set({ locked_until: 0, next_attempt_at: nextAttemptMs })
    .where("id", "=", id)
    .execute();
}

export async function deleteMail(db: Db, id: string): Promise<void> {
  await db.deleteFrom("segno_mail").where("id", "=", id).execute();
}
