import { SegnoError } from "@segno/core";
import type { Db, Engine } from "../engine.js";
import { deleteInPortions } from "../storage/index.js";

/** Places in one status list. Every list has all of them, taken or not: its size tells nothing. */
export const statusListSize: number = 2 ** 20;

/** Draws from one range before the range is doubled. */
const drawsPerRange = 4;
const maxRange = 2 ** 30;

/**
 * Takes a random free place in the status lists, for tokens that end by `expiresAtMs` at the latest. The first draws
 * are from one list; only where that is full does a second one begin, then a third and fourth.
 * Random, because neighbours in time must not be neighbours in the list: who reads two tokens learns nothing of what
 * lies between them.
 * @throws SegnoError `store_unavailable` when no draw was free, which takes some hundred million live sessions
 */
export async function takeStatusIndex(engine: Engine, trx: Db, expiresAtMs: number): Promise<number> {
  for (let range = statusListSize; range <= maxRange; range *= 2) {
    for (let draw = 0; draw < drawsPerRange; draw += 1) {
      const index = Buffer.from(engine.random.bytes(4)).readUInt32BE(0) % range;
      const taken = await trx
        .insertInto("segno_status_indexes")
        .values({ status_index: index, expires_at: expiresAtMs })
        .onConflict((conflict) => conflict.column("status_index").doNothing())
        .returning("status_index")
        .executeTakeFirst();
      if (taken !== undefined) return taken.status_index;
    }
  }
  throw new SegnoError("store_unavailable", "Every place in the status lists is taken.");
}

/** How long a place stays taken after the last token that could name it has expired: longer than its revocation is kept. */
const keepMs = 2 * 86_400_000;

/** Gives back places that no token can name any more. Call now and then. */
export async function sweepStatusIndexes(db: Db, nowMs: number): Promise<void> {
  await deleteInPortions((limit) =>
    db
      .deleteFrom("segno_status_indexes")
      .where("status_index", "in", (from) =>
        from
          .selectFrom("segno_status_indexes")
          .select("status_index")
          .where("expires_at", "<", nowMs - keepMs)
          .limit(limit),
      )
      .execute(),
  );
}
