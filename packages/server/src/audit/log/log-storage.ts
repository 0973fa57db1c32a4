import type { Db } from "../../engine.js";
import type { TileId } from "./tile.js";

/** How far a log has got. */
export interface LogHead {
  readonly size: number;
  /** Root of the tree of `size` leaves. */
  readonly root: Uint8Array;
}

/** A tile of hashes as it is after an append. */
export interface TileWrite extends TileId {
  /** `width` hashes, one after the other. */
  readonly hashes: Uint8Array;
}

/** One append, as the storage has to make it: all of it or nothing. */
export interface LogAppend {
  /** What the log must be for this to be true of it. */
  readonly from: LogHead;
  readonly to: LogHead;
  /** The new leaves, in order; the first gets index `from.size`. */
  readonly leaves: readonly Uint8Array[];
  /** The tiles that grew, each with all its hashes. */
  readonly tiles: readonly TileWrite[];
}

/** A checkpoint that is kept. */
export interface KeptCheckpoint {
  readonly size: number;
  /** The signed note (C2SP tlog-checkpoint). */
  readonly note: string;
}

/**
 * Where a log lies. Reads give exactly what was asked for or nothing: a shorter tile, or an entry that was cut off, is
 * never handed out. Several processes may read; of several that append at once from one head one succeeds.
 */
export interface LogStorage {
  /** @param trx the caller's transaction, where the storage is a database: inside one nothing else may touch the store */
  head(trx?: Db): Promise<LogHead>;
  /** The first `width` hashes of a tile; undefined where it has fewer. */
  readTile(tile: TileId, trx?: Db): Promise<Uint8Array | undefined>;
  /** The first `width` leaves of an entry bundle; undefined where it has fewer. */
  readEntries(index: number, width: number, trx?: Db): Promise<readonly Uint8Array[] | undefined>;
  /**
   * Makes the append durable, all of it or nothing.
   * @throws SegnoError `conflict` when the log is no longer at `append.from`: read the head again
   * @throws SegnoError `store_unavailable` when it could not be written; nothing was
   */
  append(append: LogAppend, trx?: Db): Promise<void>;
  /**
   * Puts other bytes where leaves lay whose time is over, by index. Tiles stay, and so does every proof. What was replaced
   * before a failure stays replaced.
   * @throws SegnoError `store_unavailable`
   */
  replaceLeaves(leaves: ReadonlyMap<number, Uint8Array>, trx?: Db): Promise<void>;
  /** The newest checkpoint. */
  latestCheckpoint(trx?: Db): Promise<KeptCheckpoint | undefined>;
  /**
   * Keeps a checkpoint beside all earlier ones. One of a size that is there replaces it where it carries more signatures.
   * @throws SegnoError `conflict` when a larger one is kept
   */
  keepCheckpoint(checkpoint: KeptCheckpoint, trx?: Db): Promise<void>;
  /** Every checkpoint kept, the smallest first. */
  checkpoints(): AsyncIterable<KeptCheckpoint>;
  /** Lets go of locks and files. */
  close(): Promise<void>;
}
