import type { LogStorage } from "./log-storage.js";
import { tileWidth, widthInTree } from "./tile.js";

/** A leaf and its place. */
export interface FoundLeaf {
  readonly index: number;
  readonly leaf: Uint8Array;
}

/** Looks for the leaf of an event, from the newest backwards: a linear search. */
export async function findLeaf(storage: LogStorage, eventId: string): Promise<FoundLeaf | undefined> {
  const { size } = await storage.head();
  const needle = JSON.stringify(eventId);
  for (let index = Math.ceil(size / tileWidth) - 1; index >= 0; index -= 1) {
    const leaves = (await storage.readEntries(index, widthInTree(size, 0, index))) ?? [];
    for (const [place, leaf] of leaves.entries()) {
      const text = Buffer.from(leaf).toString("utf8");
      if (text.includes(needle) && idOf(text) === eventId) return { index: index * tileWidth + place, leaf };
    }
  }
  return undefined;
}

/** One leaf by its place. */
export async function readLeaf(storage: LogStorage, index: number): Promise<Uint8Array | undefined> {
  const { size } = await storage.head();
  const bundle = Math.floor(index / tileWidth);
  return index < size
    ? (await storage.readEntries(bundle, widthInTree(size, 0, bundle)))?.[index % tileWidth]
    : undefined;
}

function idOf(text: string): unknown {
  try {
    const { event, id } = JSON.parse(text) as { readonly event?: { readonly id?: unknown }; readonly id?: unknown };
    return event?.id ?? id;
  } catch {
    return undefined;
  }
}
