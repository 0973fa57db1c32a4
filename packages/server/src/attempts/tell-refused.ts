import { failureClassOf, type SegnoErrorCode, type SegnoEventData, type SignInMethod } from "@segno/core";
import type { Engine } from "../engine.js";
import { toSegnoError } from "../storage/index.js";
import type { SignInRun } from "./run-sign-in.js";

/**
 * So many refusals of one method for one reason are told one by one in a minute and process; the rest of a flood is
 * counted, and told as one. What spends something of an attempt's own is bounded by that and not counted here.
 */
const mostEach = 60;
const windowMs = 60_000;
/** Of these no attempt has more than a handful. */
const bounded: ReadonlySet<SegnoErrorCode> = new Set(["wrong_code"]);

interface Tally {
  readonly method: SignInMethod;
  readonly reason: SegnoErrorCode;
  readonly sinceMs: number;
  told: number;
  summed: number;
}
const tallies = new WeakMap<Engine, Map<string, Tally>>();
const told = new WeakSet<object>();

/** This error has its event already. */
export function noteTold(error: object): void {
  told.add(error);
}

/** What `login.failure` says. An id that names no attempt of ours is the caller's own text, and is left out. */
export function factsOf(run: SignInRun, reason: SegnoErrorCode): SegnoEventData<"login.failure"> {
  const isOurs = run.attemptId !== undefined && reason !== "attempt_unknown" && reason !== "rate_limited";
  return { method: run.method, reason, ...(isOurs && run.attemptId !== undefined ? { attemptId: run.attemptId } : {}) };
}

/**
 * Writes `login.failure` for an error that ends a ceremony, once per error, in a transaction of its own: the one of the
 * ceremony is gone. Where the store itself is the fault, nothing can be written and nothing is thrown.
 */
export async function tellRefused(engine: Engine, run: SignInRun, caught: unknown): Promise<void> {
  if (typeof caught === "object" && caught !== null) {
    if (told.has(caught)) return;
    told.add(caught);
  }
  const { code, info } = toSegnoError(caught);
  // what cannot be read, or comes from another site's page, began no ceremony: it makes nothing be written
  if (code === "origin_not_allowed" || failureClassOf(code) === "invalid_request") return;
  if (!bounded.has(code) && !takeTurn(engine, run.method, code)) return;
  try {
    await engine.store.transaction((trx) => engine.events.append(trx, "login.failure", run.actor, factsOf(run, code)));
    engine.events.nudge();
  } catch (error) {
    if (info.status < 500) throw error;
  }
}

/** @returns false when it was counted instead */
function takeTurn(engine: Engine, method: SignInMethod, reason: SegnoErrorCode): boolean {
  const nowMs = engine.clock.nowMs();
  const mine = tallies.get(engine) ?? new Map<string, Tally>();
  tallies.set(engine, mine);
  const key = `${method} ${reason}`;
  let tally = mine.get(key);
  if (tally === undefined || (nowMs - tally.sinceMs >= windowMs && tally.summed === 0)) {
    tally = { method, reason, sinceMs: nowMs, told: 0, summed: 0 };
    mine.set(key, tally);
  }
  if (tally.told >= mostEach) {
    tally.summed += 1;
    return false;
  }
  tally.told += 1;
  return true;
}

/** Tells what was counted instead of told, one event for each method and reason. Call every minute, and at the end. */
export async function tellSummedUp(engine: Engine): Promise<void> {
  const mine = [...(tallies.get(engine)?.values() ?? [])].filter(({ summed }) => summed > 0);
  if (mine.length === 0) return;
  const counts = mine.map((tally) => ({ tally, count: tally.summed }));
  for (const { tally } of counts) tally.summed = 0;
  try {
    await engine.store.transaction(async (trx) => {
      const actor = { requestId: engine.newId(), kind: "system" } as const;
      for (const { tally, count } of counts) {
        const { method, reason } = tally;
        await engine.events.append(trx, "login.failure", actor, { method, reason, count });
      }
    });
  } catch (error) {
    for (const { tally, count } of counts) tally.summed += count;
    throw error;
  }
  engine.events.nudge();
}
