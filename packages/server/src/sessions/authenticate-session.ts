import { AsyncLocalStorage } from "node:async_hooks";
import type { AuthState } from "@segno/core";
import type { Engine, SessionAccountRow, SessionRow } from "../engine.js";
import { sessionEndsAt, slidIdleLimit } from "./session-life.js";
import { hashSessionToken, isSessionTokenShaped } from "./session-token.js";
import { rememberedRow, rememberRow, sessionWatch } from "./session-watch.js";

/** How often, at most, a session's use is written down. */
const touchEveryMs = 60_000;

const refused: AuthState = Object.freeze({ status: "invalid", reason: "session_expired" });

/**
 * Who a session token belongs to. Reads the store each time: a session that was revoked, or whose user was suspended or
 * deleted, is refused on the next call on every node. With `session.cacheSeconds` its word counts for that long, but not
 * for `fresh`, nor after a revocation made here. Answers without a promise when the store does.
 * The use is written down at most once a minute, after the answer. `withAccount` reads the user's account along.
 *
 * Not checked: where the token came from (the cookie rules are the router's).
 */
export function authenticateSession(
  engine: Engine,
  token: string,
  options?: { readonly fresh?: boolean; readonly withAccount?: boolean },
): AuthState | Promise<AuthState> {
  if (!isSessionTokenShaped(token)) return refused;
  if (options?.withAccount === true) {
    const found = engine.store.readSessionAccount(hashSessionToken(token));
    return found instanceof Promise
      ? found.then((row) => judgeWithAccount(engine, row))
      : judgeWithAccount(engine, found);
  }
  const tokenHash = hashSessionToken(token);
  if (engine.config.session.cacheSeconds > 0) return authenticateFromMemory(engine, tokenHash, options?.fresh === true);
  const row = engine.store.readSession(tokenHash);
  return row instanceof Promise ? row.then((found) => judge(engine, found)) : judge(engine, row);
}

function authenticateFromMemory(engine: Engine, tokenHash: string, isFresh: boolean): AuthState | Promise<AuthState> {
  const remembered = isFresh ? undefined : rememberedRow(engine, tokenHash);
  if (remembered !== undefined) return judge(engine, remembered);
  const askedAtMs = engine.clock.nowMs();
  const answer = engine.store.readSession(tokenHash);
  const keep = (row: SessionRow | undefined): AuthState => {
    if (row !== undefined) rememberRow(engine, tokenHash, row, askedAtMs);
    return judge(engine, row);
  };
  return answer instanceof Promise ? answer.then(keep) : keep(answer);
}

/** What was read along, for whoever shows it: dies with the state it belongs to. */
const rowsRead = new WeakMap<AuthState, SessionAccountRow>();

/** The session and account a state was made of, when it was asked for `withAccount` by session token. */
export function rowReadFor(auth: AuthState): SessionAccountRow | undefined {
  return rowsRead.get(auth);
}

function judgeWithAccount(engine: Engine, row: SessionAccountRow | undefined): AuthState {
  const state = judge(engine, row);
  if (row !== undefined && state.status === "authenticated") rowsRead.set(state, row);
  return state;
}

/** Rows are answered again while nothing in them changed; the verdict on time is given anew each time. */
const states = new WeakMap<SessionRow, AuthState>();

function judge(engine: Engine, row: SessionRow | undefined): AuthState {
  if (row === undefined || row.revoked_at !== null || row.user_status !== "active") return refused;
  const nowMs = engine.clock.nowMs();
  if (!(row.idle_expires_at > nowMs && row.absolute_expires_at > nowMs)) {
    bury(engine, row, nowMs);
    return refused;
  }
  if (nowMs - row.last_seen_at >= touchEveryMs) touch(engine, row, nowMs);
  const known = states.get(row);
  if (known !== undefined) return known;
  const state: AuthState = Object.freeze({
    status: "authenticated",
    subject: row.user_id,
    sessionId: row.id,
    clientId: row.client_id,
    scopes: engine.config.sessionScopes,
    acr: row.acr,
    amr: Object.freeze(JSON.parse(row.amr) as string[]),
    authTime: Math.floor(row.auth_time / 1000),
    expiresAt: Math.floor(sessionEndsAt(row) / 1000),
    via: "session",
  });
  states.set(row, state);
  return state;
}

function touch(engine: Engine, row: SessionRow, nowMs: number): void {
  inBackground(engine, row.id, () =>
    engine.store.db
      .updateTable("segno_sessions")
      .set({ last_seen_at: nowMs, idle_expires_at: slidIdleLimit(engine.config, row, nowMs) })
      .where("id", "=", row.id)
      .where("revoked_at", "is", null)
      .where("last_seen_at", "<", nowMs)
      .where("idle_expires_at", "<=", slidIdleLimit(engine.config, row, nowMs))
      .execute(),
  );
}

/** An expired session that was presented is closed for good: setting the clock back does not bring it to life again. */
function bury(engine: Engine, row: SessionRow, nowMs: number): void {
  inBackground(engine, row.id, () =>
    engine.store.db
      .updateTable("segno_sessions")
      .set({ revoked_at: nowMs, revoked_reason: "expired" })
      .where("id", "=", row.id)
      .where("revoked_at", "is", null)
      .where((eb) => eb.or([eb("idle_expires_at", "<=", nowMs), eb("absolute_expires_at", "<=", nowMs)]))
      .execute(),
  );
}

/** Runs work as if nobody had called: the caller may be inside a transaction, this write must not be. */
const outside = AsyncLocalStorage.snapshot();

function inBackground(engine: Engine, sessionId: string, write: () => Promise<unknown>): void {
  const { touching } = sessionWatch(engine);
  if (touching.has(sessionId)) return;
  const done = outside(() => new Promise<void>((resolve) => setImmediate(resolve)).then(write))
    .then(
      () => undefined,
      () => engine.log.warn("A session's last use was not written.", { sessionId }),
    )
    .finally(() => touching.delete(sessionId));
  touching.set(sessionId, done);
}

/** Resolves when no write of this domain is under way. For closing and for tests. */
export async function settleSessions(engine: Engine): Promise<void> {
  await Promise.all(sessionWatch(engine).touching.values());
}
