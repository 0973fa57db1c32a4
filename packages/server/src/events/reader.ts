import type { Db, Engine } from "../engine.js";
import { addCursors, readCursor } from "./cursors-store.js";
import { createLeaseHolder } from "./lease.js";
import { giveOutPositions } from "./sequence.js";
import { clearPersonal, readRows, type SequencedRow } from "./store.js";

/** Events in their order, each once, for a domain that keeps what it makes of them in the same database. */
export interface EventReader {
  /**
   * The next rows after this reader's place, oldest first: `payload` is the CloudEvent as it was committed, `personal` what
   * was recorded beside it, or null. One node at a time gets any; the same rows come again until `pass` was committed.
   * Call it outside a transaction.
   * @param limit the most rows. Default 100
   * @returns undefined while another node reads, an empty list when there is nothing new
   * @throws SegnoError `store_unavailable`
   */
  read(limit?: number): Promise<readonly SequencedRow[] | undefined>;
  /**
   * Moves this reader's place through `trx`, together with what was made of the rows, and forgets what was personal about
   * the rows that are passed by it. Give it the rows that `read` answered, or the first of them.
   * @throws SegnoError `conflict` when another node has taken over: the transaction must roll back
   */
  pass(trx: Db, rows: readonly SequencedRow[]): Promise<void>;
  /** Lets another node read at once. Call it when this one stops. */
  free(): Promise<void>;
}

/**
 * Makes the reader of that name. Its place is kept over restarts; a new one begins with the oldest event that is kept.
 * Rows stay until every known reader and sink has passed them. `RunningEventLog.onEvents` tells when to read.
 * @param name unlike that of any sink; `audit`, for example
 */
export function createEventReader(parts: Pick<Engine, "store" | "clock" | "newId">, name: string): EventReader {
  const { store, clock } = parts;
  const lease = createLeaseHolder(parts, name);
  let isKnown = false;

  return {
    async read(limit = 100) {
      if (!isKnown) await addCursors(store.db, [name], clock.nowMs());
      isKnown = true;
      const head = await giveOutPositions(parts);
      const known = await readCursor(store.db, name);
      if (known === undefined) {
        isKnown = false;
        return undefined;
      }
      if (known.position >= head && !lease.isHeld()) return [];
      const taken = await lease.take(known);
      return taken === undefined ? undefined : await readRows(store.db, taken.cursor.position, limit);
    },
    async pass(trx, rows) {
      const [first] = rows;
      const last = rows.at(-1);
      if (first === undefined || last === undefined) return;
      await lease.write(trx, { position: last.position, accepted_at: clock.nowMs() });
      await clearPersonal(trx, first.position - 1, last.position);
    },
    free: () => lease.free(),
  };
}
