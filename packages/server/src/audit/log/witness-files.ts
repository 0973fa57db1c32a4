import { createHash } from "node:crypto";
import { join } from "node:path";
import { parseCheckpoint } from "./checkpoint.js";
import { syncFolders, writeDurably } from "./durable-file.js";
import type { LogHead } from "./log-storage.js";
import { isSameHash } from "./tree-hash.js";
import { readText } from "./verify-checkpoints.js";
import type { WitnessState } from "./witness.js";
import { lockForWriting } from "./writer-lock.js";

/** What a witness remembers, in a folder: for each log one file, the checkpoint it cosigned last. */
export interface WitnessFolder extends WitnessState {
  close(): void;
}

/** @throws SegnoError `conflict` while another process is this witness */
export async function witnessFolder(folder: string): Promise<WitnessFolder> {
  const unlock = await lockForWriting(folder);
  let queue: Promise<unknown> = Promise.resolve();
  const fileOf = (origin: string): string => join(folder, createHash("sha256").update(origin).digest("hex"));
  const latest = (origin: string): Promise<string | undefined> => readText(fileOf(origin));
  async function read(origin: string): Promise<LogHead | undefined> {
    const note = await latest(origin);
    if (note === undefined) return undefined;
    const checkpoint = parseCheckpoint(note);
    if (checkpoint?.origin !== origin) throw new Error("What the witness remembers of this log is damaged.");
    return { size: checkpoint.size, root: checkpoint.root };
  }
  async function replace(origin: string, from: LogHead | undefined, cosigned: string): Promise<boolean> {
    const now = await read(origin);
    const isSame = now === undefined ? from === undefined : now.size === from?.size && isSameHash(now.root, from.root);
    if (!isSame) return false;
    await writeDurably(fileOf(origin), cosigned);
    await syncFolders(folder, []);
    return true;
  }
  return {
    read,
    latest,
    replace(origin, from, _to, cosigned) {
      const result = queue.then(() => replace(origin, from, cosigned));
      queue = result.catch(() => undefined);
      return result;
    },
    close: unlock,
  };
}
