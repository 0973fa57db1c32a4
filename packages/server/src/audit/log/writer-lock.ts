import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SegnoError } from "@segno/core";

/** The file whose lock says who writes. It stays empty. */
export const lockName = ".writer";

/**
 * Takes the right to write to a folder. The system holds it for this process and gives it back when the process ends,
 * however it ends: it is SQLite's lock on an empty file, since Node has no other.
 * @returns gives it back
 * @throws SegnoError `conflict` while another process, or another part of this one, has it
 */
export async function lockForWriting(folder: string): Promise<() => void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(join(folder, lockName));
  try {
    database.exec("pragma busy_timeout = 0; begin exclusive");
  } catch (error) {
    database.close();
    throw new SegnoError("conflict", "Another process writes to this audit log.", { cause: error });
  }
  return () => {
    if (database.isOpen) database.close();
  };
}
