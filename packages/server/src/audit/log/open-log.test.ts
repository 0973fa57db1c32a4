import { generateKeyPairSync, sign } from "node:crypto";
import { expect, it } from "vitest";
import { checkpointSignature, parseCheckpoint } from "./checkpoint.js";
import { testSigner } from "../../../test/audit-kit.js";
import { emptyFrontier, growFrontier } from "./frontier.js";
import { memoryStorage } from "./memory-storage.double.js";
import { signatureTypes, verifierKeyOf } from "./note.js";
import { openLog } from "./open-log.js";
import { leafHash } from "./tree-hash.js";
import { isConsistent, isIncluded } from "./tree-proof.js";

const origin = "log.example/audit";
const leafAt = (index: number) => Buffer.from(`leaf ${index}`);

function rootsOf(count: number): readonly string[] {
  const tree = growFrontier(emptyFrontier);
  const roots = [Buffer.from(tree.root()).toString("hex")];
  for (let index = 0; index < count; index += 1) {
    tree.push(leafHash(leafAt(index)));
    roots.push(Buffer.from(tree.root()).toString("hex"));
  }
  return roots;
}

it("R099: appended in whatever portions, it is the same tree, and every proof verifies", async () => {
  const storage = memoryStorage();
  const total = 66_200;
  const roots = rootsOf(total);
  const signer = testSigner(origin, "one");
  let size = 0;
  for (const portion of [1, 1, 2, 250, 1, 1, 1, 300, 255, 256, 257, 64_400, 473, 2]) {
    // opened anew each time: nothing lives in memory alone
    const log = openLog({ storage, origin, signer });
    const leaves = Array.from({ length: portion }, (_, index) => leafAt(size + index));
    expect(await log.append(leaves)).toEqual({ firstIndex: size, size: size + portion });
    size += portion;
    expect(Buffer.from((await storage.head()).root).toString("hex")).toBe(roots[size]);
    const { note } = await log.checkpoint();
    const checkpoint = parseCheckpoint(note);
    expect(checkpoint?.size).toBe(size);
  }
  expect(size).toBe(total);
  const log = openLog({ storage, origin, signer });
  const root = Buffer.from(roots[total] ?? "", "hex");
  for (const index of [0, 1, 255, 256, 65_535, 65_536, total - 1]) {
    const proof = await log.proveInclusion(index);
    expect(isIncluded({ leafHash: leafHash(leafAt(index)), index, size: total, root, proof })).toBe(true);
  }
  for (const from of [1, 2, 255, 256, 257, 65_536, total - 1, total]) {
    const fromRoot = Buffer.from(roots[from] ?? "", "hex");
    const proof = await log.proveConsistency(from, total);
    expect(isConsistent({ fromSize: from, fromRoot, toSize: total, toRoot: root, proof })).toBe(true);
  }
});

it("signs what it is, once for each size, with the key it has now", async () => {
  const storage = memoryStorage();
  const [first, second] = [testSigner(origin, "one"), testSigner(origin, "two")];
  let signer = first;
  const log = openLog({ storage, origin, signer: async () => signer });
  await log.append([leafAt(0)]);
  const one = await log.checkpoint();
  expect(await log.checkpoint()).toEqual(one);
  signer = second;
  await log.append([leafAt(1)]);
  const two = await log.checkpoint();
  const keys = [first, second].map(({ publicKey }) => verifierKeyOf(origin, signatureTypes.ed25519, publicKey));
  for (const [kept, key] of [
    [one, keys[0]],
    [two, keys[1]],
  ] as const) {
    const parsed = parseCheckpoint(kept.note);
    if (parsed === undefined || key === undefined) throw new Error("no checkpoint");
    expect(checkpointSignature(parsed, keys)).toEqual({ state: "signed", by: [key] });
    expect(checkpointSignature(parsed, [])).toEqual({ state: "unknown_key", by: [] });
  }
});

it("signs nothing when what is stored no longer goes on from the last checkpoint", async () => {
  const storage = memoryStorage();
  const log = openLog({ storage, origin, signer: testSigner(origin, "one") });
  await log.append([leafAt(0), leafAt(1)]);
  await log.checkpoint();
  const other = memoryStorage();
  const rewritten = openLog({
    storage: { ...other, latestCheckpoint: storage.latestCheckpoint },
    origin,
    signer: testSigner(origin, "one"),
  });
  await rewritten.append([leafAt(0)]);
  await expect(rewritten.checkpoint()).rejects.toMatchObject({ code: "store_unavailable" });
  await rewritten.append([leafAt(7), leafAt(8)]);
  await expect(rewritten.checkpoint()).rejects.toMatchObject({ code: "store_unavailable" });
});

it("refuses a signer that signs with another key than it names", async () => {
  const other = generateKeyPairSync("ed25519");
  const signer = {
    ...testSigner(origin, "one"),
    sign: async (bytes: Uint8Array) => sign(null, bytes, other.privateKey),
  };
  const log = openLog({ storage: memoryStorage(), origin, signer });
  await log.append([leafAt(0)]);
  await expect(log.checkpoint()).rejects.toThrow("did not sign with the key it names");
});

it("of two that append at once from one head one is refused, and leaves that are too long always", async () => {
  const storage = memoryStorage();
  const signer = testSigner(origin, "one");
  const [one, two] = [openLog({ storage, origin, signer }), openLog({ storage, origin, signer })];
  const results = await Promise.allSettled([one.append([leafAt(0)]), two.append([leafAt(1)])]);
  expect(results.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  await expect(one.append([new Uint8Array(65_536)])).rejects.toThrow(RangeError);
  expect(await two.append([leafAt(1)])).toEqual({ firstIndex: 1, size: 2 });
});
