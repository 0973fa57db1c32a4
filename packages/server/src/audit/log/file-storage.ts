import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { SegnoError } from "@segno/core";
import { parseCheckpoint } from "./checkpoint.js";
import { appendCheckpoint, checkpointsName, readCheckpointFile, repairCheckpointFile } from "./checkpoint-file.js";
import { isMissing, syncFolders, writeDurably } from "./durable-file.js";
import { decodeEntries, encodeEntries } from "./entry-bundle.js";
import { formatHead, parseHead } from "./head-file.js";
import type { KeptCheckpoint, LogAppend, LogHead, LogStorage } from "./log-storage.js";
import { mergeSignatures } from "./merge-signatures.js";
import { bundlePath, levelWidth, tilePath, tileWidth } from "./tile.js";
import { emptyRoot, hashLength, isSameHash } from "./tree-hash.js";
import { lockForWriting } from "./writer-lock.js";

/** How a folder is opened. */
export interface FileStorageOptions {
  /** Default true: takes the right to write, and clears away what an append left that did not get to its end. */
  readonly isWritable?: boolean;
}

/**
 * A log as files, in the layout of C2SP tlog-tiles: a folder that any web server can serve and any verifier read.
 * One process writes at a time, on one machine; any number read.
 * @param folder made when it is not there
 * @throws SegnoError `conflict` while another process writes to it
 * @throws SegnoError `store_unavailable` when it is damaged or cannot be written
 * @example
 * ```ts
 * import { fileStorage } from "@segno/server/audit";
 * const log = await fileStorage("./audit", { isWritable: false });
 * console.log((await log.head()).size);
 * ```
 */
export async function fileStorage(folder: string, { isWritable = true }: FileStorageOptions = {}): Promise<LogStorage> {
  const at = (path: string): string => join(folder, path);
  const unlock = isWritable ? await lockForWriting(folder) : () => {};
  try {
    if (isWritable) await recover(folder);
  } catch (error) {
    unlock();
    throw asSegnoError(error);
  }

  async function readTile(level: number, index: number, width: number): Promise<Uint8Array | undefined> {
    const path = (atWidth: number) => tilePath({ level, index, width: atWidth });
    const found = await readWidest(folder, path, width, (bytes, written) => bytes.length === written * hashLength);
    return found?.subarray(0, width * hashLength);
  }
  async function readEntries(index: number, width: number): Promise<readonly Uint8Array[] | undefined> {
    const path = (atWidth: number) => bundlePath(index, atWidth);
    const isWhole = (bytes: Uint8Array, written: number) => decodeEntries(bytes)?.length === written;
    const found = await readWidest(folder, path, width, isWhole);
    return found === undefined ? undefined : decodeEntries(found)?.slice(0, width);
  }
  async function latestCheckpoint(): Promise<KeptCheckpoint | undefined> {
    const note = await readIfThere(at("checkpoint"));
    if (note === undefined) return undefined;
    const checkpoint = parseCheckpoint(note.toString("utf8"));
    if (checkpoint === undefined) throw new SegnoError("store_unavailable", "The audit log's checkpoint is damaged.");
    return { size: checkpoint.size, note: note.toString("utf8") };
  }
  async function append({ from, to, leaves, tiles }: LogAppend): Promise<void> {
    const head = await readHead(folder);
    if (head.size !== from.size || !isSameHash(head.root, from.root))
      throw new SegnoError("conflict", "The audit log has moved on.");
    const written: string[] = [];
    const write = async (path: string, bytes: Uint8Array | string): Promise<void> => {
      await writeDurably(at(path), bytes);
      written.push(at(path));
    };
    await writeDurably(at("next"), `${to.size}\n`);
    await syncFolders(folder, []);
    try {
      for (const [path, bytes] of await bundlesOf(from.size, leaves, readEntries)) await write(path, bytes);
      for (const { hashes, ...tile } of tiles) await write(tilePath(tile), hashes);
      await syncFolders(folder, written);
      await writeDurably(at("head"), formatHead(to));
      await syncFolders(folder, []);
    } catch (error) {
      await removeBeyond(folder, await readHead(folder), to.size).catch(() => undefined);
      throw error;
    }
    await rm(at("next"), { force: true });
    await removeSuperseded(folder, from.size, to.size, (await latestCheckpoint())?.size);
  }
  async function keepCheckpoint({ size, note }: KeptCheckpoint): Promise<void> {
    const latest = await latestCheckpoint();
    if (latest !== undefined && latest.size > size)
      throw new SegnoError("conflict", "A checkpoint of more leaves is kept already.");
    const kept = latest?.size === size ? mergeSignatures(latest.note, note) : note;
    await appendCheckpoint(at(checkpointsName), kept);
    await writeDurably(at("checkpoint"), kept);
    await syncFolders(folder, []);
  }
  let queue: Promise<unknown> = Promise.resolve();
  /** Writes wait for each other: the lock keeps other processes out, and not those who share this storage. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    if (!isWritable) return Promise.reject(new SegnoError("conflict", "This audit log was opened for reading."));
    const result = queue.then(() => guarded(work));
    queue = result.catch(() => undefined);
    return result;
  }

  return {
    head: () => guarded(() => readHead(folder)),
    readTile: ({ level, index, width }) => guarded(() => readTile(level, index, width)),
    readEntries: (index, width) => guarded(() => readEntries(index, width)),
    replaceLeaves: (leaves) => inTurn(() => replaceLeaves(folder, leaves)),
    latestCheckpoint: () => guarded(latestCheckpoint),
    append: (change) => inTurn(() => append(change)),
    keepCheckpoint: (checkpoint) => inTurn(() => keepCheckpoint(checkpoint)),
    async *checkpoints() {
      for await (const { note, isWhole } of readCheckpointFile(at(checkpointsName))) {
        const size = parseCheckpoint(note)?.size;
        if (!isWhole || size === undefined)
          throw new SegnoError("store_unavailable", "The audit log's checkpoints are damaged.");
        yield { size, note };
      }
    },
    async close() {
      await queue;
      unlock();
    },
  };
}

/** Writes each bundle anew that holds one of them, whole and at every width it is kept at. */
async function replaceLeaves(folder: string, leaves: ReadonlyMap<number, Uint8Array>): Promise<void> {
  for (const index of new Set([...leaves.keys()].map((leaf) => Math.floor(leaf / tileWidth)))) {
    const widths = await readdir(join(folder, dirname(bundlePath(index, 1)))).catch(() => []);
    for (const width of [tileWidth, ...widths.map(Number).filter((each) => each > 0)]) {
      const path = join(folder, bundlePath(index, width));
      const bytes = await readIfThere(path);
      const entries = bytes === undefined ? undefined : decodeEntries(bytes);
      if (entries === undefined) continue;
      const changed = entries.map((entry, place) => leaves.get(index * tileWidth + place) ?? entry);
      await writeDurably(path, encodeEntries(changed));
      await syncFolders(folder, [path]);
    }
  }
}

/** Entry bundles behind an append: the last one with its older leaves, and those after it. */
async function bundlesOf(
  size: number,
  leaves: readonly Uint8Array[],
  readEntries: (index: number, width: number) => Promise<readonly Uint8Array[] | undefined>,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const bundles = new Map<string, Uint8Array>();
  for (let done = 0; done < leaves.length; ) {
    const index = Math.floor((size + done) / tileWidth);
    const older = (size + done) % tileWidth;
    const before = older === 0 ? [] : await readEntries(index, older);
    if (before === undefined) throw new SegnoError("store_unavailable", "The audit log lacks its last leaves.");
    const more = leaves.slice(done, done + tileWidth - older);
    bundles.set(bundlePath(index, older + more.length), encodeEntries([...before, ...more]));
    done += more.length;
  }
  return bundles;
}

/** The file of a tile at this width, or a wider one; undefined where none is there as it should be. */
async function readWidest(
  folder: string,
  path: (width: number) => string,
  width: number,
  isWhole: (bytes: Uint8Array, width: number) => boolean,
): Promise<Buffer | undefined> {
  const read = async (at: number): Promise<Buffer | undefined> => {
    const bytes = await readIfThere(join(folder, path(at)));
    return bytes !== undefined && isWhole(bytes, at) ? bytes : undefined;
  };
  const exact = (await read(width)) ?? (width === tileWidth ? undefined : await read(tileWidth));
  if (exact !== undefined || width === tileWidth) return exact;
  const names = await readdir(join(folder, dirname(path(width)))).catch(() => []);
  const wider = names.map(Number).filter((each) => each > width);
  return wider.length === 0 ? undefined : await read(Math.min(...wider));
}

async function readHead(folder: string): Promise<LogHead> {
  const text = await readIfThere(join(folder, "head"));
  if (text !== undefined) {
    const head = parseHead(text.toString("utf8"));
    if (head === undefined) throw new SegnoError("store_unavailable", "The audit log's head is damaged.");
    return head;
  }
  const note = await readIfThere(join(folder, "checkpoint"));
  if (note === undefined) return { size: 0, root: emptyRoot };
  const checkpoint = parseCheckpoint(note.toString("utf8"));
  if (checkpoint === undefined) throw new SegnoError("store_unavailable", "The audit log's checkpoint is damaged.");
  return checkpoint;
}

/** Ends what a process that died had begun: an append is taken back, a checkpoint brought to its end. */
async function recover(folder: string): Promise<void> {
  const next = await readIfThere(join(folder, "next"));
  if (next !== undefined) {
    const head = await readHead(folder);
    const size = Number(next.toString("utf8"));
    if (Number.isSafeInteger(size) && size > head.size) await removeBeyond(folder, head, size);
    else await rm(join(folder, "next"));
  }
  await rm(join(folder, "next.draft"), { force: true });
  await rm(join(folder, "head.draft"), { force: true });
  const last = await repairCheckpointFile(join(folder, checkpointsName));
  const latest = await readIfThere(join(folder, "checkpoint"));
  if (last !== undefined && latest?.toString("utf8") !== last) await writeDurably(join(folder, "checkpoint"), last);
  await rm(join(folder, "checkpoint.draft"), { force: true });
}

/** Removes what an append to `size` wrote, where the head is not there yet. */
async function removeBeyond(folder: string, head: LogHead, size: number): Promise<void> {
  for (const path of pathsBetween(head.size, size)) {
    await rm(join(folder, path), { force: true });
    await rm(join(folder, `${path}.draft`), { force: true });
  }
  await rm(join(folder, "next"), { force: true });
}

/** Tiles and bundles that an append from one size to another writes. */
function* pathsBetween(from: number, to: number): Iterable<string> {
  for (let level = 0; levelWidth(to, level) > 0; level += 1) {
    const before = levelWidth(from, level);
    const after = levelWidth(to, level);
    if (after === before) continue;
    for (let index = Math.floor(before / tileWidth); index * tileWidth < after; index += 1) {
      const width = Math.min(tileWidth, after - index * tileWidth);
      yield tilePath({ level, index, width });
      if (level === 0) yield bundlePath(index, width);
    }
  }
}

/** Partial tiles that a wider one replaces go, but for those of the last checkpoint; those of a full one all go. */
async function removeSuperseded(folder: string, from: number, to: number, checkpointed = 0): Promise<void> {
  for (let level = 0; levelWidth(from, level) > 0; level += 1) {
    const before = levelWidth(from, level);
    const after = levelWidth(to, level);
    const width = before % tileWidth;
    const index = Math.floor(before / tileWidth);
    if (after === before || width === 0) continue;
    const isFull = after >= (index + 1) * tileWidth;
    const isKept = !isFull && levelWidth(checkpointed, level) === before;
    const paths = [tilePath({ level, index, width }), ...(level === 0 ? [bundlePath(index, width)] : [])];
    for (const path of isKept ? [] : paths) {
      if (isFull) await rm(join(folder, dirname(path)), { force: true, recursive: true });
      else await rm(join(folder, path), { force: true });
    }
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

async function guarded<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw asSegnoError(error);
  }
}

function asSegnoError(error: unknown): unknown {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  // faults of the file system have names such as ENOSPC
  if (!(error instanceof Error) || typeof code !== "string" || !/^E[A-Z]+$/.test(code)) return error;
  return new SegnoError("store_unavailable", "The audit log's folder cannot be read or written.", { cause: error });
}
