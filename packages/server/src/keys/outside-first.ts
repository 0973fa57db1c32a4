import { SegnoError } from "@segno/core";
import type { Db, Store } from "../engine.js";

/**
 * Thrown inside a transaction to say: this needs something that must not be waited for while the store is held. The
 * transaction is rolled back, `prepare` runs, and the transaction starts again.
 */
export class OutsideFirst extends SegnoError {
  readonly prepare: () => Promise<unknown>;

  constructor(prepare: () => Promise<unknown>) {
    super("key_unavailable", "A custody cannot be asked inside a transaction.");
    this.prepare = prepare;
  }
}

/** What was prepared for each transaction that runs again. Taken once. */
export type Prepared = WeakMap<Db, unknown[]>;

/** Rotation, a second key, a race: each may ask once more. A transaction that never stops asking is a fault. */
const maxRounds = 8;

/**
 * The same store, whose transactions may ask for what must be done outside them first. No custody is ever waited for
 * while a transaction is open: on SQLite every other transaction would wait with it.
 */
export function withOutsideWork(store: Store, prepared: Prepared): Store {
  return {
    ...store,
    async transaction(work) {
      const results: unknown[] = [];
      for (let round = 0; ; round += 1) {
        try {
          if (results.length === 0 && round === 0) return await store.transaction(work);
          return await store.transaction((trx) => {
            prepared.set(trx, [...results]);
            return work(trx);
          });
        } catch (error) {
          if (!(error instanceof OutsideFirst) || round >= maxRounds) throw error;
          results.push(await error.prepare());
        }
      }
    },
  };
}
