import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { checkpointsName } from "./checkpoint-file.js";
import { filesUnder } from "./durable-file.js";
import type { ProblemList } from "./log-problem.js";
import { bundlePath, type ParsedTilePath, parseTilePath, tilePath, tileWidth, widthInTree } from "./tile.js";
import { lockName } from "./writer-lock.js";

/**
 * Looks at every file of the log that the tree does not need: partial tiles of earlier sizes must be the beginning of
 * what is there now, and nothing else may lie there.
 */
export async function verifyFiles(folder: string, size: number, problems: ProblemList): Promise<void> {
  for await (const path of filesUnder(folder)) {
    if (path === "checkpoint" || path === checkpointsName || path === "head") continue;
    const tile = parseTilePath(path);
    const width = tile === undefined ? 0 : widthInTree(size, tile.kind === "entries" ? 0 : tile.kind, tile.index);
    if (path === lockName && (await readFile(join(folder, path))).length === 0) continue;
    if (tile === undefined) {
      const reason =
        "this file is no part of a log: it was put there, or an append was cut short and the log not opened since";
      problems.add({ code: "file_unexpected", path, reason });
    } else if (tile.width > width) {
      const from = tile.kind === "entries" ? tile.index * tileWidth : tile.index * tileWidth ** (tile.kind + 1);
      const reason = `the log ends at ${size} leaves: it was truncated, or an append was cut short and the log not opened since`;
      problems.add({ code: "file_unexpected", path, from: Math.max(from, size), reason });
    } else if (tile.width < width) await comparePartial(folder, path, tile, width, problems);
  }
}

async function comparePartial(
  folder: string,
  path: string,
  { kind, index, width }: ParsedTilePath,
  now: number,
  problems: ProblemList,
): Promise<void> {
  const wider = kind === "entries" ? bundlePath(index, now) : tilePath({ level: kind, index, width: now });
  const bytes = await readFile(join(folder, path));
  // where the wider one is not there, that has been said
  const all = await readFile(join(folder, wider)).catch(() => undefined);
  const isBeginning = all === undefined || Buffer.compare(bytes, all.subarray(0, bytes.length)) === 0;
  const isWhole = kind === "entries" ? endsAfter(bytes, width) : bytes.length === width * 32;
  if (isBeginning && isWhole) return;
  const span = kind === "entries" ? 1 : tileWidth ** kind;
  const from = index * tileWidth * span;
  const reason = `this is not the beginning of ${wider}`;
  problems.add({
    code: kind === "entries" ? "leaf_changed" : "tile_changed",
    path,
    from,
    to: from + width * span,
    reason,
  });
}

function endsAfter(bundle: Buffer, leaves: number): boolean {
  let at = 0;
  for (let count = 0; count < leaves; count += 1) {
    if (at + 2 > bundle.length) return false;
    at += 2 + bundle.readUInt16BE(at);
  }
  return at === bundle.length;
}
