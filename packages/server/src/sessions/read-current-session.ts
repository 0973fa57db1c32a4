import type { AuthState } from "@segno/core";
import type { Engine, SessionRow } from "../engine.js";
import type { Schema } from "../storage/schema.js";
import { presentAccount, type User } from "../users/index.js";
import { presentSession, type SessionView } from "./present-session.js";
import { hashSessionToken } from "./session-token.js";
import { findLiveSession } from "./store.js";

/** A session and its user, as both are shown to the caller. */
export interface CurrentSession {
  readonly session: SessionView;
  readonly user: User;
}

/**
 * The caller's session and user in two one-row reads.
 * @param token the session token, when that is how the caller was recognised
 */
export async function readCurrentSession(
  engine: Engine,
  auth: AuthState,
  token: string | undefined,
): Promise<CurrentSession | undefined> {
  if (auth.status !== "authenticated") return undefined;
  const row = await readRow(engine, { sessionId: auth.sessionId, userId: auth.subject }, token);
  const account = row === undefined ? undefined : await engine.store.readAccount(auth.subject);
  if (row === undefined || account === undefined || account.status === "deleted") return undefined;
  return { session: presentSession(row, row.id), user: presentAccount(engine, account) };
}

/** By the token just checked where there is one; a caller with an access token is looked up by id. */
async function readRow(
  engine: Engine,
  of: { readonly sessionId: string; readonly userId: string },
  token: string | undefined,
): Promise<Schema["segno_sessions"] | undefined> {
  if (token !== undefined) {
    const row: SessionRow | undefined = await engine.store.readSession(hashSessionToken(token));
    if (row !== undefined && row.id === of.sessionId && row.revoked_at === null && row.user_status === "active")
      return row;
  }
  return await findLiveSession(engine.store.db, { ...of, nowMs: engine.clock.nowMs() });
}
