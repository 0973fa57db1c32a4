import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testSigner } from "../../../test/audit-kit.js";
import { openNode } from "../../../test/engine-kit.js";
import { testDatabases } from "../../../test/stores.js";
import { cosign } from "./cosignature.js";
import { parseCheckpoint } from "./checkpoint.js";
import { fileStorage } from "./file-storage.js";
import { emptyFrontier, growFrontier } from "./frontier.js";
import type { LogStorage } from "./log-storage.js";
import { memoryStorage } from "./memory-storage.double.js";
import { openLog } from "./open-log.js";
import { sqlStorage } from "./store.js";
import { emptyRoot, leafHash } from "./tree-hash.js";
import { widthInTree } from "./tile.js";

interface Place {
  /** Opens the same log anew, as another process would. */
  readonly open: () => Promise<LogStorage>;
  readonly remove: () => Promise<void>;
}
interface PlaceKind {
  readonly name: string;
  readonly skipped?: string | undefined;
  readonly create: () => Promise<Place>;
}

const origin = "log.example/audit";
const kinds: readonly PlaceKind[] = [
  {
    name: "files",
    async create() {
      const folder = mkdtempSync(join(tmpdir(), "segno-audit-"));
      const opened: LogStorage[] = [];
      return {
        async open() {
          for (const storage of opened) await storage.close();
          opened.push(await fileStorage(folder));
          return opened.at(-1) ?? memoryStorage();
        },
        async remove() {
          for (const storage of opened) await storage.close();
          rmSync(folder, { recursive: true });
        },
      };
    },
  },
  {
    name: "memory",
    async create() {
      const storage = memoryStorage();
      return { open: async () => storage, remove: async () => {} };
    },
  },
  ...testDatabases.map(({ name, skipped, create }) => ({
    name,
    skipped,
    async create() {
      const database = await create();
      const node = await openNode(database.source());
      return {
        open: async () => sqlStorage(node.engine.store, origin),
        async remove() {
          await node.stop();
          await database.drop();
        },
      };
    },
  })),
];

const signer = testSigner(origin, "one");
const leafAt = (index: number) => Buffer.from(`{"leaf":${index}}`);
const leaves = (from: number, count: number) => Array.from({ length: count }, (_, place) => leafAt(from + place));
async function all<Item>(items: AsyncIterable<Item>): Promise<readonly Item[]> {
  const found: Item[] = [];
  for await (const item of items) found.push(item);
  return found;
}

describe.each(kinds)("audit log in $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let place: Place;
  beforeEach(async () => {
    place = await create();
  });
  afterEach(() => place.remove());

  it("begins empty", async () => {
    const storage = await place.open();
    expect(await storage.head()).toEqual({ size: 0, root: emptyRoot });
    expect(await storage.latestCheckpoint()).toBeUndefined();
    expect(await storage.readEntries(0, 1)).toBeUndefined();
    expect(await all(storage.checkpoints())).toEqual([]);
  });

  it("R099: gives back every leaf, tile and checkpoint, opened anew", async () => {
    let size = 0;
    for (const count of [1, 3, 252, 1, 255, 300, 700]) {
      const log = openLog({ storage: await place.open(), origin, signer });
      await log.append(leaves(size, count));
      size += count;
      await log.checkpoint();
    }
    const storage = await place.open();
    const tree = growFrontier(emptyFrontier);
    const level0: Uint8Array[] = [];
    for (let index = 0; index * 256 < size; index += 1) {
      const width = widthInTree(size, 0, index);
      const found = (await storage.readEntries(index, width)) ?? [];
      expect(found.map((leaf) => Buffer.from(leaf).toString())).toEqual(
        leaves(index * 256, width).map((leaf) => leaf.toString()),
      );
      for (const leaf of found) tree.push(leafHash(leaf));
      level0.push((await storage.readTile({ level: 0, index, width })) ?? new Uint8Array());
    }
    const head = await storage.head();
    expect(head.size).toBe(size);
    expect(Buffer.from(head.root).equals(tree.root())).toBe(true);
    const hashes = leaves(0, size).map((leaf) => leafHash(leaf));
    expect(Buffer.concat(level0).equals(Buffer.concat(hashes))).toBe(true);
    expect(await storage.readTile({ level: 0, index: 0, width: 7 })).toHaveLength(7 * 32);
    expect(await storage.readTile({ level: 1, index: 0, width: Math.floor(size / 256) })).toHaveLength(5 * 32);
    expect(await storage.readTile({ level: 1, index: 0, width: 6 })).toBeUndefined();
    expect(await storage.readEntries(5, widthInTree(size, 0, 5) + 1)).toBeUndefined();
    const sizes = (await all(storage.checkpoints())).map((kept) => kept.size);
    expect(sizes).toEqual([1, 4, 256, 257, 512, 812, 1512]);
  });

  it("of 50 that append to one head one succeeds, the others leave nothing", async () => {
    const storage = await place.open();
    const logs = Array.from({ length: 50 }, () => openLog({ storage, origin, signer }));
    const results = await Promise.allSettled(logs.map((log, index) => log.append([Buffer.from(`by ${index}`)])));
    const codes = results.flatMap((result) => (result.status === "rejected" ? [String(result.reason.code)] : []));
    const size = await openLog({ storage, origin, signer }).size();
    expect(size).toBe(50 - codes.length);
    expect(size).toBeGreaterThan(0);
    expect(new Set(codes)).toEqual(new Set(codes.length > 0 ? ["conflict"] : []));
    expect(await storage.readEntries(0, size)).toHaveLength(size);
    expect(await storage.readEntries(0, size + 1)).toBeUndefined();
    // whoever was refused finds the new head by itself
    await logs[7]?.append([Buffer.from("again")]);
    expect(await openLog({ storage, origin, signer }).size()).toBe(size + 1);
  });

  it("keeps what witnesses add to a checkpoint, and refuses another one of the same size or a smaller one", async () => {
    const storage = await place.open();
    const log = openLog({ storage, origin, signer });
    await log.append(leaves(0, 2));
    const { note, size } = await log.checkpoint();
    const parsed = parseCheckpoint(note);
    if (parsed === undefined) throw new Error("no checkpoint");
    const line = await cosign(parsed, testSigner("witness.example/w", "w"), 1_700_000_000_000);
    await storage.keepCheckpoint({ size, note: note + line });
    await storage.keepCheckpoint({ size, note });
    expect(await storage.latestCheckpoint()).toEqual({ size, note: note + line });
    const other = note.replace(/\n2\n.{4}/, "\n2\nAAAA");
    await expect(storage.keepCheckpoint({ size, note: other })).rejects.toMatchObject({ code: "conflict" });
    await expect(storage.keepCheckpoint({ size: 1, note })).rejects.toMatchObject({ code: "conflict" });
  });
});
