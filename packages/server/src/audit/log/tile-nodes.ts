import { SegnoError } from "@segno/core";
import type { Frontier } from "./frontier.js";
import { growFrontier, perfectSubtrees, rootOf } from "./frontier.js";
import type { LogStorage } from "./log-storage.js";
import { tileHeight, tileWidth, widthInTree } from "./tile.js";
import { hashLength } from "./tree-hash.js";
import type { ReadNode } from "./tree-proof.js";

/** Where tiles come from. */
export type TileSource = Pick<LogStorage, "readTile">;

/**
 * Reads nodes of the tree of `size` leaves from its tiles; each tile once. Nodes between two rows of tiles are hashed.
 * @throws SegnoError `store_unavailable` when a tile that must be there is not
 */
export function nodesOf(tiles: TileSource, size: number, trx?: Parameters<LogStorage["readTile"]>[1]): ReadNode {
  const seen = new Map<string, Uint8Array>();
  async function tile(level: number, index: number): Promise<Uint8Array> {
    const key = `${level}/${index}`;
    const known = seen.get(key);
    if (known !== undefined) return known;
    const width = widthInTree(size, level, index);
    const hashes = width === 0 ? undefined : await tiles.readTile({ level, index, width }, trx);
    if (hashes === undefined) throw new SegnoError("store_unavailable", `The audit log lacks tile ${key}.`);
    seen.set(key, hashes);
    return hashes;
  }
  return async (level, index) => {
    const tileLevel = Math.floor(level / tileHeight);
    const span = 2 ** (level % tileHeight);
    const first = index * span;
    const hashes = await tile(tileLevel, Math.floor(first / tileWidth));
    const start = (first % tileWidth) * hashLength;
    const wanted = hashes.subarray(start, start + span * hashLength);
    if (wanted.length !== span * hashLength) throw new SegnoError("store_unavailable", "The audit log lacks hashes.");
    return subtreeRoot(wanted);
  };
}

/** Root over a power of two of hashes. */
function subtreeRoot(hashes: Uint8Array): Uint8Array {
  if (hashes.length === hashLength) return hashes;
  const frontier = growFrontier({ size: 0, subtrees: [] });
  for (let at = 0; at < hashes.length; at += hashLength) frontier.push(hashes.subarray(at, at + hashLength));
  return rootOf(frontier.snapshot().subtrees);
}

/** The frontier of the tree of `size` leaves, as its tiles have it. */
export async function frontierOf(readNode: ReadNode, size: number): Promise<Frontier> {
  const subtrees = [];
  for (const { level, index } of perfectSubtrees(0, size)) subtrees.push({ level, hash: await readNode(level, index) });
  return { size, subtrees };
}
