import type { Db } from "../../engine.js";
import type { Schema } from "../../storage/schema.js";

export type PasskeyRow = Schema["segno_passkeys"];
export type PasskeyOwner = PasskeyRow & {
  readonly user_handle: string;
  readonly user_status: Schema["segno_users"]["status"];
};

/** @returns false when the credential id is taken already, by anybody */
export async function insertPasskey(trx: Db, row: PasskeyRow): Promise<boolean> {
  const inserted = await trx
    .insertInto("segno_passkeys")
    .values(row)
    .onConflict((conflict) => conflict.column("credential_id").doNothing())
    .returning("id")
    .executeTakeFirst();
  return inserted !== undefined;
}

/** A credential with what must be known of its owner, in one read. */
export function selectByCredential(db: Db, credentialId: string): Promise<PasskeyOwner | undefined> {
  return db
    .selectFrom("segno_passkeys as p")
    .innerJoin("segno_users as u", "u.id", "p.user_id")
    .selectAll("p")
    .select(["u.user_handle", "u.status as user_status"])
    .where("p.credential_id", "=", credentialId)
    .where("u.status", "!=", "deleted")
    .executeTakeFirst();
}

export function selectPasskeys(db: Db, userId: string): Promise<PasskeyRow[]> {
  return db
    .selectFrom("segno_passkeys")
    .selectAll()
    .where("user_id", "=", userId)
    .orderBy("created_at")
    .orderBy("id")
    .execute();
}

/**
 * Records a use: only while the stored counter is below the new one (or both are 0: no counter), so that two uses at
 * one moment cannot both pass with one counter value.
 */
export async function recordUse(
  trx: Db,
  input: { id: string; counter: number; backedUp: boolean; nowMs: number },
): Promise<boolean> {
  const row = await trx
    .updateTable("segno_passkeys")
    .set({ counter: input.counter, backed_up: input.backedUp ? 1 : 0, last_used_at: input.nowMs })
    .where("id", "=", input.id)
    .where("counter", input.counter === 0 ? "=" : "<", input.counter)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

export function renamePasskeyRow(
  db: Db,
  input: { id: string; userId: string; name: string },
): Promise<PasskeyRow | undefined> {
  return db
    .updateTable("segno_passkeys")
    .set({ name: input.name })
    .where("id", "=", input.id)
    .where("user_id", "=", input.userId)
    .returningAll()
    .executeTakeFirst();
}

/** Deletes a passkey unless it is the last way in: another passkey, or a proved address where email signs in. */
export function deleteUnlessLast(
  trx: Db,
  input: { id: string; userId: string; countsEmail: boolean },
): Promise<PasskeyRow | undefined> {
  return trx
    .deleteFrom("segno_passkeys")
    .where("id", "=", input.id)
    .where("user_id", "=", input.userId)
    .where((eb) => {
      const another = eb.exists(
        eb
          .selectFrom("segno_passkeys as o")
          .select("o.id")
          .where("o.user_id", "=", input.userId)
          .where("o.id", "!=", input.id),
      );
      if (!input.countsEmail) return another;
      const address = eb.exists(
        eb
          .selectFrom("segno_identifiers as i")
          .select("i.id")
          .where("i.user_id", "=", input.userId)
          .where("i.verified_at", "is not", null),
      );
      return eb.or([another, address]);
    })
    .returningAll()
    .executeTakeFirst();
}

/** Makes changes to one account's factors wait for each other. */
export async function lockUser(trx: Db, userId: string, nowMs: number): Promise<void> {
  await trx.updateTable("segno_users").set({ updated_at: nowMs }).where("id", "=", userId).execute();
}

/** Challenges that were given out before a factor changed are worth nothing after it (T-102). */
export async function voidCeremonies(trx: Db, userId: string, nowMs: number): Promise<void> {
  await trx
    .updateTable("segno_attempts")
    .set({ consumed_at: nowMs })
    .where("user_id", "=", userId)
    .where("kind", "in", ["passkey_step_up", "passkey_add"])
    .where("consumed_at", "is", null)
    .execute();
}
