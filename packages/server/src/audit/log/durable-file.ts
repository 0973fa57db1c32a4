import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * Writes a file so that it is there whole or not at all, also after a power cut: under another name, forced to the disk,
 * renamed. The folder itself is forced by `syncFolders`.
 */
export async function writeDurably(path: string, bytes: Uint8Array | string): Promise<void> {
  const draft = `${path}.draft`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  try {
    const file = await open(draft, "w", 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

/** Forces names to the disk: those in the folders of these files, and of the folders above them up to `root`. */
export async function syncFolders(root: string, paths: readonly string[]): Promise<void> {
  const folders = new Set<string>([root]);
  for (const path of paths) {
    for (let folder = dirname(path); folder.length > root.length; folder = dirname(folder)) folders.add(folder);
  }
  for (const folder of folders) {
    const handle = await open(folder, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/** Files under a folder, by paths with `/` from it, in no order. */
export async function* filesUnder(root: string, folder = ""): AsyncIterable<string> {
  const { opendir } = await import("node:fs/promises");
  for await (const entry of await opendir(join(root, folder))) {
    const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* filesUnder(root, path);
    else yield path;
  }
}

/** Whether a call failed because a file is not there. */
export function isMissing(error: unknown): boolean {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return code === "ENOENT" || code === "ENOTDIR";
}
