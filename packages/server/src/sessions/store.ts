import type { Db } from "../engine.js";
import { deleteInPortions } from "../storage/index.js";
import type { Schema } from "../storage/schema.js";

/** Most sessions shown in a list. */
const listLimit = 100;

/** A user's live sessions, the most recently used first. */
export async function listLiveSessions(db: Db, userId: string, nowMs: number): Promise<Schema["segno_sessions"][]> {
  return await db
    .selectFrom("segno_sessions")
    .selectAll()
    .where("user_id", "=", userId)
    .where("revoked_at", "is", null)
    .where("idle_expires_at", ">", nowMs)
    .where("absolute_expires_at", ">", nowMs)
    .orderBy("last_seen_at", "desc")
    .orderBy("id", "desc")
    .limit(listLimit)
    .execute();
}

/** One live session of an active user. */
export async function findLiveSession(
  db: Db,
  input: { readonly sessionId: string; readonly userId: string; readonly nowMs: number },
): Promise<Schema["segno_sessions"] | undefined> {
  return await db
    .selectFrom("segno_sessions")
    .innerJoin("segno_users", "segno_users.id", "segno_sessions.user_id")
    .selectAll("segno_sessions")
    .where("segno_sessions.id", "=", input.sessionId)
    .where("segno_sessions.user_id", "=", input.userId)
    .where("segno_sessions.revoked_at", "is", null)
    .where("segno_sessions.idle_expires_at", ">", input.nowMs)
    .where("segno_sessions.absolute_expires_at", ">", input.nowMs)
    .where("segno_users.status", "=", "active")
    .executeTakeFirst();
}

/** Names the device of one live session. */
export async function renameDevice(
  db: Db,
  input: { readonly sessionId: string; readonly userId: string; readonly deviceName: string; readonly nowMs: number },
): Promise<Schema["segno_sessions"] | undefined> {
  return await db
    .updateTable("segno_sessions")
    .set({ device_name: input.deviceName })
    .where("id", "=", input.sessionId)
    .where("user_id", "=", input.userId)
    .where("revoked_at", "is", null)
    .where("idle_expires_at", ">", input.nowMs)
    .where("absolute_expires_at", ">", input.nowMs)
    .returningAll()
    .executeTakeFirst();
}

/** How long a session that has ended stays in the table, for the reuse checks that join it. */
const keepEndedMs = 30 * 86_400_000;

/** Deletes sessions that ended long ago. Call now and then. */
export async function sweepSessions(db: Db, nowMs: number): Promise<void> {
  const before = nowMs - keepEndedMs;
  await deleteInPortions((limit) =>
    db
      .deleteFrom("segno_sessions")
      .where("id", "in", (from) =>
        from
          .selectFrom("segno_sessions")
          .select("id")
          .where((eb) => eb.or([eb("absolute_expires_at", "<", before), eb("revoked_at", "<", before)]))
          .limit(limit),
      )
      .execute(),
  );
}
