import { perfectSubtrees } from "./frontier.js";
import { emptyRoot, isSameHash, nodeHash } from "./tree-hash.js";

/** Reads the hash of the perfect subtree of 2^`level` leaves at place `index` of its level. */
export type ReadNode = (level: number, index: number) => Promise<Uint8Array>;

/** The largest power of two below `size`. */
function split(size: number): number {
  let half = 1;
  while (half * 2 < size) half *= 2;
  return half;
}

async function rangeRoot(readNode: ReadNode, from: number, to: number): Promise<Uint8Array> {
  const hashes = [];
  for (const { level, index } of perfectSubtrees(from, to)) hashes.push(await readNode(level, index));
  const last = hashes.pop();
  if (last === undefined) return emptyRoot;
  return hashes.reduceRight((right, left) => nodeHash(left, right), last);
}

/**
 * The root of the first `size` leaves.
 * @throws what `readNode` throws
 */
export function treeRoot(readNode: ReadNode, size: number): Promise<Uint8Array> {
  return rangeRoot(readNode, 0, size);
}

/**
 * Inclusion proof of leaf `index` in the tree of `size` leaves, from the leaf's sibling upwards (RFC 6962 section
 * 2.1.1). At most one hash for each level.
 * @throws RangeError when there is no such leaf
 */
export async function inclusionProof(readNode: ReadNode, index: number, size: number): Promise<readonly Uint8Array[]> {
  if (!isWhole(index) || !isWhole(size) || index >= size) throw new RangeError("There is no such leaf in this tree.");
  const proof: Uint8Array[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + split(to - from);
    if (index < middle) {
      proof.unshift(await rangeRoot(readNode, middle, to));
      to = middle;
    } else {
      proof.unshift(await rangeRoot(readNode, from, middle));
      from = middle;
    }
  }
  return proof;
}

/**
 * Consistency proof from the tree of `from` leaves to the one of `to` leaves (RFC 6962 section 2.1.2). Empty when one of
 * them is empty or they are one tree.
 * @throws RangeError when `from` is larger than `to`
 */
export async function consistencyProof(readNode: ReadNode, from: number, to: number): Promise<readonly Uint8Array[]> {
  if (!isWhole(from) || !isWhole(to) || from > to) throw new RangeError("These trees cannot follow on each other.");
  if (from === 0 || from === to) return [];
  const proof: Uint8Array[] = [];
  let start = 0;
  let end = to;
  let isWholeOld = true;
  while (from !== end) {
    const middle = start + split(end - start);
    if (from <= middle) {
      proof.unshift(await rangeRoot(readNode, middle, end));
      end = middle;
    } else {
      proof.unshift(await rangeRoot(readNode, start, middle));
      start = middle;
      isWholeOld = false;
    }
  }
  if (!isWholeOld) proof.unshift(await rangeRoot(readNode, start, end));
  return proof;
}

/** What an inclusion proof is about. */
export interface InclusionClaim {
  readonly leafHash: Uint8Array;
  readonly index: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether the leaf is at that place of the tree with that root (RFC 9162 section 2.1.3.2). */
export function isIncluded({ leafHash, index, size, root, proof }: InclusionClaim): boolean {
  if (!isWhole(index) || !isWhole(size) || index >= size) return false;
  let place = index;
  let last = size - 1;
  let hash = leafHash;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      hash = nodeHash(sibling, hash);
      while (place % 2 === 0 && place !== 0) {
        place = half(place);
        last = half(last);
      }
    } else {
      hash = nodeHash(hash, sibling);
    }
    place = half(place);
    last = half(last);
  }
  return last === 0 && isSameHash(hash, root);
}

/** What a consistency proof is about. */
export interface ConsistencyClaim {
  readonly fromSize: number;
  readonly fromRoot: Uint8Array;
  readonly toSize: number;
  readonly toRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether the smaller tree is the beginning of the larger one (RFC 9162 section 2.1.4.2). */
export function isConsistent({ fromSize, fromRoot, toSize, toRoot, proof }: ConsistencyClaim): boolean {
  if (!isWhole(fromSize) || !isWhole(toSize) || fromSize > toSize) return false;
  if (fromSize === toSize) return proof.length === 0 && isSameHash(fromRoot, toRoot);
  if (fromSize === 0) return proof.length === 0 && isSameHash(fromRoot, emptyRoot);
  let place = fromSize - 1;
  let last = toSize - 1;
  while (place % 2 === 1) {
    place = half(place);
    last = half(last);
  }
  const path = [...proof];
  const first = place === 0 ? fromRoot : path.shift();
  if (first === undefined) return false;
  let older = first;
  let newer = first;
  for (const sibling of path) {
    if (last === 0) return false;
    if (place % 2 === 1 || place === last) {
      older = nodeHash(sibling, older);
      newer = nodeHash(sibling, newer);
      while (place % 2 === 0 && place !== 0) {
        place = half(place);
        last = half(last);
      }
    } else {
      newer = nodeHash(newer, sibling);
    }
    place = half(place);
    last = half(last);
  }
  return last === 0 && isSameHash(older, fromRoot) && isSameHash(newer, toRoot);
}

const half = (value: number): number => Math.floor(value / 2);
const isWhole = (value: number): boolean => Number.isSafeInteger(value) && value >= 0;
