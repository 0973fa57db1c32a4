import type { Db } from "../engine.js";
import type { Schema } from "../storage/schema.js";
import type { UserStatus } from "./user-status.js";

export type UserRow = Schema["segno_users"];
export type IdentifierRow = Schema["segno_identifiers"];

export async function insertUser(trx: Db, row: UserRow): Promise<void> {
  await trx.insertInto("segno_users").values(row).execute();
}

export function selectUser(db: Db, userId: string): Promise<UserRow | undefined> {
  return db
    .selectFrom("segno_users")
    .selectAll()
    .where("id", "=", userId)
    .where("status", "!=", "deleted")
    .executeTakeFirst();
}

export function selectVerifiedOwner(db: Db, email: string): Promise<UserRow | undefined> {
  return db
    .selectFrom("segno_identifiers as i")
    .innerJoin("segno_users as u", "u.id", "i.user_id")
    .selectAll("u")
    .where("i.kind", "=", "email")
    .where("i.value", "=", email)
    .where("i.verified_at", "is not", null)
    .where("u.status", "!=", "deleted")
    .executeTakeFirst();
}

/** The account that claimed an address last, if it is active and has proved no address at all. */
export function selectUnprovenClaimant(db: Db, email: string): Promise<UserRow | undefined> {
  return db
    .selectFrom("segno_identifiers as i")
    .innerJoin("segno_users as u", "u.id", "i.user_id")
    .selectAll("u")
    .where("i.kind", "=", "email")
    .where("i.value", "=", email)
    .where("i.verified_at", "is", null)
    .where("u.status", "=", "active")
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("segno_identifiers as p")
            .select("p.id")
            .whereRef("p.user_id", "=", "u.id")
            .where("p.verified_at", "is not", null),
        ),
      ),
    )
    .orderBy("i.created_at", "desc")
    .orderBy("i.id", "desc")
    .limit(1)
    .executeTakeFirst();
}

export function selectIdentifiers(db: Db, userId: string): Promise<IdentifierRow[]> {
  return db
    .selectFrom("segno_identifiers")
    .selectAll()
    .where("user_id", "=", userId)
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .execute();
}

export async function insertIdentifier(trx: Db, row: IdentifierRow): Promise<void> {
  await trx.insertInto("segno_identifiers").values(row).execute();
}

/** Deletes what others, or the user under other values, hold or claim, so that one verified row can remain. */
export async function deleteClaims(trx: Db, by: { email: string } | { userId: string }): Promise<void> {
  const query = trx.deleteFrom("segno_identifiers").where("kind", "=", "email");
  const narrowed =
    "email" in by
      ? query.where("value", "=", by.email).where("verified_at", "is", null)
      : query.where("user_id", "=", by.userId);
  await narrowed.execute();
}

export async function deleteClaim(trx: Db, userId: string, email: string): Promise<void> {
  await trx
    .deleteFrom("segno_identifiers")
    .where("kind", "=", "email")
    .where("user_id", "=", userId)
    .where("value", "=", email)
    .where("verified_at", "is", null)
    .execute();
}

/** One conditional statement: the row changes only from a state the transition may leave. */
export function moveUser(
  trx: Db,
  input: { userId: string; from: readonly UserStatus[]; to: UserStatus; nowMs: number },
): Promise<UserRow | undefined> {
  return trx
    .updateTable("segno_users")
    .set({ status: input.to, updated_at: input.nowMs })
    .where("id", "=", input.userId)
    .where("status", "in", [...input.from])
    .returningAll()
    .executeTakeFirst();
}

export function updateUser(
  trx: Db,
  userId: string,
  changes: Partial<Pick<UserRow, "display_name" | "user_handle" | "updated_at">>,
): Promise<UserRow | undefined> {
  return trx
    .updateTable("segno_users")
    .set(changes)
    .where("id", "=", userId)
    .where("status", "!=", "deleted")
    .returningAll()
    .executeTakeFirst();
}

/** Everything that could sign this user in or is on its way to: passkeys and open attempts. */
export async function deleteAuthenticators(trx: Db, userId: string): Promise<void> {
  await trx.deleteFrom("segno_passkeys").where("user_id", "=", userId).execute();
  await trx.deleteFrom("segno_attempts").where("user_id", "=", userId).execute();
}

export async function deleteAttemptsOfAddresses(trx: Db, emails: readonly string[]): Promise<void> {
  if (emails.length === 0) return;
  await trx
    .deleteFrom("segno_attempts")
    .where("identifier", "in", [...emails])
    .execute();
}

/** Makes changes to one account wait for each other. */
export async function lockUser(trx: Db, userId: string, nowMs: number): Promise<void> {
  await trx.updateTable("segno_users").set({ updated_at: nowMs }).where("id", "=", userId).execute();
}
