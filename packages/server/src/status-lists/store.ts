import type { SelectQueryBuilder } from "kysely";
import type { Db, Engine } from "../engine.js";
import type { Schema } from "../storage/index.js";
import { takeStatusIndex } from "./take-status-index.js";

/** A place in the status lists that was given up, and when. */
export interface RevokedStatus {
  readonly status_index: number;
  readonly revoked_at: number;
}

/**
 * Every place whose session, refresh family or token was revoked after `sinceMs`. What was over anyway by then is left
 * out: its place may have a new owner.
 */
export async function readRevokedStatuses(db: Db, sinceMs: number): Promise<readonly RevokedStatus[]> {
  const rows = await revokedStatuses(db, sinceMs).execute();
  return rows.filter(({ ends_at }) => ends_at > sinceMs);
}

interface FoundStatus extends RevokedStatus {
  readonly ends_at: number;
}

/**
 * Each part is found by when it was revoked. Its end is looked at afterwards: asked for here, SQLite would rather walk
 * through everything that has not ended.
 */
export function revokedStatuses(db: Db, sinceMs: number): SelectQueryBuilder<Schema, "segno_sessions", FoundStatus> {
  const sessions = db
    .selectFrom("segno_sessions")
    .select(["status_index", "revoked_at", "absolute_expires_at as ends_at"])
    .where("revoked_at", ">", sinceMs);
  const familiesOfSessions = db
    .selectFrom("segno_sessions as s")
    .innerJoin("segno_refresh_families as f", "f.session_id", "s.id")
    .select(["f.status_index", "s.revoked_at", "f.absolute_expires_at as ends_at"])
    .where("s.revoked_at", ">", sinceMs);
  const families = db
    .selectFrom("segno_refresh_families")
    .select(["status_index", "revoked_at", "absolute_expires_at as ends_at"])
    .where("revoked_at", ">", sinceMs);
  const tokens = db
    .selectFrom("segno_revoked_tokens")
    .select(["status_index", "revoked_at", "expires_at as ends_at"])
    .where("expires_at", ">", sinceMs)
    .where("revoked_at", ">", sinceMs)
    .where("status_index", "is not", null);
  return sessions
    .$castTo<FoundStatus>()
    .unionAll(familiesOfSessions.$castTo<FoundStatus>())
    .unionAll(families.$castTo<FoundStatus>())
    .unionAll(tokens.$castTo<FoundStatus>());
}

/** Keys of access tokens that were taken back after `sinceMs`, in the order of their ids. */
export async function readWithdrawnKids(db: Db, sinceMs: number): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("segno_keys")
    .select("kid")
    .where("purpose", "=", "access_token")
    .where("state", "=", "compromised")
    .where("retired_at", ">", sinceMs)
    .orderBy("kid")
    .execute();
  return rows.map(({ kid }) => kid);
}

/** Whether any token may name a place from `statusIndex` on. */
export async function isStatusIndexReached(db: Db, statusIndex: number): Promise<boolean> {
  const row = await db
    .selectFrom("segno_status_indexes")
    .select("status_index")
    .where("status_index", ">=", statusIndex)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Moves whoever has a place to a new one, so that tokens issued from now on are not refused with the one revoked. */
export async function leaveStatusIndex(
  engine: Engine,
  trx: Db,
  input: { readonly sessionId: string; readonly statusIndex: number },
): Promise<void> {
  const session = await trx
    .selectFrom("segno_sessions")
    .select(["status_index", "absolute_expires_at"])
    .where("id", "=", input.sessionId)
    .executeTakeFirst();
  if (session === undefined) return;
  const fresh = await takeStatusIndex(engine, trx, session.absolute_expires_at);
  if (session.status_index === input.statusIndex) {
    await trx
      .updateTable("segno_sessions")
      .set({ status_index: fresh })
      .where("id", "=", input.sessionId)
      .where("status_index", "=", input.statusIndex)
      .execute();
    return;
  }
  await trx
    .updateTable("segno_refresh_families")
    .set({ status_index: fresh })
    .where("session_id", "=", input.sessionId)
    .where("status_index", "=", input.statusIndex)
    .execute();
}
