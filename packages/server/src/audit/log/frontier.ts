import { emptyRoot, nodeHash } from "./tree-hash.js";

/** A perfect subtree: all of its 2^`level` leaves are there. */
interface Subtree {
  readonly level: number;
  readonly hash: Uint8Array;
}

/**
 * All that has to be known of a tree to append to it: its perfect subtrees, the largest first. At most one for each bit
 * of the size.
 */
export interface Frontier {
  readonly size: number;
  readonly subtrees: readonly Subtree[];
}

/** The tree without leaves. */
export const emptyFrontier: Frontier = { size: 0, subtrees: [] };

/** Told each node that an append completes, its leaf hash among them (level 0). */
export type OnNode = (level: number, hash: Uint8Array) => void;

/** A frontier that is appended to in place. */
export interface GrowingFrontier {
  readonly size: () => number;
  push(leafHash: Uint8Array): void;
  root(): Uint8Array;
  /** What it is now, unmoved by later appends. */
  snapshot(): Frontier;
}

/** Goes on from `from`, which stays as it is. */
export function growFrontier(from: Frontier, onNode: OnNode = () => {}): GrowingFrontier {
  const subtrees = [...from.subtrees];
  let { size } = from;
  return {
    size: () => size,
    push(hash) {
      let node: Subtree = { level: 0, hash };
      onNode(0, hash);
      for (let last = subtrees.at(-1); last?.level === node.level; last = subtrees.at(-1)) {
        subtrees.pop();
        node = { level: node.level + 1, hash: nodeHash(last.hash, node.hash) };
        onNode(node.level, node.hash);
      }
      subtrees.push(node);
      size += 1;
    },
    root: () => rootOf(subtrees),
    snapshot: () => ({ size, subtrees: [...subtrees] }),
  };
}

/** Root of the tree (RFC 6962 section 2.1): the subtrees folded from the right. */
export function rootOf(subtrees: readonly Subtree[]): Uint8Array {
  let root = subtrees.at(-1)?.hash;
  if (root === undefined) return emptyRoot;
  for (let index = subtrees.length - 2; index >= 0; index -= 1) {
    const left = subtrees[index];
    if (left !== undefined) root = nodeHash(left.hash, root);
  }
  return root;
}

/** Levels and places of the perfect subtrees of leaves `from` to `to`, left to right. `from` must be where one can begin. */
export function perfectSubtrees(
  from: number,
  to: number,
): readonly { readonly level: number; readonly index: number }[] {
  const found = [];
  for (let at = from; at < to; ) {
    let level = 0;
    while (at % 2 ** (level + 1) === 0 && at + 2 ** (level + 1) <= to) level += 1;
    found.push({ level, index: at / 2 ** level });
    at += 2 ** level;
  }
  return found;
}
