import type { Actor, Db, Engine } from "../engine.js";
import { signerPatterns } from "./signers.js";
import { forgetSession } from "./session-watch.js";

/**
 * Ends one session of a user. Refresh, introspection and fresh token checks join the session, so its refresh families
 * and access tokens end with it.
 * @returns false when the user has no such live session: another user's id changes nothing
 */
export async function revokeSession(
  engine: Engine,
  trx: Db,
  input: { readonly sessionId: string; readonly userId: string; readonly reason: string },
  actor: Actor,
): Promise<boolean> {
  const revoked = await trx
    .updateTable("segno_sessions")
    .set({ revoked_at: engine.clock.nowMs(), revoked_reason: input.reason })
    .where("id", "=", input.sessionId)
    .where("user_id", "=", input.userId)
    .where("revoked_at", "is", null)
    .returning(["id", "client_id"])
    .execute();
  await announce(engine, trx, { revoked, userId: input.userId, reason: input.reason }, actor);
  return revoked.length > 0;
}

/**
 * Ends every session of a user, or all but one.
 * @returns how many were live
 */
export async function revokeSessionsOfUser(
  engine: Engine,
  trx: Db,
  input: { readonly userId: string; readonly exceptSessionId?: string; readonly reason: string },
  actor: Actor,
): Promise<number> {
  let update = trx
    .updateTable("segno_sessions")
    .set({ revoked_at: engine.clock.nowMs(), revoked_reason: input.reason })
    .where("user_id", "=", input.userId)
    .where("revoked_at", "is", null);
  if (input.exceptSessionId !== undefined) update = update.where("id", "!=", input.exceptSessionId);
  const revoked = await update.returning(["id", "client_id"]).execute();
  await announce(engine, trx, { revoked, userId: input.userId, reason: input.reason }, actor);
  return revoked.length;
}

/** A key and a stretch of time, and where to go on. */
export interface SignedBetween {
  readonly kid: string;
  readonly fromMs: number;
  readonly untilMs: number;
  /** Only sessions whose id comes after this one. */
  readonly afterId: string;
  readonly limit: number;
  readonly reason: string;
}

/** A use is written down at most this late. */
const usedSlackMs = 60_000;

/**
 * Ends sessions, whoever's they are, that got an access token by this key, were begun before `untilMs` and used after
 * `fromMs`, in the order of their ids. A use is on record as the latest one only: a session used later still counts as used
 * in between.
 * @returns the sessions that ended; none when no further one is there
 */
export async function revokeSessionsSignedBy(
  engine: Engine,
  trx: Db,
  input: SignedBetween,
  actor: Actor,
): Promise<readonly { readonly sessionId: string; readonly userId: string }[]> {
  const nowMs = engine.clock.nowMs();
  const [listed, unlisted] = signerPatterns(input.kid);
  const rows = await trx
    .selectFrom("segno_sessions")
    .select(["id", "user_id"])
    .where("id", ">", input.afterId)
    .where("created_at", "<=", input.untilMs)
    .where("last_seen_at", ">=", input.fromMs - usedSlackMs)
    .where((eb) => eb.or([eb("signed_by", "like", listed), eb("signed_by", "like", unlisted)]))
    .where("revoked_at", "is", null)
    .where("idle_expires_at", ">", nowMs)
    .where("absolute_expires_at", ">", nowMs)
    .orderBy("id")
    .limit(input.limit)
    .execute();
  for (const { id, user_id: userId } of rows)
    await revokeSession(engine, trx, { sessionId: id, userId, reason: input.reason }, actor);
  return rows.map(({ id, user_id: userId }) => ({ sessionId: id, userId }));
}

/** A share of a client's sessions. */
export interface SessionsOfClient {
  readonly clientId: string;
  /** Where the share before ended: the id of its last session. Empty to begin. */
  readonly afterId: string;
  /** Sessions that begin later go on. */
  readonly createdBeforeMs: number;
  readonly limit: number;
  readonly reason: string;
}

/**
 * Ends some of the sessions that began with a client, in the order of their ids.
 * @returns the last one that was looked at, undefined when there are none left, and how many were live
 */
export async function revokeSessionsOfClient(
  engine: Engine,
  trx: Db,
  input: SessionsOfClient,
  actor: Actor,
): Promise<{ readonly lastId: string | undefined; readonly count: number }> {
  const share = await trx
    .selectFrom("segno_sessions")
    .select("id")
    .where("id", ">", input.afterId)
    .where("client_id", "=", input.clientId)
    .where("revoked_at", "is", null)
    .where("created_at", "<=", input.createdBeforeMs)
    .orderBy("id")
    .limit(input.limit)
    .execute();
  const ids = share.map(({ id }) => id);
  if (ids.length === 0) return { lastId: undefined, count: 0 };
  const revoked = await trx
    .updateTable("segno_sessions")
    .set({ revoked_at: engine.clock.nowMs(), revoked_reason: input.reason })
    .where("id", "in", ids)
    .where("revoked_at", "is", null)
    .returning(["id", "client_id", "user_id"])
    .execute();
  for (const session of revoked) {
    await announce(engine, trx, { revoked: [session], userId: session.user_id, reason: input.reason }, actor);
  }
  return { lastId: ids.at(-1), count: revoked.length };
}

async function announce(
  engine: Engine,
  trx: Db,
  change: {
    readonly revoked: readonly { readonly id: string; readonly client_id: string }[];
    readonly userId: string;
    readonly reason: string;
  },
  actor: Actor,
): Promise<void> {
  for (const session of change.revoked) {
    forgetSession(engine, session.id);
    await engine.events.append(
      trx,
      "session.revoked",
      { ...actor, subject: change.userId, sessionId: session.id, clientId: session.client_id },
      { reason: change.reason },
    );
  }
}
