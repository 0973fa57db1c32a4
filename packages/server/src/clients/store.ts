import type { Db } from "../engine.js";
import { prepared, type SlotOf } from "../storage/index.js";
import type { Schema } from "../storage/schema.js";

export type ClientRow = Schema["segno_clients"];

const clientById = prepared((db, slot: SlotOf<{ id: string }>) =>
  db.selectFrom("segno_clients").selectAll().where("id", "=", slot("id")),
);

export async function findClient(db: Db, id: string): Promise<ClientRow | undefined> {
  const [row] = await clientById(db, { id });
  return row;
}

export async function insertClient(trx: Db, row: ClientRow): Promise<void> {
  await trx.insertInto("segno_clients").values(row).execute();
}

/** The newest first. */
export async function listClients(db: Db): Promise<readonly ClientRow[]> {
  return await db.selectFrom("segno_clients").selectAll().orderBy("id", "desc").execute();
}

interface Ending {
  readonly reason: string;
  readonly nowMs: number;
}

/** @returns the client; undefined when there was none, or it had ended before */
export async function endClient(trx: Db, input: Ending & { readonly id: string }): Promise<ClientRow | undefined> {
  return await trx
    .updateTable("segno_clients")
    .set({ revoked_at: input.nowMs, revoked_reason: input.reason })
    .where("id", "=", input.id)
    .where("revoked_at", "is", null)
    .returningAll()
    .executeTakeFirst();
}

/** @returns the ids of those it ended: each once, however many nodes do this */
export async function endExpiredClients(trx: Db, { nowMs, reason }: Ending): Promise<readonly string[]> {
  const rows = await trx
    .updateTable("segno_clients")
    .set({ revoked_at: nowMs, revoked_reason: reason })
    .where("expires_at", "<=", nowMs)
    .where("revoked_at", "is", null)
    .returning("id")
    .execute();
  return rows.map(({ id }) => id);
}

/** What ended long ago; its id is never used again. */
const keepMs = 30 * 86_400_000;

/** @returns the ids of those it deleted */
export async function deleteEndedClients(trx: Db, nowMs: number): Promise<readonly string[]> {
  const rows = await trx
    .deleteFrom("segno_clients")
    .where("revoked_at", "<", nowMs - keepMs)
    .returning("id")
    .execute();
  return rows.map(({ id }) => id);
}
