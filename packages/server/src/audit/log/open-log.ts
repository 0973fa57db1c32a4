import { SegnoError } from "@segno/core";
import type { Db } from "../../engine.js";
import { type LogSigner, parseCheckpoint, signCheckpoint } from "./checkpoint.js";
import { maxLeafBytes } from "./entry-bundle.js";
import { growTiles, type LogEdge } from "./grow-tiles.js";
import type { KeptCheckpoint, LogHead, LogStorage } from "./log-storage.js";
import { levelWidth, tileWidth } from "./tile.js";
import { frontierOf, nodesOf } from "./tile-nodes.js";
import { isSameHash } from "./tree-hash.js";
import { rootOf } from "./frontier.js";
import { consistencyProof, inclusionProof, treeRoot } from "./tree-proof.js";

/** What a log is made of. */
export interface LogParts {
  readonly storage: LogStorage;
  /** Names the log in its checkpoints: a URL without its scheme, such as `app.example.com/audit`. Never changes. */
  readonly origin: string;
  /** Signs checkpoints; asked anew for each where it is a function, so that its key may be rotated. */
  readonly signer: LogSigner | (() => Promise<LogSigner>);
}

/** Where leaves have come to lie. */
export interface Appended {
  /** Index of the first leaf of this append. */
  readonly firstIndex: number;
  /** Leaves in the log behind it. */
  readonly size: number;
}

/** An append-only log of leaves. */
export interface Log {
  readonly origin: string;
  /**
   * Appends leaves in order, all or none; durable when this resolves, or with `trx` when that commits.
   * @throws SegnoError `conflict` when somebody else appended meanwhile: nothing was appended, try again
   * @throws SegnoError `store_unavailable` when the storage cannot take them; nothing was appended
   * @throws RangeError when a leaf is longer than 65,535 bytes
   */
  append(leaves: readonly Uint8Array[], trx?: Db): Promise<Appended>;
  /**
   * Signs what the log is now and keeps that; the newest one when nothing was appended since.
   * @throws SegnoError `store_unavailable` when what is stored does not go on from the last checkpoint: nothing is signed
   */
  checkpoint(): Promise<KeptCheckpoint>;
  /** How many leaves there are. */
  size(): Promise<number>;
  /** Inclusion proof of a leaf in the tree of `size` leaves. Default: the newest checkpoint. @throws RangeError */
  proveInclusion(index: number, size?: number): Promise<readonly Uint8Array[]>;
  /** Consistency proof between two sizes. @throws RangeError */
  proveConsistency(from: number, to: number): Promise<readonly Uint8Array[]>;
  /** Root of the first `size` leaves. */
  root(size: number): Promise<Uint8Array>;
}

/**
 * Opens a log. Costs nothing; the storage is read by the first call.
 * Not checked: that what is stored is what was written. `verifyLog` does that, from outside.
 */
export function openLog({ storage, origin, signer }: LogParts): Log {
  let known: LogEdge | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  /** Appends of this process wait for each other; those within a transaction are ordered by whoever holds it. */
  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  }

  async function edgeNow(trx: Db | undefined): Promise<LogEdge> {
    const head = await storage.head(trx);
    // by root and not by size alone: a transaction that was rolled back may have been at this size too
    if (known?.head.size === head.size && isSameHash(known.head.root, head.root)) return known;
    return await readEdge(storage, head, trx);
  }

  async function append(leaves: readonly Uint8Array[], trx: Db | undefined): Promise<Appended> {
    if (leaves.some(({ length }) => length > maxLeafBytes))
      throw new RangeError(`A leaf is at most ${maxLeafBytes} bytes long.`);
    const edge = await edgeNow(trx);
    if (leaves.length === 0) return { firstIndex: edge.head.size, size: edge.head.size };
    const { edge: next, ...change } = growTiles(edge, leaves);
    await storage.append(change, trx);
    known = next;
    return { firstIndex: change.from.size, size: change.to.size };
  }

  async function checkpoint(): Promise<KeptCheckpoint> {
    const head = await storage.head();
    const last = await storage.latestCheckpoint();
    if (last !== undefined) await requireSuccession(storage, last, head);
    if (last?.size === head.size) return last;
    const by = typeof signer === "function" ? await signer() : signer;
    const kept = { size: head.size, note: await signCheckpoint({ origin, ...head }, by) };
    await storage.keepCheckpoint(kept);
    return kept;
  }

  return {
    origin,
    append: (leaves, trx) => (trx === undefined ? inTurn(() => append(leaves, undefined)) : append(leaves, trx)),
    checkpoint: () => inTurn(checkpoint),
    size: async () => (await storage.head()).size,
    async proveInclusion(index, size) {
      const inSize = size ?? (await storage.latestCheckpoint())?.size ?? 0;
      return await inclusionProof(await nodesWithin(storage, inSize), index, inSize);
    },
    proveConsistency: async (from, to) => await consistencyProof(await nodesWithin(storage, to), from, to),
    root: async (size) => await treeRoot(await nodesWithin(storage, size), size),
  };
}

/** What an append needs, read from the tiles at the right edge. */
async function readEdge(storage: LogStorage, head: LogHead, trx: Db | undefined): Promise<LogEdge> {
  const frontier = await frontierOf(nodesOf(storage, head.size, trx), head.size);
  if (!isSameHash(rootOf(frontier.subtrees), head.root))
    throw new SegnoError(
      "store_unavailable",
      "The audit log's tiles are not those of its head. Look with: segno audit verify",
    );
  const tiles: Uint8Array[] = [];
  for (let level = 0; levelWidth(head.size, level) > 0; level += 1) {
    const count = levelWidth(head.size, level);
    const width = count % tileWidth;
    const index = Math.floor(count / tileWidth);
    const hashes = width === 0 ? new Uint8Array(0) : await storage.readTile({ level, index, width }, trx);
    if (hashes === undefined) throw new SegnoError("store_unavailable", "The audit log lacks a tile.");
    tiles.push(hashes);
  }
  return { head, frontier, tiles };
}

/** A log never signs what does not go on from what it signed before (C2SP tlog-checkpoint, "Signatures"). */
async function requireSuccession(storage: LogStorage, last: KeptCheckpoint, head: LogHead): Promise<void> {
  const signed = parseCheckpoint(last.note);
  const isLater = signed !== undefined && signed.size <= head.size;
  const nodes = nodesOf(storage, head.size);
  const isSame =
    isLater &&
    isSameHash(await treeRoot(nodes, signed.size), signed.root) &&
    isSameHash(await treeRoot(nodes, head.size), head.root);
  if (!isSame)
    throw new SegnoError(
      "store_unavailable",
      "The audit log does not go on from its last checkpoint, so nothing is signed. Look with: segno audit verify",
    );
}

async function nodesWithin(storage: LogStorage, size: number): Promise<ReturnType<typeof nodesOf>> {
  const head = await storage.head();
  if (size > head.size) throw new RangeError("The log is not that large.");
  // tiles never change but for growing, so the newest size finds them at any time
  return nodesOf(storage, head.size);
}
