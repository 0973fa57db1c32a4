import { sql } from "kysely";
import type { Db } from "../../engine.js";

/** One thing in the state tables that an event must have told of. */
export interface StateFact {
  readonly id: string;
  readonly atMs: number;
}

/** Kinds of state changes, by the table and the column that says when. What is swept away is not looked for. */
const sources = {
  user_created: ["segno_users", "id", "created_at", null],
  user_deleted: ["segno_users", "id", "updated_at", "status = 'deleted'"],
  session_created: ["segno_sessions", "id", "created_at", null],
  session_revoked: ["segno_sessions", "id", "revoked_at", "revoked_at is not null"],
  refresh_family: ["segno_refresh_families", "id", "created_at", null],
  token_revoked: ["segno_revoked_tokens", "jti", "revoked_at", null],
  passkey_added: ["segno_passkeys", "id", "created_at", null],
  key_created: ["segno_keys", "kid", "created_at", null],
  client_created: ["segno_clients", "id", "created_at", null],
  client_revoked: ["segno_clients", "id", "revoked_at", "revoked_at is not null"],
} as const;

export type StateKind = keyof typeof sources;
export const stateKinds: readonly StateKind[] = Object.keys(sources) as StateKind[];

/** A page of facts of one kind, by id. */
export async function selectFacts(
  db: Db,
  kind: StateKind,
  after: string,
  limit: number,
): Promise<readonly StateFact[]> {
  const [table, id, at, condition] = sources[kind];
  const only = condition === null ? sql`` : sql`and ${sql.raw(condition)}`;
  const { rows } = await sql<{ id: string; at: number }>`
    select ${sql.ref(id)} as id, ${sql.ref(at)} as at from ${sql.table(table)}
    where ${sql.ref(id)} > ${after} ${only} order by ${sql.ref(id)} limit ${limit}`.execute(db);
  return rows.map((row) => ({ id: row.id, atMs: Number(row.at) }));
}

/** What is committed and the log has not taken yet: as CloudEvents. */
export async function selectWaiting(
  db: Db,
  afterPosition: number,
): Promise<readonly { type: string; payload: string }[]> {
  return await db
    .selectFrom("segno_outbox")
    .select(["type", "payload"])
    .where((eb) => eb.or([eb("position", "is", null), eb("position", ">", afterPosition)]))
    .execute();
}
