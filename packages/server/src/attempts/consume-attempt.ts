import { SegnoError } from "@segno/core";
import type { Db, Engine } from "../engine.js";
import { addTry, type AttemptKind, type AttemptRow, markConsumed, selectAttempt } from "./store.js";

/** Codes that may be tried before an attempt is over. */
export const maxTries = 5;

export interface AttemptKey {
  readonly id: string;
  readonly kind: AttemptKind;
  /** SHA-256 of the browser handle the request carried; undefined when it carried none. */
  readonly browserHash: string | undefined;
}

/**
 * Spends an attempt: one conditional statement, so of any number of callers exactly one gets the row.
 * @throws SegnoError `attempt_unknown`, `wrong_browser`, `attempt_consumed`, `attempt_expired`, `too_many_tries`
 */
export async function consumeAttempt(engine: Engine, trx: Db, key: AttemptKey): Promise<AttemptRow> {
  const nowMs = engine.clock.nowMs();
  const row = await markConsumed(trx, { ...key, browserHash: key.browserHash ?? "", maxTries, nowMs });
  return row ?? (await refuse(trx, key, nowMs));
}

/**
 * Counts a try before anything is compared, so that tries in parallel and tries cut short count as well.
 * @throws SegnoError as `consumeAttempt`; `too_many_tries` from the sixth try on, right or wrong
 */
export async function countTry(engine: Engine, db: Db, key: AttemptKey): Promise<AttemptRow> {
  const nowMs = engine.clock.nowMs();
  const row = await addTry(db, { ...key, browserHash: key.browserHash ?? "", maxTries, nowMs });
  return row ?? (await refuse(db, key, nowMs));
}

/** Why the conditional statement found nothing. Only asked after the fact: it decides nothing. */
async function refuse(db: Db, key: AttemptKey, nowMs: number): Promise<never> {
  const row = await selectAttempt(db, key.id);
  if (row === undefined || row.kind !== key.kind) throw new SegnoError("attempt_unknown");
  if (row.browser_hash !== key.browserHash) throw new SegnoError("wrong_browser");
  if (row.consumed_at !== null) throw new SegnoError("attempt_consumed");
  if (row.expires_at <= nowMs) throw new SegnoError("attempt_expired");
  throw new SegnoError("too_many_tries");
}
