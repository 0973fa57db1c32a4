import { mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { SegnoError } from "@segno/core";
import { type BundleFiles, decodeZip, encodeZip } from "./zip.js";

/**
 * Writes a bundle: as one ZIP file where the path ends so, else as a folder.
 * @throws SegnoError `conflict` when something is there already
 */
export async function writeBundle(path: string, files: BundleFiles): Promise<void> {
  if ((await stat(path).catch(() => undefined)) !== undefined)
    throw new SegnoError("conflict", "There is something of this name already.");
  await replaceBundle(path, files);
}

/** The same over what is there. */
export async function replaceBundle(path: string, files: BundleFiles): Promise<void> {
  if (path.endsWith(".zip")) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.draft`, encodeZip(files), { mode: 0o600 });
    await rename(`${path}.draft`, path);
    return;
  }
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(path, name)), { recursive: true, mode: 0o700 });
    await writeFile(join(path, name), bytes, { mode: 0o600 });
  }
}

/** @throws SegnoError `not_found`, `invalid_input` for a ZIP that was packed by something else */
export async function readBundle(path: string): Promise<BundleFiles> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new SegnoError("not_found", "There is no bundle of this name.");
  if (found.isDirectory()) return await readFolder(path);
  const files = decodeZip(await readFile(path));
  if (files === undefined)
    throw new SegnoError(
      "invalid_input",
      "This is no evidence bundle as it was built: it was packed anew, cut off, or its archive was changed.",
    );
  return files;
}

async function readFolder(folder: string): Promise<BundleFiles> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = new Map<string, Uint8Array>();
  for (const path of paths.toSorted()) files.set(relative(folder, path).split(sep).join("/"), await readFile(path));
  return files;
}
