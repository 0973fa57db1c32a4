import { SegnoError } from "@segno/core";
import type { Actor, Engine } from "../engine.js";
import { forgetSession, revokeSession, revokeSessionsOfClient, revokeSessionsOfUser } from "../sessions/index.js";
import { leaveClientStatus } from "../status-lists/index.js";
import { endFamily } from "./store.js";

/** Whose tokens: exactly one of these. */
export type RevocationTarget =
  /** One session, with its refresh families. */
  | { readonly sessionId: string }
  /** Every session of a user. */
  | { readonly userId: string }
  /** One refresh family; its session goes on. */
  | { readonly familyId: string }
  /** Every session that began with a client, and the tokens of a service of that name. */
  | { readonly clientId: string };

/** What was ended. */
export interface RevokedTokens {
  readonly sessions: number;
  /** Refresh families that were named themselves; those of an ended session are not counted. */
  readonly families: number;
}

/** Sessions ended by one transaction, where a client has many. */
const shareSize = 200;

/**
 * Takes tokens back: refresh tokens at once on every node, access tokens at once here and by introspection, within 5
 * seconds on other nodes and in verifiers that read the status lists. Nobody is kept from signing in again; see
 * `suspendUser` and `revokeServiceAccount` for that.
 * A client's sessions are ended two hundred at a time: when this is cut off, call it again.
 * @throws SegnoError `invalid_input` unless exactly one target is named; `store_unavailable`
 */
export async function revokeTokens(engine: Engine, target: RevocationTarget, actor: Actor): Promise<RevokedTokens> {
  const named = Object.entries(target as Readonly<Record<string, unknown>>).filter(([, id]) => id !== undefined);
  const [kind, id] = named[0] ?? [];
  if (named.length !== 1 || typeof id !== "string" || id === "") throw new SegnoError("invalid_input");
  try {
    if (kind === "sessionId") return { sessions: await endSession(engine, id, actor), families: 0 };
    if (kind === "userId") return { sessions: await endSessionsOf(engine, id, actor), families: 0 };
    if (kind === "familyId") return { sessions: 0, families: await endFamilyOf(engine, id, actor) };
    if (kind === "clientId") return { sessions: await endSessionsOfClient(engine, id, actor), families: 0 };
  } finally {
    engine.events.nudge();
  }
  throw new SegnoError("invalid_input");
}

const reason = "by_operator";

async function endSession(engine: Engine, sessionId: string, actor: Actor): Promise<number> {
  return await engine.store.transaction(async (trx) => {
    const found = await trx
      .selectFrom("segno_sessions")
      .select("user_id")
      .where("id", "=", sessionId)
      .executeTakeFirst();
    if (found === undefined) return 0;
    const input = { sessionId, userId: found.user_id, reason };
    return (await revokeSession(engine, trx, input, actor)) ? 1 : 0;
  });
}

async function endSessionsOf(engine: Engine, userId: string, actor: Actor): Promise<number> {
  return await engine.store.transaction((trx) => revokeSessionsOfUser(engine, trx, { userId, reason }, actor));
}

async function endFamilyOf(engine: Engine, familyId: string, actor: Actor): Promise<number> {
  return await engine.store.transaction(async (trx) => {
    const family = await trx
      .selectFrom("segno_refresh_families")
      .select(["session_id", "user_id", "client_id"])
      .where("id", "=", familyId)
      .executeTakeFirst();
    if (family === undefined) return 0;
    forgetSession(engine, family.session_id);
    if (!(await endFamily(trx, { familyId, nowMs: engine.clock.nowMs(), reason }))) return 0;
    const who = { ...actor, subject: family.user_id, sessionId: family.session_id, clientId: family.client_id };
    await engine.events.append(trx, "token.revoked", who, { kind: "family", reason, familyId });
    return 1;
  });
}

async function endSessionsOfClient(engine: Engine, clientId: string, actor: Actor): Promise<number> {
  const endsAtMs = engine.config.services.get(clientId)?.expiresAtMs;
  await engine.store.transaction((trx) => leaveClientStatus(engine, trx, { clientId, endsAtMs }));
  const createdBeforeMs = engine.clock.nowMs();
  let sessions = 0;
  let afterId: string | undefined = "";
  while (afterId !== undefined) {
    const share = { clientId, afterId, createdBeforeMs, limit: shareSize, reason };
    const done: { lastId: string | undefined; count: number } = await engine.store.transaction((trx) =>
      revokeSessionsOfClient(engine, trx, share, actor),
    );
    sessions += done.count;
    afterId = done.lastId;
  }
  return sessions;
}
