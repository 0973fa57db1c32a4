import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "./durable-file.js";
import { decodeEntries } from "./entry-bundle.js";
import { emptyFrontier, type GrowingFrontier, growFrontier } from "./frontier.js";
import type { LeafCheck } from "./leaf-check.js";
import type { ProblemList } from "./log-problem.js";
import type { LogHead } from "./log-storage.js";
import { bundlePath, levelWidth, tileHeight, tilePath, tileWidth, widthInTree } from "./tile.js";
import { hashLength, isSameHash, leafHash } from "./tree-hash.js";

/** A root that the log must have at a size. */
export interface RootClaim extends LogHead {
  /** Says what it means that it has another one. `from` is the last size at which all was well. */
  refuse(from: number): void;
}

export interface TreeCheck {
  readonly folder: string;
  readonly size: number;
  /** By size, the smallest first. */
  readonly claims: AsyncIterator<RootClaim>;
  readonly leaves: LeafCheck;
  readonly problems: ProblemList;
  readonly onProgress: (done: number) => void;
}

/**
 * Reads the log from its first leaf to its last, once, in bounded memory: every leaf against its hash, every hash against
 * those below it, the root against every claim. Where leaves and tiles disagree both trees are followed until a claim
 * tells which of them was changed.
 */
export async function verifyTree({ folder, size, claims, leaves, problems, onProgress }: TreeCheck): Promise<void> {
  let claim = await claims.next();
  let soundSize = 0;
  const rows = createRows(folder, size, problems);
  const trees = createTrees(rows, size, problems);
  const settle = async (): Promise<void> => {
    while (claim.done !== true && claim.value.size === trees.size()) {
      if (trees.hasRoot(claim.value.root)) soundSize = trees.size();
      else claim.value.refuse(soundSize);
      claim = await claims.next();
    }
  };
  await settle();
  for (let index = 0; index * tileWidth < size; index += 1) {
    const width = widthInTree(size, 0, index);
    const entries = await readBundle(folder, index, width, problems);
    const hashes = await readHashes(folder, 0, index, width, problems);
    for (let place = 0; place < width; place += 1) {
      const at = index * tileWidth + place;
      const leaf = entries?.[place];
      const stored = hashes?.subarray(place * hashLength, (place + 1) * hashLength);
      let computed = leaf === undefined ? undefined : leafHash(leaf);
      const isSame = isSameHash(computed, stored);
      if (!isSame && leaf !== undefined && stored !== undefined && leaves.isExpired(leaf, at)) computed = stored;
      else if (leaf !== undefined && isSame) leaves.see(leaf, at);
      trees.push(at, computed, stored);
      if (claim.done !== true && claim.value.size === at + 1) await settle();
    }
    await rows.compare(index * tileWidth + width);
    onProgress(index * tileWidth + width);
  }
  trees.end();
  await rows.compareLast();
  leaves.end(size);
  while (claim.done !== true) {
    claim.value.refuse(soundSize);
    claim = await claims.next();
  }
}

/** The tree that the leaves make and, since they first disagreed, the one that the tiles make. */
interface Trees {
  readonly size: () => number;
  push(index: number, fromLeaf: Uint8Array | undefined, fromTile: Uint8Array | undefined): void;
  /** @returns whether one of the trees has this root; which one says what was changed */
  hasRoot(root: Uint8Array): boolean;
  end(): void;
}

type Blame = "leaf_changed" | "tile_changed" | "leaf_or_tile_changed";
const blamed: Readonly<Record<Blame, string>> = {
  leaf_changed: "the leaf",
  tile_changed: "the hash of the leaf",
  leaf_or_tile_changed: "the leaf or its hash",
};

function createTrees(rows: Rows, size: number, problems: ProblemList): Trees {
  let count = 0;
  let disagreed: number[] = [];
  const onNode = (level: number, hash: Uint8Array): void => rows.note(level, count, hash);
  let byLeaves: GrowingFrontier | undefined = growFrontier(emptyFrontier, onNode);
  let byTiles: GrowingFrontier | undefined;
  const blame = (code: Blame): void => {
    for (const index of disagreed) {
      const bundle = Math.floor(index / tileWidth);
      const width = widthInTree(size, 0, bundle);
      const path = code === "tile_changed" ? tilePath({ level: 0, index: bundle, width }) : bundlePath(bundle, width);
      problems.add({ code, path, from: index, to: index + 1, reason: `${blamed[code]} is not what was logged` });
    }
    disagreed = [];
  };
  return {
    size: () => count,
    push(index, fromLeaf, fromTile) {
      const isSame = isSameHash(fromLeaf, fromTile);
      if (!isSame && byTiles === undefined && byLeaves !== undefined && byLeaves.size() === index)
        byTiles = growFrontier(byLeaves.snapshot(), onNode);
      if (!isSame && fromLeaf !== undefined && fromTile !== undefined) disagreed.push(index);
      count = index + 1;
      if (fromTile === undefined) byTiles = undefined;
      else byTiles?.push(fromTile);
      if (fromLeaf === undefined) byLeaves = undefined;
      else byLeaves?.push(fromLeaf);
    },
    hasRoot(root) {
      if (byLeaves !== undefined && isSameHash(byLeaves.root(), root)) {
        blame("tile_changed");
        byTiles = undefined;
        return true;
      }
      if (byTiles === undefined || !isSameHash(byTiles.root(), root)) return false;
      blame("leaf_changed");
      byLeaves = byTiles;
      byTiles = undefined;
      return true;
    },
    end: () => blame("leaf_or_tile_changed"),
  };
}

/** The rows of tiles above the first. */
interface Rows {
  /** Takes a node that the `count`th leaf completed. */
  note(level: number, count: number, hash: Uint8Array): void;
  /** Compares the tiles that `count` leaves complete. */
  compare(count: number): Promise<void>;
  /** Compares those at the right edge. */
  compareLast(): Promise<void>;
}

function createRows(folder: string, size: number, problems: ProblemList): Rows {
  /** By level, then by place in the tile under way: what leaves, or the tiles below, make of it. */
  const rows: Map<number, Uint8Array[]>[] = [];
  async function compareTile(level: number, index: number): Promise<void> {
    const width = widthInTree(size, level, index);
    const stored = await readHashes(folder, level, index, width, problems);
    for (let place = 0; stored !== undefined && place < width; place += 1) {
      const hash = stored.subarray(place * hashLength, (place + 1) * hashLength);
      const computed = rows[level]?.get(place);
      if (computed === undefined || computed.some((each) => isSameHash(each, hash))) continue;
      const span = tileWidth ** level;
      const from = (index * tileWidth + place) * span;
      const reason = "a hash is not that of the leaves below it";
      problems.add({ code: "tile_changed", path: tilePath({ level, index, width }), from, to: from + span, reason });
    }
    rows[level]?.clear();
  }
  return {
    note(nodeLevel, count, hash) {
      if (nodeLevel === 0 || nodeLevel % tileHeight !== 0) return;
      const level = nodeLevel / tileHeight;
      const place = (levelWidth(count, level) - 1) % tileWidth;
      const row = (rows[level] ??= new Map<number, Uint8Array[]>());
      row.set(place, [...(row.get(place) ?? []), hash]);
    },
    async compare(count) {
      for (let level = 1; count % tileWidth ** (level + 1) === 0; level += 1)
        await compareTile(level, count / tileWidth ** (level + 1) - 1);
    },
    async compareLast() {
      for (let level = 1; levelWidth(size, level) > 0; level += 1) {
        const count = levelWidth(size, level);
        if (count % tileWidth !== 0) await compareTile(level, Math.floor(count / tileWidth));
      }
    },
  };
}

async function readBundle(
  folder: string,
  index: number,
  width: number,
  problems: ProblemList,
): Promise<readonly Uint8Array[] | undefined> {
  const path = bundlePath(index, width);
  const range = { path, from: index * tileWidth, to: index * tileWidth + width };
  const bytes = await readOrReport(folder, range, problems);
  if (bytes === undefined) return undefined;
  const leaves = decodeEntries(bytes);
  if (leaves?.length === width) return leaves;
  const found = leaves === undefined ? "a leaf that is cut off" : `${leaves.length} leaves`;
  const from = range.from + (await firstOther(folder, index, width, leaves ?? []));
  problems.add({ code: "file_malformed", ...range, from, reason: `the bundle has ${found} and not ${width} leaves` });
  return undefined;
}

/** The place of the first leaf that is not where its hash is. */
async function firstOther(
  folder: string,
  index: number,
  width: number,
  leaves: readonly Uint8Array[],
): Promise<number> {
  const hashes = await readFile(join(folder, tilePath({ level: 0, index, width }))).catch(() => Buffer.alloc(0));
  const place = leaves.findIndex(
    (leaf, at) => !isSameHash(leafHash(leaf), hashes.subarray(at * hashLength, (at + 1) * hashLength)),
  );
  return place < 0 ? Math.min(leaves.length, width - 1) : place;
}

async function readHashes(
  folder: string,
  level: number,
  index: number,
  width: number,
  problems: ProblemList,
): Promise<Uint8Array | undefined> {
  const path = tilePath({ level, index, width });
  const span = tileWidth ** level;
  const range = { path, from: index * tileWidth * span, to: (index * tileWidth + width) * span };
  const bytes = await readOrReport(folder, range, problems);
  if (bytes === undefined || bytes.length === width * hashLength) return bytes;
  problems.add({
    code: "file_malformed",
    ...range,
    reason: `the tile has ${bytes.length} bytes instead of ${width * hashLength}`,
  });
  return undefined;
}

async function readOrReport(
  folder: string,
  range: { readonly path: string; readonly from: number; readonly to: number },
  problems: ProblemList,
): Promise<Buffer | undefined> {
  try {
    return await readFile(join(folder, range.path));
  } catch (error) {
    if (!isMissing(error)) throw error;
    problems.add({ code: "file_missing", ...range, reason: "the file is not there" });
    return undefined;
  }
}
