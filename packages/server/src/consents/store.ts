import type { Db } from "../engine.js";
import type { Schema } from "../storage/schema.js";

export type ConsentRow = Schema["segno_consents"];

export function selectConsents(db: Db, userId: string): Promise<ConsentRow[]> {
  return db.selectFrom("segno_consents").selectAll().where("user_id", "=", userId).execute();
}

/** One statement: of any number of callers one changes the row. @returns whether this one did */
export async function putConsent(
  trx: Db,
  input: { readonly userId: string; readonly purpose: string; readonly version: number; readonly nowMs: number },
): Promise<boolean> {
  const { version, nowMs } = input;
  const changed = await trx
    .insertInto("segno_consents")
    .values({ user_id: input.userId, purpose: input.purpose, version, granted_at: nowMs, withdrawn_at: null })
    .onConflict((conflict) =>
      conflict
        .columns(["user_id", "purpose"])
        .doUpdateSet({ version, granted_at: nowMs, withdrawn_at: null })
        .where((eb) =>
          eb.or([eb("segno_consents.withdrawn_at", "is not", null), eb("segno_consents.version", "!=", version)]),
        ),
    )
    .returning("purpose")
    .executeTakeFirst();
  return changed !== undefined;
}

/** @returns the version that was in force, undefined when none was */
export async function endConsent(
  trx: Db,
  input: { readonly userId: string; readonly purpose: string; readonly nowMs: number },
): Promise<number | undefined> {
  const ended = await trx
    .updateTable("segno_consents")
    .set({ withdrawn_at: input.nowMs })
    .where("user_id", "=", input.userId)
    .where("purpose", "=", input.purpose)
    .where("withdrawn_at", "is", null)
    .returning("version")
    .executeTakeFirst();
  return ended?.version;
}

/** What an account agreed to goes with it. */
export async function eraseConsents(trx: Db, userId: string): Promise<void> {
  await trx.deleteFrom("segno_consents").where("user_id", "=", userId).execute();
}
