import { SegnoError } from "@segno/core";
import type { Db, Store } from "../../engine.js";
import { toSegnoError } from "../../storage/index.js";
import type { KeptCheckpoint, LogAppend, LogStorage } from "./log-storage.js";
import { mergeSignatures } from "./merge-signatures.js";
import { tileWidth } from "./tile.js";
import { emptyRoot, hashLength } from "./tree-hash.js";

/** Rows of one statement: SQLite takes 32,766 parameters at most. */
const rowsAtOnce = 1_000;
/** Checkpoints read at once. */
const pageSize = 500;

/**
 * A log in the engine's database. Given a transaction, an append is part of it; else it is one of its own.
 * @param origin which log: several may lie in one database
 */
export function sqlStorage(store: Pick<Store, "db" | "transaction">, origin: string): LogStorage {
  const db = (trx: Db | undefined): Db => trx ?? store.db;
  const inTransaction = (trx: Db | undefined, work: (trx: Db) => Promise<void>): Promise<void> =>
    asSegnoError(() => (trx === undefined ? store.transaction(work) : work(trx)));
  return {
    head: (trx) => asSegnoError(() => readHead(db(trx), origin)),
    readTile: ({ level, index, width }, trx) =>
      asSegnoError(async () => {
        const row = await db(trx)
          .selectFrom("segno_audit_tiles")
          .select("hashes")
          .where("origin", "=", origin)
          .where("level", "=", level)
          .where("tile_index", "=", index)
          .executeTakeFirst();
        const hashes = row?.hashes.subarray(0, width * hashLength);
        return hashes?.length === width * hashLength ? hashes : undefined;
      }),
    readEntries: (index, width, trx) =>
      asSegnoError(async () => {
        const rows = await db(trx)
          .selectFrom("segno_audit_leaves")
          .select("leaf")
          .where("origin", "=", origin)
          .where("leaf_index", ">=", index * tileWidth)
          .where("leaf_index", "<", index * tileWidth + width)
          .orderBy("leaf_index")
          .execute();
        return rows.length === width ? rows.map(({ leaf }) => leaf) : undefined;
      }),
    append: (append, trx) => inTransaction(trx, (inside) => writeAppend(inside, origin, append)),
    replaceLeaves: (leaves, trx) => inTransaction(trx, (inside) => writeReplaced(inside, origin, leaves)),
    latestCheckpoint: (trx) => asSegnoError(() => readLatest(db(trx), origin)),
    keepCheckpoint: (checkpoint, trx) => inTransaction(trx, (inside) => writeCheckpoint(inside, origin, checkpoint)),
    async *checkpoints() {
      for (let after = -1; ; ) {
        const page = await asSegnoError(() => readCheckpoints(store.db, origin, after));
        yield* page;
        const last = page.at(-1);
        if (last === undefined) return;
        after = last.size;
      }
    },
    close: async () => {},
  };
}

async function asSegnoError<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw toSegnoError(error);
  }
}

async function readHead(db: Db, origin: string): ReturnType<LogStorage["head"]> {
  const row = await db
    .selectFrom("segno_audit_logs")
    .select(["size", "root"])
    .where("origin", "=", origin)
    .executeTakeFirst();
  return row ?? { size: 0, root: emptyRoot };
}

/** The head moves first: whoever comes second finds it moved, and has written nothing. */
async function writeAppend(trx: Db, origin: string, { from, to, leaves, tiles }: LogAppend): Promise<void> {
  if (from.size === 0) {
    await trx
      .insertInto("segno_audit_logs")
      .values({ origin, size: 0, root: emptyRoot })
      .onConflict((conflict) => conflict.column("origin").doNothing())
      .execute();
  }
  const moved = await trx
    .updateTable("segno_audit_logs")
    .set({ size: to.size, root: to.root })
    .where("origin", "=", origin)
    .where("size", "=", from.size)
    .where("root", "=", from.root)
    .returning("size")
    .executeTakeFirst();
  if (moved === undefined) throw new SegnoError("conflict", "The audit log has moved on.");
  const rows = leaves.map((leaf, place) => ({ origin, leaf_index: from.size + place, leaf }));
  for (let at = 0; at < rows.length; at += rowsAtOnce)
    await trx
      .insertInto("segno_audit_leaves")
      .values(rows.slice(at, at + rowsAtOnce))
      .execute();
  for (const { level, index, hashes } of tiles) {
    await trx
      .insertInto("segno_audit_tiles")
      .values({ origin, level, tile_index: index, hashes })
      .onConflict((conflict) => conflict.columns(["origin", "level", "tile_index"]).doUpdateSet({ hashes }))
      .execute();
  }
}

async function writeReplaced(trx: Db, origin: string, leaves: ReadonlyMap<number, Uint8Array>): Promise<void> {
  for (const [index, leaf] of leaves)
    await trx
      .updateTable("segno_audit_leaves")
      .set({ leaf })
      .where("origin", "=", origin)
      .where("leaf_index", "=", index)
      .execute();
}

async function readLatest(db: Db, origin: string): Promise<KeptCheckpoint | undefined> {
  return await db
    .selectFrom("segno_audit_checkpoints")
    .select(["size", "note"])
    .where("origin", "=", origin)
    .orderBy("size", "desc")
    .limit(1)
    .executeTakeFirst();
}

async function readCheckpoints(db: Db, origin: string, after: number): Promise<readonly KeptCheckpoint[]> {
  return await db
    .selectFrom("segno_audit_checkpoints")
    .select(["size", "note"])
    .where("origin", "=", origin)
    .where("size", ">", after)
    .orderBy("size")
    .limit(pageSize)
    .execute();
}

async function writeCheckpoint(trx: Db, origin: string, { size, note }: KeptCheckpoint): Promise<void> {
  const latest = await readLatest(trx, origin);
  if (latest !== undefined && latest.size > size)
    throw new SegnoError("conflict", "A checkpoint of more leaves is kept already.");
  const kept = latest?.size === size ? mergeSignatures(latest.note, note) : note;
  await trx
    .insertInto("segno_audit_checkpoints")
    .values({ origin, size, note: kept })
    .onConflict((conflict) => conflict.columns(["origin", "size"]).doUpdateSet({ note: kept }))
    .execute();
}
