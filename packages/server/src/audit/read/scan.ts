import { SegnoError } from "@segno/core";
import { decodeLeaf, type ExpiredLeaf, type LeafContent } from "../leaf/leaf.js";
import type { LogStorage } from "../log/index.js";

const bundleSize = 256;

/** A leaf with its place in the log; `content` is undefined for bytes that this version cannot read. */
export interface ScannedLeaf {
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly content: LeafContent | ExpiredLeaf | undefined;
}

/** Every leaf from `from` on, up to where the log was when the scan began. @throws SegnoError `store_unavailable` */
export async function* scanLeaves(storage: LogStorage, from = 0): AsyncGenerator<ScannedLeaf> {
  const { size } = await storage.head();
  for (let bundle = Math.floor(from / bundleSize); bundle * bundleSize < size; bundle += 1) {
    const first = bundle * bundleSize;
    const entries = await storage.readEntries(bundle, Math.min(bundleSize, size - first));
    if (entries === undefined) throw new SegnoError("store_unavailable", "The audit log lacks leaves it had.");
    for (const [place, bytes] of entries.entries()) {
      const index = first + place;
      if (index >= from) yield { index, bytes, content: decodeLeaf(bytes) };
    }
  }
}
