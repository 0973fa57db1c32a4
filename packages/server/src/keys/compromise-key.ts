import { SegnoError } from "@segno/core";
import type { Actor, Engine } from "../engine.js";
import { revokeSessionsSignedBy } from "../sessions/index.js";
import { announce, facts } from "./announce.js";
import { isOwn, type KeyRow } from "./key-material.js";
import { jwksMaxAgeSeconds, jwksStaleSeconds, nodeRefreshSeconds, verifierRefreshSeconds } from "./overlap.js";
import { ensureKeys, type KeyParts, promote } from "./rotate.js";
import { findKeyRow, listLiveKeys, markSettled, withdrawKey } from "./store.js";
import { sumUses } from "./uses-store.js";

/** Options of `segno.api.keys.compromise`. */
export interface CompromiseOptions {
  /** From when on what the key signed is not trusted: milliseconds since 1970. */
  readonly sinceMs: number;
  /**
   * Whether sessions end that got a token by this key and were used since then. Default `revoke`. Tokens of the key are
   * refused either way.
   */
  readonly sessions?: "revoke" | "keep";
}

/** What `segno.api.keys.compromise` did. */
export interface CompromiseReport {
  readonly kid: string;
  readonly purpose: string;
  /** When the key left the key set, in milliseconds since 1970. This engine refuses its tokens from then on. */
  readonly withdrawnAtMs: number;
  /** False when it had been withdrawn before, and this call went on where that one stopped. */
  readonly isFirst: boolean;
  /** The key that signs now; null while none can be made. */
  readonly signingKid: string | null;
  /** From when to when the key may have signed what is not trusted. */
  readonly fromMs: number;
  readonly untilMs: number;
  /** Tokens on record that the key signed since `sinceMs`, in spans of five minutes; a minute of the other nodes may be missing. */
  readonly tokensSigned: number;
  /** Sessions that got a token by the key, were used in that time and are over now. Their refresh tokens ended with them. */
  readonly sessionsRevoked: number;
  /** Their users. */
  readonly usersAffected: number;
  /**
   * By then every verifier that honours cache headers has fetched a set without the key. Those that read the status list
   * refuse its tokens within seconds.
   */
  readonly refusedEverywhereByMs: number;
}

/** How long a verifier may still hold a set with the key: its own refresh, the caches on the way, and our other nodes. */
const spreadSeconds = jwksMaxAgeSeconds + jwksStaleSeconds + verifierRefreshSeconds + nodeRefreshSeconds;
const batch = 200;

/**
 * Takes a key out of use and out of the key set in one transaction; the published spare signs from then on. Then ends
 * the sessions that got a token by it and were used since `sinceMs`. Which keys signed for a session is on record, when
 * each of them did last is not: this can be more than were touched, and never fewer. Called again after an interruption it
 * goes on; called again after that it ends nothing more.
 * @throws SegnoError `not_found`; `conflict` when the key had left the key set for another reason
 */
export async function compromiseKey(
  engine: Engine,
  parts: KeyParts,
  input: CompromiseOptions & { readonly kid: string },
  actor: Actor,
): Promise<CompromiseReport> {
  const found = await findKeyRow(parts.store.db, input.kid);
  if (found === undefined || found.purpose !== parts.purpose)
    throw new SegnoError("not_found", "There is no such key.", { detail: { kid: input.kid } });
  const withdrawn = await withdraw(parts, input, actor);
  const row = withdrawn ?? (await findKeyRow(parts.store.db, input.kid));
  if (row?.state !== "compromised") {
    const detail = { kid: input.kid, state: row?.state ?? "" };
    throw new SegnoError("conflict", "The key left the key set before, and its private half was erased.", { detail });
  }
  if (withdrawn !== undefined)
    await ensureKeys(parts).catch(() => parts.log.error("No new key could be made. It will be tried again.", {}));
  engine.events.nudge();
  return await report(engine, parts, { row, input, isFirst: withdrawn !== undefined }, actor);
}

async function withdraw(
  parts: KeyParts,
  input: CompromiseOptions & { readonly kid: string },
  actor: Actor,
): Promise<KeyRow | undefined> {
  const { kid, sinceMs, sessions = "revoke" } = input;
  return await parts.store.transaction(async (trx) => {
    const row = await withdrawKey(trx, { kid, nowMs: parts.clock.nowMs(), state: "compromised" });
    if (row === undefined) return undefined;
    const since = new Date(sinceMs).toISOString();
    await announce(parts, trx, "key.compromised", { ...facts(row), since, sessions }, actor);
    await parts.events.append(trx, "risk.alert", actor, { kind: "key_compromised", kid });
    const spare = (await listLiveKeys(trx, parts.purpose)).find((each) => each.state === "published");
    const wasSigning = row.signing_at !== null && row.verify_only_at === null;
    if (wasSigning && spare !== undefined && isOwn(parts, spare))
      await promote(parts, trx, { spare, publishedBeforeMs: Number.MAX_SAFE_INTEGER, previousKid: kid });
    return row;
  });
}

async function report(
  engine: Engine,
  parts: KeyParts,
  done: { readonly row: KeyRow; readonly input: CompromiseOptions; readonly isFirst: boolean },
  actor: Actor,
): Promise<CompromiseReport> {
  const { row, input, isFirst } = done;
  const withdrawnAtMs = row.retired_at ?? parts.clock.nowMs();
  const isToEnd =
    row.signing_at !== null && row.settled_at === null && parts.purpose === "access_token" && input.sessions !== "keep";
  const fromMs = Math.max(input.sinceMs, row.signing_at ?? withdrawnAtMs);
  // a node that had not seen the key go may have signed for a minute more
  const untilMs = (row.verify_only_at ?? withdrawnAtMs) + nodeRefreshSeconds * 1000;
  const ended = isToEnd
    ? await endSessions(engine, { kid: row.kid, fromMs, untilMs }, actor)
    : { sessions: 0, users: 0 };
  if (isToEnd) await markSettled(parts.store.db, row.kid, parts.clock.nowMs());
  const sums = await sumUses(parts.store.db, { fromMs: input.sinceMs, nowMs: parts.clock.nowMs() });
  const signing = (await listLiveKeys(parts.store.db, parts.purpose)).find((each) => each.state === "signing");
  return {
    kid: row.kid,
    purpose: row.purpose,
    withdrawnAtMs,
    isFirst,
    signingKid: signing?.kid ?? null,
    fromMs,
    untilMs,
    tokensSigned: sums.get(row.kid)?.recent ?? 0,
    sessionsRevoked: ended.sessions,
    usersAffected: ended.users,
    // whoever forges with the key chooses the end of what is forged: only the caches bound it
    refusedEverywhereByMs: withdrawnAtMs + spreadSeconds * 1000,
  };
}

/** In batches, each a transaction of its own: a crash in between loses nothing, and nobody waits for all of it. */
async function endSessions(
  engine: Engine,
  window: { readonly kid: string; readonly fromMs: number; readonly untilMs: number },
  actor: Actor,
): Promise<{ readonly sessions: number; readonly users: number }> {
  const users = new Set<string>();
  let sessions = 0;
  for (let afterId = ""; ; ) {
    const ended = await engine.store.transaction((trx) =>
      revokeSessionsSignedBy(engine, trx, { ...window, afterId, limit: batch, reason: "key_compromised" }, actor),
    );
    engine.events.nudge();
    for (const { userId } of ended) users.add(userId);
    sessions += ended.length;
    const last = ended.at(-1);
    if (last === undefined) return { sessions, users: users.size };
    afterId = last.sessionId;
  }
}
