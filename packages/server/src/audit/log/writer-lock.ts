import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { SegnoError } from "@segno/core";

/** The file whose lock says who writes. It stays empty. */
export const lockName = ".writer";

/** SQLITE_BUSY: somebody has the lock. Anything else is a fault of the disk. */
const busy = 5;

/**
 * Takes the right to write to a folder. The system holds it for this process and gives it back when the process ends,
 * however it ends: it is SQLite's lock on an empty file, since Node has no other.
 * @returns gives it back
 * @throws SegnoError `conflict` while another process, or another part of this one, has it
 * @throws SegnoError `store_unavailable` when the folder cannot be written to
 */
export async function lockForWriting(folder: string): Promise<() => void> {
  const { DatabaseSync } = await import("node:sqlite");
  let database: InstanceType<typeof DatabaseSync> | undefined;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    database = new DatabaseSync(join(folder, lockName));
    database.exec("pragma busy_timeout = 0; begin exclusive");
  } catch (error) {
    database?.close();
    throw refusalOf(error);
  }
  const locked = database;
  return () => {
    if (locked.isOpen) locked.close();
  };
}

function refusalOf(cause: unknown): SegnoError {
  const isBusy = cause instanceof Error && "errcode" in cause && cause.errcode === busy;
  return isBusy
    ? new SegnoError("conflict", "Another process writes to this audit log.", { cause })
    : new SegnoError("store_unavailable", "The folder of the audit log cannot be written to.", { cause });
}
