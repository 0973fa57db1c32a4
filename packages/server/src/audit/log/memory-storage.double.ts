import { SegnoError } from "@segno/core";
import type { KeptCheckpoint, LogHead, LogStorage } from "./log-storage.js";
import { mergeSignatures } from "./merge-signatures.js";
import { tileWidth } from "./tile.js";
import { emptyRoot, hashLength, isSameHash } from "./tree-hash.js";

/** A log in memory, for tests. */
export function memoryStorage(): LogStorage {
  let head: LogHead = { size: 0, root: emptyRoot };
  const tiles = new Map<string, Uint8Array>();
  const leaves: Uint8Array[] = [];
  const kept: KeptCheckpoint[] = [];
  return {
    head: async () => head,
    async readTile({ level, index, width }) {
      const hashes = tiles.get(`${level}/${index}`)?.subarray(0, width * hashLength);
      return hashes?.length === width * hashLength ? hashes : undefined;
    },
    async readEntries(index, width) {
      const found = leaves.slice(index * tileWidth, index * tileWidth + width);
      return found.length === width ? found : undefined;
    },
    async append(append) {
      if (append.from.size !== head.size || !isSameHash(append.from.root, head.root))
        throw new SegnoError("conflict", "The log has moved on.");
      for (const { level, index, hashes } of append.tiles) tiles.set(`${level}/${index}`, hashes);
      leaves.push(...append.leaves);
      head = append.to;
    },
    async replaceLeaves(replaced) {
      for (const [index, leaf] of replaced) leaves[index] = leaf;
    },
    latestCheckpoint: async () => kept.at(-1),
    async keepCheckpoint({ size, note }) {
      const latest = kept.at(-1);
      if (latest !== undefined && latest.size > size) throw new SegnoError("conflict", "A larger one is kept.");
      if (latest?.size !== size) kept.push({ size, note });
      else kept[kept.length - 1] = { size, note: mergeSignatures(latest.note, note) };
    },
    async *checkpoints() {
      yield* kept;
    },
    close: async () => {},
  };
}
