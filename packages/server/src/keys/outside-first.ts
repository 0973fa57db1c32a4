import { AsyncLocalStorage } from "node:async_hooks";
import { type Clock, SegnoError } from "@segno/core";
import type { Db, RandomSource, Store } from "../engine.js";

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

/** Time, randomness and ids that are the same each time a transaction runs. */
export interface Repeatable {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly newId: () => string;
  readonly store: Store;
}

/** Rotation, a second key, a race: each may ask once more. A transaction that never stops asking is a fault. */
const maxRounds = 8;
/** A transaction sees the time at which it began. Not for longer than this: what is checked against it must stay true. */
const maxAgeMs = 10_000;

/**
 * The same store, whose transactions may ask for what must be done outside them first. No custody is ever waited for
 * while a transaction is open: on SQLite every other transaction would wait with it.
 *
 * A transaction that runs again draws the same ids and random values and sees the same time, so that a token signed in
 * between says what the second run says. What the first run drew was rolled back with it, and nobody saw it.
 */
export function withOutsideWork(given: Repeatable, prepared: Prepared): Repeatable {
  const tapes = new AsyncLocalStorage<Tape>();
  const current = (): Tape | undefined => {
    const tape = tapes.getStore();
    return tape?.isOpen === true ? tape : undefined;
  };
  return {
    clock: { nowMs: () => current()?.nowMs ?? given.clock.nowMs() },
    random: { bytes: (length) => draw(current(), `bytes ${length}`, () => given.random.bytes(length)) },
    newId: () => draw(current(), "id", given.newId),
    store: {
      ...given.store,
      async transaction(work) {
        const tape: Tape = { nowMs: given.clock.nowMs(), drawn: [], at: 0, isOpen: false };
        const results: unknown[] = [];
        for (let round = 0; ; round += 1) {
          try {
            return await given.store.transaction((trx) => {
              prepared.set(trx, [...results]);
              // also where the store itself runs it again after a lost race
              tape.at = 0;
              tape.isOpen = true;
              return tapes.run(tape, async () => await work(trx));
            });
          } catch (error) {
            tape.isOpen = false;
            const ageMs = Math.abs(given.clock.nowMs() - tape.nowMs);
            if (!(error instanceof OutsideFirst) || round >= maxRounds || ageMs > maxAgeMs) throw error;
            results.push(await error.prepare());
          } finally {
            tape.isOpen = false;
          }
        }
      },
    },
  };
}

interface Tape {
  readonly nowMs: number;
  readonly drawn: { readonly kind: string; readonly value: unknown }[];
  at: number;
  /** What outlives the transaction lives in its own time. */
  isOpen: boolean;
}

function draw<Value>(tape: Tape | undefined, kind: string, make: () => Value): Value {
  if (tape === undefined) return make();
  const known = tape.drawn[tape.at];
  if (known?.kind !== kind) {
    // a run that goes another way draws anew from there
    tape.drawn.length = tape.at;
    tape.drawn.push({ kind, value: make() });
  }
  const value = tape.drawn[tape.at]?.value as Value;
  tape.at += 1;
  // a caller may overwrite what it drew
  return value instanceof Uint8Array ? (value.slice() as Value) : value;
}
