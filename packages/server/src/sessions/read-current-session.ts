import type { AuthState } from "@segno/core";
import type { Engine, SessionRow } from "../engine.js";
import type { Schema } from "../storage/schema.js";
import { presentAccount, type User } from "../users/index.js";
import { rowReadFor } from "./authenticate-session.js";
import { presentSession, type SessionView } from "./present-session.js";
import { hashSessionToken } from "./session-token.js";
import { findLiveSession } from "./store.js";

/** A session and its user, as both are shown to the caller. */
export interface CurrentSession {
  readonly session: SessionView;
  readonly user: User;
}

/**
 * The caller's session and user: read already when `auth` was asked for `withAccount` by session token, else now.
 * @param token the session token, when that is how the caller was recognised
 */
export async function readCurrentSession(
  engine: Engine,
  auth: AuthState,
  token: string | undefined,
): Promise<CurrentSession | undefined> {
  if (auth.status !== "authenticated") return undefined;
  const read = rowReadFor(auth);
  if (read !== undefined) {
    const { user_id: id, user_status: status, user_display_name: display_name, user_created_at: created_at } = read;
    const { email, email_verified_at } = read;
    const user = presentAccount(engine, { id, status, display_name, created_at, email, email_verified_at });
    return { session: presentSession(read, read.id), user };
  }
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
