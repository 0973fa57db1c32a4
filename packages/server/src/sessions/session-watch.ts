import type { Engine, SessionRow } from "../engine.js";

/**
 * What this process remembers about sessions so that an access token presented again within seconds does not cost a
 * read. Bound: a revocation made on another node is seen after `livenessCacheMs` at the latest; one made here at once.
 * Sensitive routes (`fresh`) never use it.
 */
export const livenessCacheMs = 5_000;
const maxEntries = 50_000;

interface SessionWatch {
  /** Token id to when the store last said that it and its session are live. */
  readonly liveAt: Map<string, number>;
  /** Token hash to a session's row as the store last gave it, where `session.cacheSeconds` allows. */
  readonly rows: Map<string, { readonly row: SessionRow; readonly askedAtMs: number }>;
  /** Sessions and tokens being revoked or raised here: ask the store until the time given. */
  readonly suspectUntil: Map<string, number>;
  /** Sessions whose `last_seen_at` is being written. */
  readonly touching: Map<string, Promise<void>>;
}

/** An access token as far as revocation goes. */
export interface WatchedToken {
  readonly jti: string;
  readonly sid: string;
}

const watches = new WeakMap<object, SessionWatch>();

export function sessionWatch(engine: Engine): SessionWatch {
  let watch = watches.get(engine.store);
  if (watch === undefined) {
    watch = { liveAt: new Map(), rows: new Map(), suspectUntil: new Map(), touching: new Map() };
    watches.set(engine.store, watch);
  }
  return watch;
}

/**
 * Called with a session id or a token id inside the transaction that changes it. The change is not visible yet, so
 * until twice the bound has passed nothing about it is believed from memory or remembered.
 */
export function forgetSession(engine: Engine, id: string): void {
  const { suspectUntil } = sessionWatch(engine);
  bounded(suspectUntil);
  suspectUntil.set(id, engine.clock.nowMs() + livenessCacheMs * 2);
}

/** True when the store said so at most `livenessCacheMs` ago and nothing happened here since. */
export function isKnownLive(engine: Engine, token: WatchedToken): boolean {
  const seenAt = sessionWatch(engine).liveAt.get(token.jti);
  if (seenAt === undefined || isSuspect(engine, [token.sid, token.jti])) return false;
  const age = engine.clock.nowMs() - seenAt;
  return age >= 0 && age < livenessCacheMs;
}

/** Remembers the store's word. `askedAtMs` is when the question was sent, not when the answer came. */
export function rememberLive(engine: Engine, token: WatchedToken, askedAtMs: number): void {
  if (isSuspect(engine, [token.sid, token.jti])) return;
  const { liveAt } = sessionWatch(engine);
  bounded(liveAt);
  liveAt.set(token.jti, askedAtMs);
}

/** The row the store gave at most `session.cacheSeconds` ago, when nothing happened to the session here since. */
export function rememberedRow(engine: Engine, tokenHash: string): SessionRow | undefined {
  const { rows } = sessionWatch(engine);
  const entry = rows.get(tokenHash);
  if (entry === undefined) return undefined;
  const ageMs = engine.clock.nowMs() - entry.askedAtMs;
  if (ageMs >= 0 && ageMs < engine.config.session.cacheSeconds * 1_000 && !isSuspect(engine, [entry.row.id])) {
    return entry.row;
  }
  rows.delete(tokenHash);
  return undefined;
}

/** Remembers the store's word. `askedAtMs` is when the question was sent: a revocation in between must not be undone. */
export function rememberRow(engine: Engine, tokenHash: string, row: SessionRow, askedAtMs: number): void {
  if (row.revoked_at !== null || isSuspect(engine, [row.id])) return;
  const { rows } = sessionWatch(engine);
  bounded(rows);
  rows.set(tokenHash, { row, askedAtMs });
}

function isSuspect(engine: Engine, ids: readonly string[]): boolean {
  const { suspectUntil } = sessionWatch(engine);
  if (suspectUntil.size === 0) return false;
  const nowMs = engine.clock.nowMs();
  for (const id of ids) {
    const until = suspectUntil.get(id);
    if (until === undefined) continue;
    if (nowMs < until) return true;
    suspectUntil.delete(id);
  }
  return false;
}

/** Drops the oldest half rather than growing without end. */
function bounded(map: Map<string, unknown>): void {
  if (map.size < maxEntries) return;
  let drop = maxEntries / 2;
  for (const key of map.keys()) {
    if (drop-- <= 0) break;
    map.delete(key);
  }
}
