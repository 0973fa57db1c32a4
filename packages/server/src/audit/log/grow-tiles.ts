import { type Frontier, growFrontier } from "./frontier.js";
import type { LogAppend, LogHead, TileWrite } from "./log-storage.js";
import { levelWidth, tileHeight, tileWidth } from "./tile.js";
import { hashLength, leafHash } from "./tree-hash.js";

/** All that an append needs: the head, the frontier, and the unfinished tile of each level. */
export interface LogEdge {
  readonly head: LogHead;
  readonly frontier: Frontier;
  /** By level: the hashes of its last tile while that is not full, else none. */
  readonly tiles: readonly Uint8Array[];
}

/** What an append changes, and the edge behind it. */
export function growTiles(edge: LogEdge, leaves: readonly Uint8Array[]): LogAppend & { readonly edge: LogEdge } {
  const { size } = edge.head;
  const open = edge.tiles.map((hashes) => ({ hashes: [hashes], isNew: false }));
  const written: TileWrite[] = [];
  const counts = edge.tiles.map((_, level) => levelWidth(size, level));

  const write = (level: number): void => {
    const tile = open[level];
    const count = counts[level] ?? 0;
    if (tile === undefined || !tile.isNew) return;
    const hashes = Buffer.concat(tile.hashes);
    const width = hashes.length / hashLength;
    written.push({ level, index: Math.floor((count - 1) / tileWidth), width, hashes });
  };
  const frontier = growFrontier(edge.frontier, (nodeLevel, hash) => {
    if (nodeLevel % tileHeight !== 0) return;
    const level = nodeLevel / tileHeight;
    const tile = (open[level] ??= { hashes: [], isNew: false });
    tile.hashes.push(hash);
    tile.isNew = true;
    const count = (counts[level] ?? 0) + 1;
    counts[level] = count;
    if (count % tileWidth !== 0) return;
    write(level);
    open[level] = { hashes: [], isNew: false };
  });
  for (const leaf of leaves) frontier.push(leafHash(leaf));
  for (let level = 0; level < open.length; level += 1) write(level);

  const to: LogHead = { size: frontier.size(), root: frontier.root() };
  const tiles = open.map(({ hashes }) => Buffer.concat(hashes));
  return {
    from: edge.head,
    to,
    leaves,
    tiles: written,
    edge: { head: to, frontier: frontier.snapshot(), tiles },
  };
}
