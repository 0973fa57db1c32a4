import type { Authentication, AuthState } from "@segno/core";
import type { Engine, SessionAccountRow } from "../engine.js";
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
  const read = rowReadFor(auth) ?? (await readByToken(engine, auth, token));
  if (read !== undefined) return present(engine, read);
  const of = { sessionId: auth.sessionId, userId: auth.subject, nowMs: engine.clock.nowMs() };
  const row = await findLiveSession(engine.store.db, of);
  const account = row === undefined ? undefined : await engine.store.readAccount(auth.subject);
  if (row === undefined || account === undefined || account.status === "deleted") return undefined;
  return { session: presentSession(row, row.id), user: presentAccount(engine, account) };
}

/** A caller with an access token is looked up by id instead. */
async function readByToken(
  engine: Engine,
  auth: Authentication,
  token: string | undefined,
): Promise<SessionAccountRow | undefined> {
  if (token === undefined) return undefined;
  const row = await engine.store.readSessionAccount(hashSessionToken(token));
  const isLive = row?.id === auth.sessionId && row.revoked_at === null && row.user_status === "active";
  return isLive ? row : undefined;
}

/** A row is answered again while nothing in it changed, and so is its view. */
const views = new WeakMap<SessionAccountRow, CurrentSession>();

function present(engine: Engine, row: SessionAccountRow): CurrentSession {
  const known = views.get(row);
  if (known !== undefined) return known;
  const { user_id: id, user_status: status, user_display_name: display_name, user_created_at: created_at } = row;
  const { email, email_verified_at } = row;
  const user = presentAccount(engine, { id, status, display_name, created_at, email, email_verified_at });
  const view = Object.freeze({ session: Object.freeze(presentSession(row, row.id)), user: Object.freeze(user) });
  views.set(row, view);
  return view;
}
