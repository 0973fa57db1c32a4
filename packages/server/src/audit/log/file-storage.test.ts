import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import { testSigner } from "../../../test/audit-kit.js";
import { fileStorage } from "./file-storage.js";
import { signatureTypes, verifierKeyOf } from "./note.js";
import { openLog } from "./open-log.js";
import { verifyLog } from "./verify-log.js";

const origin = "log.example/audit";
const signer = testSigner(origin, "one");
const keys = [{ key: verifierKeyOf(origin, signatureTypes.ed25519, signer.publicKey) }];
const leaves = (from: number, count: number) =>
  Array.from({ length: count }, (_, place) => Buffer.from(`{"leaf":${from + place}}`));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "segno-audit-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const flow = fileURLToPath(new URL("../../../test/audit-append-flow.ts", import.meta.url));
const loader = fileURLToPath(new URL("../../../test/source-loader.mjs", import.meta.url));

/** Appends in another process that is killed at its `dieAt`th write to the disk. @returns the last size it was told */
function appendUntil(dieAt: number): Promise<{ readonly acknowledged: number; readonly isKilled: boolean }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", loader, flow, folder, String(dieAt)], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
    });
    let out = "";
    let errors = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("close", (code, signal) => {
      if (code !== 0 && signal !== "SIGKILL") return reject(new Error(errors));
      resolve({ acknowledged: Number(out.trim().split("\n").at(-1) ?? 0), isKilled: signal === "SIGKILL" });
    });
  });
}

it("F8: killed at any write, the log opens, has all that was acknowledged, nothing in part, and goes on", async () => {
  const points = process.env["CI"] === undefined ? [1, 3, 8, 21, 60] : Array.from({ length: 75 }, (_, at) => at + 1);
  for (const dieAt of points) {
    const { acknowledged, isKilled } = await appendUntil(dieAt);
    expect(isKilled, `at ${dieAt}`).toBe(true);
    const storage = await fileStorage(folder);
    const log = openLog({ storage, origin, signer });
    const size = await log.size();
    expect(size).toBeGreaterThanOrEqual(acknowledged);
    await log.append(leaves(size, 3));
    await log.checkpoint();
    await storage.close();
    const report = await verifyLog(folder, { keys });
    expect(report.problems, `killed at write ${dieAt}`).toEqual([]);
    expect(report.size).toBe(size + 3);
    rmSync(folder, { recursive: true });
  }
}, 240_000);

it("refuses a second writer, in this process and in another, and lets anybody read", async () => {
  const storage = await fileStorage(folder);
  const log = openLog({ storage, origin, signer });
  await log.append(leaves(0, 2));
  await expect(fileStorage(folder)).rejects.toMatchObject({ code: "conflict" });
  await expect(appendUntil(0)).rejects.toThrow("Another process writes");
  const reader = await fileStorage(folder, { isWritable: false });
  expect((await reader.head()).size).toBe(2);
  await expect(openLog({ storage: reader, origin, signer }).append(leaves(2, 1))).rejects.toMatchObject({
    code: "conflict",
  });
  await storage.close();
  await storage.close();
  await (await fileStorage(folder)).close();
});

it("F10: never takes a leaf, a tile, a head or a checkpoint that was cut off", async () => {
  const write = await fileStorage(folder);
  const log = openLog({ storage: write, origin, signer });
  await log.append(leaves(0, 3));
  await log.checkpoint();
  await write.close();
  const cut = async (path: string, check: () => Promise<void>) => {
    const bytes = readFileSync(join(folder, path));
    for (let length = 0; length < bytes.length; length += 1) {
      truncateSync(join(folder, path), length);
      await check();
      writeFileSync(join(folder, path), bytes);
    }
  };
  const reader = await fileStorage(folder, { isWritable: false });
  await cut("tile/entries/000.p/3", async () => expect(await reader.readEntries(0, 2)).toBeUndefined());
  await cut("tile/0/000.p/3", async () =>
    expect(await reader.readTile({ level: 0, index: 0, width: 1 })).toBeUndefined(),
  );
  await cut("head", () => expect(reader.head()).rejects.toMatchObject({ code: "store_unavailable" }));
  await cut("checkpoint", async () => {
    await expect(reader.latestCheckpoint()).rejects.toMatchObject({ code: "store_unavailable" });
  });
  const whole = readFileSync(join(folder, "checkpoints"));
  writeFileSync(join(folder, "checkpoints"), Buffer.concat([whole, whole.subarray(0, 60)]));
  await (await fileStorage(folder)).close();
  expect(readFileSync(join(folder, "checkpoints")).equals(whole)).toBe(true);
});

it("keeps the partial tiles of the last checkpoint only, and none of a tile that is full", async () => {
  const storage = await fileStorage(folder);
  const log = openLog({ storage, origin, signer });
  for (let at = 0; at < 200; at += 20) {
    await log.append(leaves(at, 20));
    if (at === 100) await log.checkpoint();
  }
  expect(readdirSync(join(folder, "tile/entries/000.p")).toSorted()).toEqual(["120", "200"]);
  await log.append(leaves(200, 100));
  expect(readdirSync(join(folder, "tile/entries")).toSorted()).toEqual(["000", "001.p"]);
  await storage.close();
});

const mountRefusal = tryMount();
it.skipIf(mountRefusal !== undefined)(
  `F10: on a disk that is full an append is made or is not, and goes on when there is room${mountRefusal ?? ""}`,
  async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]);
    try {
      const storage = await fileStorage(join(folder, "log"));
      const log = openLog({ storage, origin, signer });
      await log.append(leaves(0, 10));
      await log.checkpoint();
      const filler = join(folder, "filler");
      let size = 10;
      let refused = 0;
      for (let room = 0; room < 40; room += 1) {
        fill(filler, room * 1024);
        const before = await storage.head();
        try {
          await log.append(leaves(size, 7));
          size += 7;
          await log.checkpoint();
        } catch (error) {
          expect(error).toMatchObject({ code: "store_unavailable" });
          refused += 1;
          const after = await storage.head();
          expect([before.size, size]).toContain(after.size);
          size = after.size;
        }
        rmSync(filler, { force: true });
        expect(await log.size()).toBe(size);
      }
      expect(refused).toBeGreaterThan(5);
      await log.append(leaves(size, 300));
      await log.checkpoint();
      await storage.close();
      const report = await verifyLog(join(folder, "log"), { keys });
      expect(report.problems).toEqual([]);
      expect(report.size).toBe(size + 300);
    } finally {
      execFileSync("umount", ["-l", folder]);
    }
  },
);

/** Leaves that many bytes of room. */
function fill(path: string, room: number): void {
  const file = openSync(path, "w");
  let written = 0;
  for (const size of [16_384, 4_096, 512, 1]) {
    try {
      for (;;) written += writeSync(file, Buffer.alloc(size));
    } catch {
      // no room for that much any more
    }
  }
  closeSync(file);
  truncateSync(path, Math.max(0, written - room));
}

/** Why no file system can be mounted here; undefined when one can. */
function tryMount(): string | undefined {
  const place = mkdtempSync(join(tmpdir(), "segno-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", place], { stdio: "ignore" });
    execFileSync("umount", [place]);
    return undefined;
  } catch {
    return " (skipped: no file system can be mounted here)";
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
