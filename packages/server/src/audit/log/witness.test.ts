import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testSigner } from "../../../test/audit-kit.js";
import { askWitness } from "./ask-witness.js";
import { parseCheckpoint } from "./checkpoint.js";
import { exportLog } from "./export-log.js";
import { fileStorage } from "./file-storage.js";
import { findLeaf, readLeaf } from "./find-leaf.js";
import type { LogStorage } from "./log-storage.js";
import { memoryStorage } from "./memory-storage.double.js";
import { formatVerifierKey, parseVerifierKey, signatureTypes, verifierKeyOf } from "./note.js";
import { openLog } from "./open-log.js";
import { parseProof, verifyProof } from "./proof-file.js";
import { proveLeaf } from "./prove-leaf.js";
import { parseTrustedKeys } from "./trusted-keys.js";
import { verifyLog } from "./verify-log.js";
import { parseWitnessRequest, witnessHandler } from "./witness.js";
import { witnessFolder } from "./witness-files.js";
import { parseWitnessPolicy } from "./witness-policy.js";

const origin = "log.example/audit";
const signer = testSigner(origin, "one");
const logKey = verifierKeyOf(origin, signatureTypes.ed25519, signer.publicKey);
const keys = [{ key: logKey }];
const witnessSigner = testSigner("witness.example/w", "w");
const witnessKey = verifierKeyOf(witnessSigner.keyName, signatureTypes.cosignature, witnessSigner.publicKey);
const nowMs = 1_700_000_000_000;
const leafAt = (index: number) => Buffer.from(`{"event":{"id":"e-${index}","time":"2026-01-01T00:00:00.000Z"},"v":1}`);
const leaves = (from: number, count: number) => Array.from({ length: count }, (_, place) => leafAt(from + place));

let folder: string;
let storage: LogStorage;
let log: ReturnType<typeof openLog>;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "segno-witness-"));
  storage = memoryStorage();
  log = openLog({ storage, origin, signer });
});
afterEach(() => rmSync(folder, { recursive: true }));

async function withWitness(
  work: (fetch: typeof globalThis.fetch, place: Awaited<ReturnType<typeof witnessFolder>>) => Promise<void>,
) {
  const state = await witnessFolder(join(folder, "witness"));
  const handle = witnessHandler({ keys, signer: witnessSigner, state, clock: { nowMs: () => nowMs } });
  try {
    await work(async (url, init) => await handle(new Request(url, { ...init, redirect: "follow" })), state);
  } finally {
    state.close();
  }
}
const address = { url: "http://witness.example", key: witnessKey };

describe("a witness (C2SP tlog-witness)", () => {
  it("cosigns a log that grows, over restarts, and remembers size and root alone", async () => {
    for (const count of [3, 0, 250, 700]) {
      await log.append(leaves(await log.size(), count));
      await log.checkpoint();
      await withWitness(async (fetch, state) => {
        const { note, size } = await askWitness(storage, address, fetch);
        expect(await state.latest(origin)).toContain(note.split("\n").at(-2));
        expect((await state.read(origin))?.size).toBe(size);
        const known = await (await fetch(`http://w/latest?origin=${encodeURIComponent(origin)}`)).text();
        expect(parseCheckpoint(known)?.size).toBe(size);
      });
    }
    const latest = await storage.latestCheckpoint();
    const policy = parseWitnessPolicy(`witness w ${formatVerifierKey(witnessKey)}\nquorum w\n`);
    const proof = await proveLeaf(storage, 5, leafAt(5));
    expect(verifyProof(proof, { keys, policy })).toMatchObject({ ok: true, witnesses: [{ name: "w", atMs: nowMs }] });
    expect(latest?.note.match(/\u2014 /g)).toHaveLength(2);
  });

  it("refuses a rollback and a fork, whatever proof they bring", async () => {
    await log.append(leaves(0, 20));
    await log.checkpoint();
    const forked = memoryStorage();
    const fork = openLog({ storage: forked, origin, signer });
    await fork.append(leaves(1, 10));
    await fork.checkpoint();
    await withWitness(async (fetch) => {
      await askWitness(storage, address, fetch);
      await expect(askWitness(forked, address, fetch)).rejects.toThrow("rolled back");
      await fork.append(leaves(11, 10));
      await fork.checkpoint();
      await expect(askWitness(forked, address, fetch)).rejects.toThrow("forked");
      await fork.append(leaves(21, 10));
      await fork.checkpoint();
      await expect(askWitness(forked, address, fetch)).rejects.toThrow("forked");
      // and is there for the log as it was
      await log.append(leaves(20, 1));
      await log.checkpoint();
      await askWitness(storage, address, fetch);
    });
  });

  it("of 50 that ask at once for different trees it cosigns one", async () => {
    await withWitness(async (fetch) => {
      const results = await Promise.allSettled(
        Array.from({ length: 50 }, async (_, index) => {
          const own = memoryStorage();
          const other = openLog({ storage: own, origin, signer });
          await other.append([leafAt(index)]);
          await other.checkpoint();
          return await askWitness(own, address, fetch);
        }),
      );
      expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    });
  });

  it("answers as the protocol says", async () => {
    await log.append(leaves(0, 4));
    const { note } = await log.checkpoint();
    await withWitness(async (fetch) => {
      const post = async (body: string) => {
        const answer = await fetch("http://w/add-checkpoint", { method: "POST", body });
        return [answer.status, answer.headers.get("content-type"), await answer.text()];
      };
      const foreign = openLog({ storage: memoryStorage(), origin, signer: testSigner(origin, "two") });
      await foreign.append(leaves(0, 1));
      const unknown = openLog({ storage: memoryStorage(), origin: "other/log", signer: testSigner("other/log", "x") });
      await unknown.append(leaves(0, 1));
      expect((await post(`old 0\n\n${(await foreign.checkpoint()).note}`))[0]).toBe(403);
      expect((await post(`old 0\n\n${(await unknown.checkpoint()).note}`))[0]).toBe(404);
      expect((await post(`old 5\n\n${note}`))[0]).toBe(400);
      expect(await post(`old 1\n\n${note}`)).toEqual([409, "text/x.tlog.size", "0\n"]);
      expect((await post(`old 0\n\n${note}`))[0]).toBe(200);
      expect(await post(`old 0\n\n${note}`)).toEqual([409, "text/x.tlog.size", "4\n"]);
      expect((await post(`old 4\nAAAA\n\n${note}`))[0]).toBe(400);
      expect((await post(`old 4\n${Buffer.alloc(32).toString("base64")}\n\n${note}`))[0]).toBe(422);
      expect((await post("old 01\n\n"))[0]).toBe(400);
      expect((await post("x".repeat(200_000)))[0]).toBe(400);
      expect((await fetch("http://w/latest?origin=nothing")).status).toBe(404);
      expect((await fetch("http://w/add-checkpoint")).status).toBe(405);
    });
    expect(parseWitnessRequest("")).toBeUndefined();
  });

  it("is one process at a time", async () => {
    await withWitness(async () => {
      await expect(witnessFolder(join(folder, "witness"))).rejects.toMatchObject({ code: "conflict" });
    });
  });
});

describe("what leaves the store", () => {
  it("exports a log into files, and later the rest of it", async () => {
    const target = join(folder, "out");
    for (const count of [10, 5_000, 1]) {
      await log.append(leaves(await log.size(), count));
      await log.checkpoint();
      expect(await exportLog(storage, target)).toEqual({ size: await log.size(), added: count, checkpoints: 1 });
      expect(await verifyLog(target, { keys })).toMatchObject({ ok: true, size: await log.size() });
    }
    const other = memoryStorage();
    const fork = openLog({ storage: other, origin, signer });
    await fork.append(leaves(1, 6_000));
    await expect(exportLog(other, target)).rejects.toMatchObject({ code: "conflict" });
    const files = await fileStorage(target, { isWritable: false });
    expect(await findLeaf(files, "e-17")).toEqual({ index: 17, leaf: leafAt(17) });
    expect(await findLeaf(files, "e-9999")).toBeUndefined();
    expect(await readLeaf(files, 5_010)).toEqual(leafAt(5_010));
    expect(await readLeaf(files, 5_011)).toBeUndefined();
  });

  it("R099: a proof verifies alone, and no other does", async () => {
    await log.append(leaves(0, 300));
    await expect(proveLeaf(storage, 5, leafAt(5))).rejects.toMatchObject({ code: "not_found" });
    await log.checkpoint();
    const text = await proveLeaf(storage, 299, leafAt(299));
    expect(verifyProof(text, { keys })).toMatchObject({ ok: true, index: 299, leaf: leafAt(299) });
    expect(verifyProof(text, { keys, leaf: leafAt(298) })).toMatchObject({ ok: false });
    const foreign = verifierKeyOf(origin, 1, testSigner(origin, "two").publicKey);
    expect(verifyProof(text, { keys: [{ key: foreign }] })).toMatchObject({
      reason: expect.stringContaining("unknown key"),
    });
    expect(verifyProof(text, { keys: [{ key: logKey, untilSize: 299 }] }).ok).toBe(false);
    const policy = parseWitnessPolicy(`witness w ${formatVerifierKey(witnessKey)}\nquorum w\n`);
    expect(verifyProof(text, { keys, policy })).toMatchObject({
      reason: expect.stringContaining("witnesses are missing"),
    });
    for (let at = 0; at < text.length; at += 7) {
      const changed = `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
      expect(verifyProof(changed, { keys }).ok, `character ${at}`).toBe(false);
    }
    for (const broken of ["", "x", text.slice(0, 50), text.replace("index 299", "index 0299")])
      expect(parseProof(broken)).toBeUndefined();
  });
});

describe("what is typed by hand", () => {
  const key = formatVerifierKey(logKey);
  const cosigner = formatVerifierKey(witnessKey);
  it.each([
    ["", "names no key"],
    ["hello", "line 1"],
    [key.replace("+", "x+"), "mistyped"],
    [`${key} since=3`, "from=SIZE"],
    [cosigner, "belongs into the policy"],
  ])("refuses a file of keys: %s", (text, reason) => {
    expect(() => parseTrustedKeys(text)).toThrow(reason);
  });
  it.each([
    ["", "quorum NAME"],
    ["quorum w", "not defined"],
    [`witness w ${key}\nquorum w`, "type 4"],
    [`log ${cosigner}\nquorum none`, "type 4"],
    [`witness w ${cosigner}\nwitness v ${cosigner}\nquorum w`, "there already"],
    [`witness w ${cosigner}\ngroup g 2 w\nquorum g`, "number of its members"],
    [`witness w ${cosigner}\ngroup g any w\ngroup h any w\nquorum h`, "counts in a group already"],
    [`witness none ${cosigner}\nquorum none`, "cannot be given again"],
    [`quorum none\nquorum none`, "one quorum"],
    [`quorum none\nwitnesses`, "begins with"],
    ["quorum none\u0000", "is text"],
  ])("refuses a policy: %s", (text, reason) => {
    expect(() => parseWitnessPolicy(text)).toThrow(reason);
  });
  it("reads back what it writes", () => {
    expect(parseVerifierKey(key)).toEqual(logKey);
    expect(parseWitnessPolicy(`log ${key} https://x\n# a comment\n\t quorum \t none \n`).logs).toEqual([logKey]);
  });
});
