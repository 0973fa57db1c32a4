import type { ExpressionBuilder } from "kysely";
import type { Db } from "../engine.js";
import type { Schema } from "../storage/schema.js";
import type { KeyPurpose } from "./custody.js";
import type { KeyRow } from "./key-material.js";

/** Keys that are in the key set: published, signing, verify_only. Oldest first. */
export async function listLiveKeys(db: Db, purpose: KeyPurpose): Promise<KeyRow[]> {
  return await db
    .selectFrom("segno_keys")
    .selectAll()
    .where("purpose", "=", purpose)
    .where("state", "in", ["published", "signing", "verify_only"])
    .orderBy("created_at")
    .orderBy("kid")
    .execute();
}

/** @returns false when another node was first: one key signs, one is the spare (unique indexes) */
export async function insertKey(trx: Db, row: KeyRow): Promise<boolean> {
  const inserted = await trx
    .insertInto("segno_keys")
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .returning("kid")
    .executeTakeFirst();
  return inserted !== undefined;
}

/** `signing -> verify_only`. @returns false when the key does not sign (any more) */
export async function demoteKey(trx: Db, kid: string, nowMs: number): Promise<boolean> {
  const row = await trx
    .updateTable("segno_keys")
    .set({ state: "verify_only", verify_only_at: nowMs })
    .where("kid", "=", kid)
    .where("state", "=", "signing")
    .returning("kid")
    .executeTakeFirst();
  return row !== undefined;
}

/** `published -> signing`, when it has been published since `publishedBeforeMs` at the latest. */
export async function promoteKey(
  trx: Db,
  input: { readonly kid: string; readonly nowMs: number; readonly publishedBeforeMs: number },
): Promise<boolean> {
  const row = await trx
    .updateTable("segno_keys")
    .set({ state: "signing", signing_at: input.nowMs })
    .where("kid", "=", input.kid)
    .where("state", "=", "published")
    .where("published_at", "<=", input.publishedBeforeMs)
    .returning("kid")
    .executeTakeFirst();
  return row !== undefined;
}

/** A key by its id, whatever its state and purpose. */
export async function findKeyRow(db: Db, kid: string): Promise<KeyRow | undefined> {
  return await db.selectFrom("segno_keys").selectAll().where("kid", "=", kid).executeTakeFirst();
}

/** Purposes that keys were made for. */
export async function listPurposes(db: Db): Promise<readonly string[]> {
  const rows = await db.selectFrom("segno_keys").select("purpose").distinct().orderBy("purpose").execute();
  return rows.map((row) => row.purpose);
}

/** Every key there ever was, oldest first. */
export async function listKeys(db: Db): Promise<KeyRow[]> {
  return await db.selectFrom("segno_keys").selectAll().orderBy("created_at").orderBy("kid").execute();
}

/** Every key there ever was for a purpose, oldest first. */
export async function listKeysOf(db: Db, purpose: KeyPurpose): Promise<KeyRow[]> {
  return await db
    .selectFrom("segno_keys")
    .selectAll()
    .where("purpose", "=", purpose)
    .orderBy("created_at")
    .orderBy("kid")
    .execute();
}

/** A wrapped private half is erased. What a custody calls its own key stays, until the custody has ended it. */
const erased = (eb: ExpressionBuilder<Schema, "segno_keys">) =>
  eb.case().when("custody", "like", "%:remote").then(eb.ref("private_sealed")).else("").end();

/**
 * `verify_only -> retired` for each key that no unexpired token needs. The private half is erased.
 * @param input.expiredBeforeMs tokens that expired before this are refused by every verifier, whatever its clock says
 */
export async function retireKeys(
  trx: Db,
  input: { readonly purpose: KeyPurpose; readonly nowMs: number; readonly expiredBeforeMs: number },
): Promise<KeyRow[]> {
  return await trx
    .updateTable("segno_keys")
    .set((eb) => ({ state: "retired", retired_at: input.nowMs, private_sealed: erased(eb) }))
    .where("purpose", "=", input.purpose)
    .where("state", "=", "verify_only")
    .where((eb) =>
      eb.or([
        eb("latest_exp", "<=", input.expiredBeforeMs),
        eb.and([eb("latest_exp", "is", null), eb("verify_only_at", "<=", input.expiredBeforeMs)]),
      ]),
    )
    .returningAll()
    .execute();
}

/**
 * Takes a key out of the key set at once, whatever its state, or only from the state given.
 * @returns its row as it is now, undefined when it was not live
 */
export async function withdrawKey(
  trx: Db,
  input: {
    readonly kid: string;
    readonly nowMs: number;
    readonly state: "retired" | "compromised";
    readonly from?: KeyRow["state"];
  },
): Promise<KeyRow | undefined> {
  return await trx
    .updateTable("segno_keys")
    .set((eb) => ({ state: input.state, retired_at: input.nowMs, private_sealed: erased(eb) }))
    .where("kid", "=", input.kid)
    .where("state", "in", input.from === undefined ? ["published", "signing", "verify_only"] : [input.from])
    .returningAll()
    .executeTakeFirst();
}

/** Keys that left the key set and that their custody has not ended yet. */
export async function listEndedKeys(db: Db, purpose: KeyPurpose): Promise<KeyRow[]> {
  return await db
    .selectFrom("segno_keys")
    .selectAll()
    .where("purpose", "=", purpose)
    .where("state", "in", ["retired", "compromised"])
    .where("destroyed_at", "is", null)
    .where("private_sealed", "!=", "")
    .execute();
}

/** `retired -> destroyed`. A compromised key stays what it is. @returns undefined when another node was first */
export async function markDestroyed(trx: Db, kid: string, nowMs: number): Promise<KeyRow | undefined> {
  return await trx
    .updateTable("segno_keys")
    .set((eb) => ({
      destroyed_at: nowMs,
      private_sealed: "",
      state: eb
        .case()
        .when("state", "=", "retired")
        .then("destroyed" as const)
        .else(eb.ref("state"))
        .end(),
    }))
    .where("kid", "=", kid)
    .where("destroyed_at", "is", null)
    .returningAll()
    .executeTakeFirst();
}

/** Notes that everything a compromise had to end is over. */
export async function markSettled(db: Db, kid: string, nowMs: number): Promise<void> {
  await db.updateTable("segno_keys").set({ settled_at: nowMs }).where("kid", "=", kid).execute();
}

/** Raises the latest `exp` on record, never lowers it. @returns false when the key does not sign any more */
export async function recordLatestExp(db: Db, kid: string, latestExpMs: number): Promise<boolean> {
  const row = await db
    .updateTable("segno_keys")
    .set((eb) => ({
      latest_exp: eb
        .case()
        .when(eb.or([eb("latest_exp", "is", null), eb("latest_exp", "<", latestExpMs)]))
        .then(latestExpMs)
        .else(eb.ref("latest_exp"))
        .end(),
    }))
    .where("kid", "=", kid)
    .where("state", "=", "signing")
    .returning("kid")
    .executeTakeFirst();
  return row !== undefined;
}

/** Replaces a sealed private key, unless another node did. */
export async function replaceSealed(
  db: Db,
  input: { readonly kid: string; readonly old: string; readonly sealed: string },
): Promise<void> {
  await db
    .updateTable("segno_keys")
    .set({ private_sealed: input.sealed })
    .where("kid", "=", input.kid)
    .where("private_sealed", "=", input.old)
    .execute();
}
