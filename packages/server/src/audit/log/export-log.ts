import { SegnoError } from "@segno/core";
import { fileStorage } from "./file-storage.js";
import type { LogStorage, TileWrite } from "./log-storage.js";
import { levelWidth, tileWidth, widthInTree } from "./tile.js";
import { nodesOf } from "./tile-nodes.js";
import { isSameHash } from "./tree-hash.js";
import { treeRoot } from "./tree-proof.js";

/** Leaves written at once. */
const portion = 16 * tileWidth;

/** What an export wrote. */
export interface Exported {
  /** Leaves in the folder now. */
  readonly size: number;
  /** How many of them are new there. */
  readonly added: number;
  /** Checkpoints that are new there. */
  readonly checkpoints: number;
}

/**
 * Copies a log into files (C2SP tlog-tiles), with all its checkpoints. A folder that has the beginning of it gets the rest.
 * @throws SegnoError `conflict` when the folder holds another log, or a fork of this one
 * @example
 * ```ts
 * import { createSegno } from "@segno/server";
 * import { exportLog } from "@segno/server/audit";
 * const segno = createSegno({ audit: {} });
 * await exportLog(await segno.api.audit.storage(), "./audit");
 * ```
 */
export async function exportLog(
  source: LogStorage,
  folder: string,
  onProgress: (done: number, of: number) => void = () => {},
): Promise<Exported> {
  const target = await fileStorage(folder);
  try {
    const { size } = await source.head();
    const before = await target.head();
    const nodes = nodesOf(source, size);
    if (before.size > size || !isSameHash(await treeRoot(nodes, before.size), before.root))
      throw new SegnoError("conflict", "The folder holds another log, or one that forked from this.");
    for (let from = before; from.size < size; from = await target.head()) {
      const upTo = Math.min(size, from.size - (from.size % portion) + portion);
      const leaves = await leavesBetween(source, from.size, upTo);
      const to = { size: upTo, root: await treeRoot(nodes, upTo) };
      await target.append({ from, to, leaves, tiles: await tilesBetween(source, from.size, upTo) });
      onProgress(upTo, size);
    }
    const last = await target.latestCheckpoint();
    let checkpoints = 0;
    for await (const checkpoint of source.checkpoints()) {
      const isNewer = last === undefined || checkpoint.size > last.size;
      const hasMore = checkpoint.size === last?.size && checkpoint.note !== last.note;
      if (checkpoint.size > size || !(isNewer || hasMore)) continue;
      await target.keepCheckpoint(checkpoint);
      checkpoints += 1;
    }
    return { size, added: size - before.size, checkpoints };
  } finally {
    await target.close();
  }
}

async function leavesBetween(source: LogStorage, from: number, to: number): Promise<readonly Uint8Array[]> {
  const leaves: Uint8Array[] = [];
  for (let index = Math.floor(from / tileWidth); index * tileWidth < to; index += 1) {
    const bundle = await source.readEntries(index, widthInTree(to, 0, index));
    if (bundle === undefined) throw new SegnoError("store_unavailable", "The audit log lacks leaves.");
    leaves.push(...bundle.slice(Math.max(0, from - index * tileWidth)));
  }
  return leaves;
}

async function tilesBetween(source: LogStorage, from: number, to: number): Promise<readonly TileWrite[]> {
  const tiles: TileWrite[] = [];
  for (let level = 0; levelWidth(to, level) > 0; level += 1) {
    const first = Math.floor(levelWidth(from, level) / tileWidth);
    for (let index = first; widthInTree(to, level, index) > 0; index += 1) {
      const width = widthInTree(to, level, index);
      if (width === widthInTree(from, level, index)) continue;
      const hashes = await source.readTile({ level, index, width });
      if (hashes === undefined) throw new SegnoError("store_unavailable", "The audit log lacks tiles.");
      tiles.push({ level, index, width, hashes });
    }
  }
  return tiles;
}
