import type { SignInMethod } from "@segno/core";
import type { Actor, Db, Engine } from "../engine.js";
import { takeStatusIndex } from "../status-lists/index.js";
import type { Schema } from "../storage/schema.js";
import { maxDeviceNameLength } from "./device-name.js";
import { newSessionLimits, sessionEndsAt } from "./session-life.js";
import { hashSessionToken, newSessionToken } from "./session-token.js";

export interface NewSession {
  readonly userId: string;
  readonly clientId: string;
  readonly acr: string;
  readonly amr: readonly string[];
  /** How the user proved who they are, for the event. */
  readonly method: SignInMethod;
  readonly deviceName: string;
}

/** A session row and its token: the only moment the token exists on the server. */
export interface OpenedSession {
  readonly token: string;
  readonly session: Schema["segno_sessions"];
}

/**
 * Opens a session for a user who has just proved who they are. Always a new row with a new id and token, whatever the
 * browser held before. Not checked here: that the user is active (the caller has the row).
 */
export async function createSession(engine: Engine, trx: Db, input: NewSession, actor: Actor): Promise<OpenedSession> {
  const nowMs = engine.clock.nowMs();
  const token = newSessionToken(engine.random);
  const limits = newSessionLimits(engine.config, nowMs);
  const session: Schema["segno_sessions"] = {
    id: engine.newId(),
    token_hash: hashSessionToken(token),
    user_id: input.userId,
    client_id: input.clientId,
    device_name: input.deviceName.slice(0, maxDeviceNameLength),
    acr: input.acr,
    amr: JSON.stringify(input.amr),
    auth_time: nowMs,
    created_at: nowMs,
    last_seen_at: nowMs,
    ...limits,
    revoked_at: null,
    revoked_reason: null,
    status_index: await takeStatusIndex(engine, trx, limits.absolute_expires_at),
    signed_by: "",
  };
  await trx.insertInto("segno_sessions").values(session).execute();
  await engine.events.append(
    trx,
    "session.created",
    { ...actor, subject: input.userId, sessionId: session.id, clientId: input.clientId },
    {
      method: input.method,
      acr: input.acr,
      amr: input.amr,
      expiresAt: new Date(sessionEndsAt(session)).toISOString(),
    },
  );
  return { token, session };
}
