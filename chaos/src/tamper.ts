import { createHash } from "node:crypto";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleOf, readBundle, signedSize, writeBundle } from "./audit-files.ts";

/** What somebody with access to the files may do to a log. */
export interface Tampering {
  readonly name: string;
  /** Changes the log in this folder. @returns the leaf that is wrong from then on */
  readonly apply: (folder: string, random: () => number) => number;
}

const hashBytes = 32;

function pick(folder: string, random: () => number, least = 0) {
  const size = signedSize(folder);
  const leaf = least + Math.floor(random() * (size - least));
  return { leaf, size, ...bundleOf(folder, leaf, size) };
}

/** A letter within the leaf's text becomes another: still JSON, still as long. */
function edited(leaf: Buffer, random: () => number): Buffer {
  const copy = Buffer.from(leaf);
  const places = [...copy.keys()].filter((at) => /[0-9]/.test(String.fromCharCode(copy[at] ?? 0)));
  const at = places[Math.floor(random() * places.length)] ?? 0;
  copy[at] = copy[at] === 0x31 ? 0x32 : 0x31;
  return copy;
}

const edit: Tampering = {
  name: "a leaf edited",
  apply(folder, random) {
    const { leaf, path, at } = pick(folder, random);
    const leaves = readBundle(folder, path);
    writeBundle(folder, path, leaves.with(at, edited(leaves[at] ?? Buffer.alloc(0), random)));
    return leaf;
  },
};

const editWithHash: Tampering = {
  name: "a leaf edited, its hash made anew",
  apply(folder, random) {
    const { leaf, path, at } = pick(folder, random);
    const leaves = readBundle(folder, path);
    const forged = edited(leaves[at] ?? Buffer.alloc(0), random);
    writeBundle(folder, path, leaves.with(at, forged));
    const tilePath = join(folder, path.replace("tile/entries/", "tile/0/"));
    const tile = readFileSync(tilePath);
    createHash("sha256")
      .update(Uint8Array.of(0))
      .update(forged)
      .digest()
      .copy(tile, at * hashBytes);
    writeFileSync(tilePath, tile);
    return leaf;
  },
};

const drop: Tampering = {
  name: "a leaf dropped",
  apply(folder, random) {
    const { leaf, path, at } = pick(folder, random);
    writeBundle(folder, path, readBundle(folder, path).toSpliced(at, 1));
    return leaf;
  },
};

const reorder: Tampering = {
  name: "two leaves in the wrong order",
  apply(folder, random) {
    const { leaf, path, at } = pick(folder, random, 1);
    const leaves = readBundle(folder, path);
    // the first one of a file changes places with the one behind it
    const [one, other] = at === 0 ? [0, 1] : [at - 1, at];
    const [first, second] = [leaves[one], leaves[other]];
    if (first === undefined || second === undefined) return edit.apply(folder, random);
    writeBundle(folder, path, leaves.with(one, second).with(other, first));
    return at === 0 ? leaf : leaf - 1;
  },
};

const insert: Tampering = {
  name: "a leaf put in",
  apply(folder, random) {
    const { leaf, path, at } = pick(folder, random);
    const leaves = readBundle(folder, path);
    writeBundle(folder, path, leaves.toSpliced(at, 0, edited(leaves[at] ?? Buffer.alloc(0), random)));
    return leaf;
  },
};

const tear: Tampering = {
  name: "the last file of leaves cut off",
  apply(folder, random) {
    const size = signedSize(folder);
    const { path } = bundleOf(folder, size - 1, size);
    const bytes = readFileSync(join(folder, path));
    const cut = 1 + Math.floor(random() * (bytes.length - 1));
    const whole = readBundle(folder, path);
    writeFileSync(join(folder, path), bytes.subarray(0, cut));
    let [end, kept] = [0, 0];
    for (const leaf of whole) {
      end += 2 + leaf.length;
      if (end <= cut) kept += 1;
    }
    return size - whole.length + kept;
  },
};

export const tamperings: readonly Tampering[] = [edit, editWithHash, drop, reorder, insert, tear];

/** The whole log as it was at an earlier time. */
export function rollBack(folder: string, earlier: string): void {
  rmSync(folder, { recursive: true });
  cpSync(earlier, folder, { recursive: true });
}
