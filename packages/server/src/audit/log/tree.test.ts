import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { emptyFrontier, growFrontier, perfectSubtrees } from "./frontier.js";
import { emptyRoot, leafHash } from "./tree-hash.js";
import { consistencyProof, inclusionProof, isConsistent, isIncluded, type ReadNode, treeRoot } from "./tree-proof.js";

const bytes = (hex: string): Uint8Array => Buffer.from(hex, "hex");
const hex = (hash: Uint8Array): string => Buffer.from(hash).toString("hex");

/** The tree as RFC 6962 section 2.1 words it: no tiles, no state, no cleverness. */
function naiveRoot(leaves: readonly Uint8Array[]): Uint8Array {
  const sha = (...parts: readonly Uint8Array[]) => createHash("sha256").update(Buffer.concat(parts)).digest();
  const [only] = leaves;
  if (only === undefined) return sha();
  if (leaves.length === 1) return sha(bytes("00"), only);
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  return sha(bytes("01"), naiveRoot(leaves.slice(0, half)), naiveRoot(leaves.slice(half)));
}
const nodesIn =
  (leaves: readonly Uint8Array[]): ReadNode =>
  async (level, index) =>
    naiveRoot(leaves.slice(index * 2 ** level, (index + 1) * 2 ** level));
const numbered = (count: number) => Array.from({ length: count }, (_, index) => Buffer.from(`leaf ${index}`));

describe("R099: the vectors of the reference implementation of RFC 6962", () => {
  const leaves = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
  const roots = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
  ];
  const nodes = nodesIn(leaves.map(bytes));

  it("gives their roots, leaf by leaf", () => {
    const tree = growFrontier(emptyFrontier);
    const seen = [hex(tree.root())];
    for (const leaf of leaves) {
      tree.push(leafHash(bytes(leaf)));
      seen.push(hex(tree.root()));
    }
    expect(seen).toEqual(roots);
    expect(hex(emptyRoot)).toBe(roots[0]);
  });

  it("gives their proofs", async () => {
    expect((await inclusionProof(nodes, 5, 8)).map(hex)).toEqual([
      "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    expect((await consistencyProof(nodes, 6, 8)).map(hex)).toEqual([
      "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
      "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]);
    expect(await inclusionProof(nodes, 0, 1)).toEqual([]);
  });
});

describe("against the naive model", () => {
  it("has its root at every size", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 70 }), (leaves) => {
        const tree = growFrontier(emptyFrontier);
        for (const leaf of leaves) tree.push(leafHash(leaf));
        const snapshot = tree.snapshot();
        expect(hex(tree.root())).toBe(hex(naiveRoot(leaves)));
        expect(snapshot.subtrees.length).toBe([...leaves.length.toString(2)].filter((bit) => bit === "1").length);
      }),
    );
  });

  it("its inclusion proofs verify for their leaf, place, size and root, and for nothing else", async () => {
    const cases = fc.integer({ min: 1, max: 80 }).chain((size) => fc.tuple(fc.constant(size), fc.nat(size - 1)));
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(31), async ([size, index], byte) => {
        const leaves = numbered(size);
        const proof = await inclusionProof(nodesIn(leaves), index, size);
        const claim = { leafHash: leafHash(leaves[index] ?? bytes("")), index, size, root: naiveRoot(leaves), proof };
        expect(isIncluded(claim)).toBe(true);
        expect(proof.length).toBeLessThanOrEqual(Math.ceil(Math.log2(size)));
        expect(isIncluded({ ...claim, root: flip(claim.root, byte) })).toBe(false);
        expect(isIncluded({ ...claim, leafHash: flip(claim.leafHash, byte) })).toBe(false);
        expect(isIncluded({ ...claim, proof: [...proof, claim.root] })).toBe(false);
        expect(isIncluded({ ...claim, index: size })).toBe(false);
        for (let other = 0; other < size; other += 1)
          if (other !== index) expect(isIncluded({ ...claim, index: other })).toBe(false);
        for (let at = 0; at < proof.length; at += 1) {
          expect(isIncluded({ ...claim, proof: proof.toSpliced(at, 1) })).toBe(false);
          expect(isIncluded({ ...claim, proof: proof.with(at, flip(proof[at] ?? claim.root, byte)) })).toBe(false);
        }
      }),
    );
  });

  it("its consistency proofs verify for their two trees, and for nothing else", async () => {
    const cases = fc.integer({ min: 0, max: 80 }).chain((to) => fc.tuple(fc.nat(to), fc.constant(to)));
    await fc.assert(
      fc.asyncProperty(cases, fc.nat(31), async ([fromSize, toSize], byte) => {
        const leaves = numbered(toSize);
        const proof = await consistencyProof(nodesIn(leaves), fromSize, toSize);
        const [fromRoot, toRoot] = [naiveRoot(leaves.slice(0, fromSize)), naiveRoot(leaves)];
        const claim = { fromSize, fromRoot, toSize, toRoot, proof };
        expect(isConsistent(claim)).toBe(true);
        expect(isConsistent({ ...claim, fromRoot: flip(fromRoot, byte) })).toBe(false);
        if (fromSize > 0) expect(isConsistent({ ...claim, toRoot: flip(toRoot, byte) })).toBe(false);
        expect(isConsistent({ ...claim, proof: [...proof, toRoot] })).toBe(false);
        for (let at = 0; at < proof.length; at += 1) {
          expect(isConsistent({ ...claim, proof: proof.toSpliced(at, 1) })).toBe(false);
          expect(isConsistent({ ...claim, proof: proof.with(at, flip(proof[at] ?? toRoot, byte)) })).toBe(false);
        }
      }),
    );
  });

  it("takes a range apart into what lies in tiles", async () => {
    expect(perfectSubtrees(0, 7)).toEqual([
      { level: 2, index: 0 },
      { level: 1, index: 2 },
      { level: 0, index: 6 },
    ]);
    expect(hex(await treeRoot(nodesIn(numbered(77)), 77))).toBe(hex(naiveRoot(numbered(77))));
  });

  it("refuses proofs of what is not there", async () => {
    await expect(inclusionProof(nodesIn([]), 0, 0)).rejects.toThrow(RangeError);
    await expect(inclusionProof(nodesIn([]), -1, 4)).rejects.toThrow(RangeError);
    await expect(consistencyProof(nodesIn([]), 3, 2)).rejects.toThrow(RangeError);
  });
});

function flip(hash: Uint8Array, at: number): Uint8Array {
  const copy = Buffer.from(hash);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}
