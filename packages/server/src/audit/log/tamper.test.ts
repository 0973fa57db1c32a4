import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { testSigner } from "../../../test/audit-kit.js";
import { canonicalJson } from "./canonical-json.js";
import { parseCheckpoint, signCheckpoint } from "./checkpoint.js";
import { cosign } from "./cosignature.js";
import { decodeEntries, encodeEntries } from "./entry-bundle.js";
import { fileStorage } from "./file-storage.js";
import { formatVerifierKey, signatureTypes, verifierKeyOf } from "./note.js";
import { openLog } from "./open-log.js";
import { parseTrustedKeys } from "./trusted-keys.js";
import { type LogReport, verifyLog, type VerifyLogOptions } from "./verify-log.js";
import { parseWitnessPolicy } from "./witness-policy.js";

const origin = "log.example/audit";
const total = 500;
const bornMs = Date.parse("2026-01-01T00:00:00Z");
const signer = testSigner(origin, "the log's");
const [oldSigner, foreignSigner] = [testSigner(origin, "before"), testSigner(origin, "somebody else's")];
const keyText = (who: typeof signer) =>
  formatVerifierKey(verifierKeyOf(who.keyName, signatureTypes.ed25519, who.publicKey));
const keys = parseTrustedKeys(`# keys\n${keyText(oldSigner)} until=100\n${keyText(signer)} from=100\n`);
const witnesses = ["w1", "w2", "w3"].map((name) => testSigner(`witness.example/${name}`, name));
const policy = parseWitnessPolicy(
  [
    ...witnesses.map((who, index) => {
      const key = verifierKeyOf(who.keyName, signatureTypes.cosignature, who.publicKey);
      return `witness w${index + 1} ${formatVerifierKey(key)}`;
    }),
    "group seen 2 w1 w2 w3",
    "quorum seen",
  ].join("\n"),
);

const leafAt = (index: number, ms = bornMs + index * 1000) =>
  Buffer.from(
    canonicalJson({ event: { id: `e${index}`, time: new Date(ms).toISOString(), type: "login.success" }, v: 1 }),
  );

/** A log of `size` leaves in files, with checkpoints on the way. */
async function write(folder: string, size: number, leaf: (index: number) => Uint8Array = leafAt, by = signer) {
  const storage = await fileStorage(folder);
  for (let at = 0; at < size; ) {
    const log = openLog({ storage, origin, signer: at < 100 && by === signer ? oldSigner : by });
    const count = Math.min(at < 300 ? 50 : 73, size - at);
    await log.append(Array.from({ length: count }, (_, place) => leaf(at + place)));
    at += count;
    await log.checkpoint();
  }
  await storage.close();
}

let original: string;
let folder: string;
beforeAll(async () => {
  original = mkdtempSync(join(tmpdir(), "segno-tamper-"));
  await write(original, total);
});
afterAll(() => rmSync(original, { recursive: true }));
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "segno-tampered-"));
  cpSync(original, folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

const file = (path: string) => join(folder, path);
const verify = (options: Partial<VerifyLogOptions> = {}) => verifyLog(folder, { keys, ...options });
const codes = (report: LogReport) => report.problems.map(({ code }) => code);
const filesOf = (root: string) =>
  readdirSync(root, { recursive: true, encoding: "utf8" }).filter((path) => statSync(join(root, path)).isFile());

describe("R099: what was changed in a log is found, with its place and a reason", () => {
  it("finds nothing wrong with one that was not changed", async () => {
    const report = await verify();
    expect(report).toMatchObject({ ok: true, origin, size: total, signedSize: total, checkpoints: 9, problems: [] });
    expect(report.notices.join(" ")).toMatch(/put back.*a later checkpoint.*fork.*witnesses/s);
  });

  it("F24: every byte of every file, flipped", async () => {
    const isEverything = process.env["SEGNO_TAMPER_ALL"] === "1";
    const step = isEverything ? 1 : process.env["CI"] === undefined ? 599 : 149;
    let flips = 0;
    let phase = 0;
    for (const path of filesOf(folder).toSorted()) {
      const bytes = readFileSync(file(path));
      for (let at = phase; at < bytes.length; at += step) {
        const copy = Buffer.from(bytes);
        copy[at] = (copy[at] ?? 0) ^ (1 << (at % 8));
        writeFileSync(file(path), copy);
        const report = await verify();
        const [first] = report.problems;
        expect(report.ok, `${path} byte ${at}`).toBe(false);
        expect(first?.reason, `${path} byte ${at}`).toMatch(/\w+ \w+/);
        if (/^tile\/entries\/\d+(\.p\/\d+)?$/.test(path) && path !== "tile/entries/001.p/123") {
          const index = leafOfByte(bytes, at);
          const base = Number(/entries\/(\d+)/.exec(path)?.[1]) * 256;
          const isCovered = (first?.from ?? -1) <= base + index && (first?.to ?? 0) > base + index;
          expect(isCovered, `${path} byte ${at}: ${JSON.stringify(first)}`).toBe(true);
        }
        flips += 1;
      }
      phase = bytes.length === 0 ? phase : (phase + step - (bytes.length % step)) % step;
      writeFileSync(file(path), bytes);
    }
    expect(flips).toBeGreaterThan(isEverything ? 50_000 : 60_000 / step);
    expect((await verify()).ok).toBe(true);
  }, 1_800_000);

  it("tells the leaf that was changed from its hash in the tile", async () => {
    const bundle = readFileSync(file("tile/entries/000"));
    edit("tile/entries/000", (leaves) => leaves.with(123, leafAt(999)));
    expect((await verify()).problems).toMatchObject([
      { code: "leaf_changed", path: "tile/entries/000", from: 123, to: 124 },
    ]);
    writeFileSync(file("tile/entries/000"), bundle);
    const tile = readFileSync(file("tile/0/000"));
    tile[123 * 32] = (tile[123 * 32] ?? 0) ^ 1;
    writeFileSync(file("tile/0/000"), tile);
    expect((await verify()).problems).toMatchObject([{ code: "tile_changed", path: "tile/0/000", from: 123, to: 124 }]);
  });

  it.each([
    ["deleted", (leaves: readonly Uint8Array[]) => leaves.toSpliced(40, 1), "file_malformed", 40],
    ["inserted", (leaves: readonly Uint8Array[]) => leaves.toSpliced(40, 0, leafAt(7)), "file_malformed", 40],
    [
      "swapped",
      (leaves: readonly Uint8Array[]) => leaves.with(40, leafAt(41)).with(41, leafAt(40)),
      "leaf_changed",
      40,
    ],
  ] as const)("a leaf that was %s", async (_, change, code, from) => {
    edit("tile/entries/000", change);
    const [first] = (await verify()).problems;
    expect(first).toMatchObject({ code, path: "tile/entries/000", from });
  });

  it.each([
    ["edited", (index: number) => leafAt(index === 333 ? 999 : index)],
    ["deleted", (index: number) => leafAt(index < 333 ? index : index + 1)],
    ["inserted", (index: number) => leafAt(index < 333 ? index : index - 1)],
  ] as const)("a leaf %s and all tiles made anew, under the checkpoints that were signed", async (_, leaf) => {
    const forged = mkdtempSync(join(tmpdir(), "segno-forged-"));
    await write(forged, total, leaf);
    for (const path of ["checkpoint", "checkpoints"]) cpSync(file(path), join(forged, path));
    const report = await verifyLog(forged, { keys });
    // between the checkpoint before it and the one after it
    expect(report.problems[0]).toMatchObject({ code: "root_mismatch", from: 300, to: 373 });
    rmSync(forged, { recursive: true });
  });

  it("a truncated log: leaves, tiles and head cut back below what was signed", async () => {
    const shorter = mkdtempSync(join(tmpdir(), "segno-shorter-"));
    await write(shorter, 350);
    for (const path of ["checkpoint", "checkpoints"]) cpSync(file(path), join(shorter, path));
    const report = await verifyLog(shorter, { keys });
    expect(report.problems[0]).toMatchObject({ code: "truncated", from: 350, to: 500 });
    rmSync(shorter, { recursive: true });
  });

  it("files that are gone, cut off, or put there", async () => {
    rmSync(file("tile/0/000"));
    expect((await verify()).problems[0]).toMatchObject({ code: "file_missing", path: "tile/0/000", from: 0, to: 256 });
    cpSync(join(original, "tile/0/000"), file("tile/0/000"));
    const bundle = readFileSync(file("tile/entries/001.p/244"));
    writeFileSync(file("tile/entries/001.p/244"), bundle.subarray(0, -3));
    expect((await verify()).problems[0]).toMatchObject({ code: "file_malformed", path: "tile/entries/001.p/244" });
    writeFileSync(file("tile/entries/001.p/244"), bundle);
    mkdirSync(file("tile/entries/002.p"));
    writeFileSync(file("tile/entries/002.p/1"), encodeEntries([leafAt(512)]));
    expect((await verify()).problems).toMatchObject([{ code: "file_unexpected", path: "tile/entries/002.p/1" }]);
    rmSync(file("tile/entries/002.p"), { recursive: true });
    writeFileSync(file("tile/notes.txt"), "hello");
    expect((await verify()).problems).toMatchObject([{ code: "file_unexpected", path: "tile/notes.txt" }]);
  });

  it("a checkpoint that is missing, moved, doubled with another tree, or cut off", async () => {
    const text = readFileSync(file("checkpoints"), "utf8");
    const records = text.split("\n\n").slice(0, -1);
    const notes = records.flatMap((part, at) => (at % 2 === 0 ? [`${part}\n\n${records[at + 1] ?? ""}\n\n`] : []));
    expect(notes.join("")).toBe(text);
    writeFileSync(file("checkpoints"), notes.slice(0, -1).join(""));
    expect(codes(await verify())).toEqual(["checkpoint_differs"]);
    writeFileSync(file("checkpoints"), [...notes.slice(1, 3), ...notes.slice(0, 1), ...notes.slice(3)].join(""));
    expect(codes(await verify())).toEqual(["checkpoint_order"]);
    writeFileSync(file("checkpoints"), text.slice(0, -9));
    expect(codes(await verify())).toContain("checkpoint_malformed");
    rmSync(file("checkpoint"));
    writeFileSync(file("checkpoints"), text);
    expect(codes(await verify())).toContain("checkpoint_missing");
  });

  it("re-signed with a key that was rotated away, or with a foreign one", async () => {
    const parsed = parseCheckpoint(readFileSync(file("checkpoint"), "utf8"));
    if (parsed === undefined) throw new Error("no checkpoint");
    for (const [by, code] of [
      [oldSigner, "signature_key_out_of_range"],
      [foreignSigner, "signature_unknown_key"],
    ] as const) {
      rmSync(folder, { recursive: true });
      await write(folder, total, (index) => leafAt(index + 1), by);
      const report = await verify();
      expect(codes(report)).toContain(code);
      expect(report.problems.at(-1)).toMatchObject({ code, to: 500 });
    }
    writeFileSync(file("checkpoint"), await signCheckpoint(parsed, foreignSigner));
    expect(codes(await verify())).toContain("signature_unknown_key");
  });

  it("a clock that was set back, and one that differs by what clocks differ", async () => {
    rmSync(folder, { recursive: true });
    await write(folder, total, (index) =>
      leafAt(index, bornMs + (index >= 200 && index < 260 ? -86_400_000 : index * 1000)),
    );
    expect((await verify()).problems).toMatchObject([{ code: "clock_regression", from: 200, to: 260 }]);
    rmSync(folder, { recursive: true });
    await write(folder, total, (index) => leafAt(index, bornMs + index * 1000 - (index % 2) * 200_000));
    expect((await verify()).ok).toBe(true);
    expect((await verify({ clockToleranceMs: 1000 })).problems[0]).toMatchObject({ code: "clock_regression", from: 1 });
  });

  it("a leaf that is said to have expired, but for those whose time is over", async () => {
    edit("tile/entries/000", (leaves) => leaves.with(9, Buffer.from('{"expired":"token"}')));
    expect((await verify()).problems).toMatchObject([{ code: "leaf_expired", from: 9, to: 10 }]);
    const retention = new Map([["token", 30]]);
    const day = 86_400_000;
    const soon = await verify({ retention, nowMs: bornMs + 29 * day });
    expect(codes(soon)).toEqual(["leaf_expired"]);
    const late = await verify({ retention, nowMs: bornMs + 31 * day });
    expect(late).toMatchObject({ ok: true, expired: { token: 1 } });
  });
});

describe("R099: what needs somebody else to see it", () => {
  it("a log rolled back as a whole verifies by itself, says what it could not see, and fails against a later checkpoint", async () => {
    const later = readFileSync(join(original, "checkpoint"), "utf8");
    rmSync(folder, { recursive: true });
    await write(folder, 300);
    const alone = await verify();
    expect(alone.ok).toBe(true);
    expect(alone.notices[0]).toMatch(/put back to an earlier checkpoint.*from a witness/);
    const report = await verify({ known: [later] });
    expect(report.problems).toMatchObject([{ code: "rolled_back", from: 300, to: 500 }]);
  });

  it("a fork signed with the same key verifies by itself, and fails against what a witness saw", async () => {
    const seen = readFileSync(join(original, "checkpoint"), "utf8");
    rmSync(folder, { recursive: true });
    await write(folder, 600, (index) => leafAt(index < 450 ? index : index + 1));
    expect(await verify()).toMatchObject({ ok: true });
    expect((await verify({ known: [seen] })).problems[0]).toMatchObject({ code: "fork", to: 500 });
    expect(codes(await verify({ policy }))).toEqual(["witnesses_missing"]);
  });

  it("two of three witnesses are enough, one or a forged one is not", async () => {
    const note = readFileSync(file("checkpoint"), "utf8");
    const parsed = parseCheckpoint(note);
    if (parsed === undefined) throw new Error("no checkpoint");
    const lines = await Promise.all(witnesses.map((who) => cosign(parsed, who, bornMs)));
    const keep = async (more: string) => {
      const storage = await fileStorage(folder);
      await storage.keepCheckpoint({ size: parsed.size, note: note + more });
      await storage.close();
    };
    await keep(lines[0] ?? "");
    expect((await verify({ policy })).problems[0]?.reason).toContain("2 of (w1, w2, w3); it has: w1");
    await keep((lines[1] ?? "").replace(/.{8}\n$/, "AAAAAA==\n"));
    expect(codes(await verify({ policy }))).toEqual(["witnesses_missing"]);
    await keep(lines[2] ?? "");
    const report = await verify({ policy });
    expect(report).toMatchObject({ ok: true, witnesses: [{ name: "w1", atMs: bornMs }, { name: "w3" }] });
  });
});

function edit(path: string, change: (leaves: readonly Uint8Array[]) => readonly Uint8Array[]): void {
  const leaves = decodeEntries(readFileSync(file(path))) ?? [];
  writeFileSync(file(path), encodeEntries(change(leaves)));
}

/** Which leaf a byte of a bundle belongs to. */
function leafOfByte(bundle: Buffer, at: number): number {
  let index = -1;
  for (let next = 0; next <= at; next += 2 + bundle.readUInt16BE(next)) index += 1;
  return index;
}
