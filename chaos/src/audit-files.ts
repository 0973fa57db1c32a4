import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The files of an audit log as its text describes them, read without any code of the engine. */
const width = 256;

/** How many leaves the newest checkpoint is about. */
export function signedSize(folder: string): number {
  return Number(readFileSync(join(folder, "checkpoint"), "utf8").split("\n")[1]);
}

/** The file that holds a leaf, and its place in there. */
export function bundleOf(folder: string, leaf: number, size: number): { readonly path: string; readonly at: number } {
  const tile = Math.floor(leaf / width);
  const name = `${tile}`.padStart(3, "0");
  const partial = `tile/entries/${name}.p/${size % width}`;
  const isPartial = tile === Math.floor(size / width);
  const path = isPartial ? partial : `tile/entries/${name}`;
  if (tile > 999 || !existsSync(join(folder, path))) throw new Error(`no ${path} in the log`);
  return { path, at: leaf % width };
}

/** The leaves of one file: each behind its length in two bytes. */
export function readBundle(folder: string, path: string): readonly Buffer[] {
  const bytes = readFileSync(join(folder, path));
  const leaves: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 + bytes.readUInt16BE(at);
    leaves.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return leaves;
}

export function writeBundle(folder: string, path: string, leaves: readonly Buffer[]): void {
  const parts = leaves.flatMap((leaf) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(leaf.length);
    return [length, leaf];
  });
  writeFileSync(join(folder, path), Buffer.concat(parts));
}

export interface Leaf {
  readonly type: string;
  readonly event: { readonly id: string; readonly subject?: string; readonly data: Readonly<Record<string, unknown>> };
}

/** Every leaf that is signed. */
export function readLeaves(folder: string): readonly Leaf[] {
  const size = signedSize(folder);
  const paths = Array.from({ length: Math.ceil(size / width) }, (_, tile) => bundleOf(folder, tile * width, size).path);
  return paths.flatMap((path) => readBundle(folder, path).map((leaf) => JSON.parse(leaf.toString()) as Leaf));
}
