import type { Engine } from "../engine.js";
import { hasUnsequenced, lockSequence, numberRows, readHead } from "./store.js";

/** Small enough that a sign-in that waits for it does not notice. SQLite does it on this thread. */
const batchSizes = { sqlite: 100, postgres: 500 } as const;

/**
 * Gives every committed event that has none its position, in one order for all nodes, without gaps.
 *
 * Ids cannot serve as places to read from: a row with an older id may be committed after a reader has passed it.
 * Positions are given only to rows that are committed, by one node at a time: while it holds the lock of the counter no other
 * gives any, and its own become visible all at once. So whoever has read up to a position has seen all there will ever
 * be below it. Any node may do it.
 * @returns the last position
 */
export async function giveOutPositions({ store }: Pick<Engine, "store">): Promise<number> {
  const batchSize = batchSizes[store.dialect];
  while (await hasUnsequenced(store.db)) {
    const count = await store.transaction(async (trx) => numberRows(trx, await lockSequence(trx), batchSize));
    if (count < batchSize) break;
  }
  return await readHead(store.db);
}
