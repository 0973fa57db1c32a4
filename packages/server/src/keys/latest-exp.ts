import type { Db, Store } from "../engine.js";
import { recordLatestExp } from "./store.js";

/** How far ahead the latest `exp` is put on record: one write in ten minutes instead of one a token. */
const recordAheadMs = 600_000;

/** Keeps the latest `exp` of each key on record. */
export interface LatestExp {
  /** Whether a token living until `expMs` is on record, with time to spare: then there is nothing to do. */
  isAmple(kid: string, expMs: number): boolean;
  /**
   * Sees to it that the store knows of a token living until `expMs` before that token exists.
   * @returns false when the key does not sign any more
   */
  reserve(kid: string, expMs: number, trx: Db | undefined): Promise<boolean>;
}

/** @param background runs work outside any transaction, one at a time per name */
export function createLatestExp(
  store: Store,
  background: (name: string, work: () => Promise<unknown>) => void,
): LatestExp {
  const onRecord = new Map<string, number>();
  async function reserve(kid: string, expMs: number, trx: Db | undefined): Promise<boolean> {
    const aheadMs = expMs + recordAheadMs;
    const extend = async () => {
      if (await recordLatestExp(store.db, kid, aheadMs)) onRecord.set(kid, aheadMs);
    };
    const recordedMs = onRecord.get(kid) ?? 0;
    if (expMs <= recordedMs) {
      if (recordedMs - expMs < recordAheadMs / 2) background("latest_exp", extend);
      return true;
    }
    if (!(await recordLatestExp(trx ?? store.db, kid, aheadMs))) return false;
    // inside a transaction the record lives and dies with the token, so memory learns of it from a write of its own
    if (trx === undefined) onRecord.set(kid, aheadMs);
    else background("latest_exp", extend);
    return true;
  }
  return {
    isAmple: (kid, expMs) => (onRecord.get(kid) ?? 0) - expMs >= recordAheadMs / 2,
    reserve,
  };
}
