import { createReadStream } from "node:fs";
import { open, truncate } from "node:fs/promises";
import { isMissing } from "./durable-file.js";

/** Kept checkpoints, oldest first: each note followed by an empty line. Only ever appended to. */
export const checkpointsName = "checkpoints";

/** A record of the file: its text, and where it begins. */
export interface CheckpointRecord {
  readonly note: string;
  readonly at: number;
  /** False for what is left at the end of a file that was cut off. */
  readonly isWhole: boolean;
}

/** No note is as long: what has no end by then is none. */
const maxRecordBytes = 200_000;

/** Reads the records one by one. A file that is not there has none. */
export async function* readCheckpointFile(path: string): AsyncIterable<CheckpointRecord> {
  let rest = Buffer.alloc(0);
  let at = 0;
  const stream = createReadStream(path);
  try {
    for await (const chunk of stream) {
      rest = Buffer.concat([rest, chunk as Buffer]);
      for (let end = recordEnd(rest); end !== undefined; end = recordEnd(rest)) {
        // the last newline ends the record and not the note
        yield { note: rest.toString("utf8", 0, end - 1), at, isWhole: true };
        rest = rest.subarray(end);
        at += end;
      }
      if (rest.length > maxRecordBytes) break;
    }
  } catch (error) {
    if (isMissing(error)) return;
    throw error;
  } finally {
    stream.destroy();
  }
  if (rest.length > 0) yield { note: rest.toString("utf8"), at, isWhole: false };
}

/** Where the first record ends: behind the second empty line, the first being the one between text and signatures. */
function recordEnd(bytes: Buffer): number | undefined {
  const text = bytes.indexOf("\n\n");
  const signatures = text < 0 ? -1 : bytes.indexOf("\n\n", text + 2);
  return signatures < 0 ? undefined : signatures + 2;
}

/** Appends a note, forced to the disk; when that fails the file is as it was. */
export async function appendCheckpoint(path: string, note: string): Promise<void> {
  const file = await open(path, "a", 0o600);
  try {
    const { size } = await file.stat();
    try {
      await file.writeFile(`${note}\n`);
      await file.sync();
    } catch (error) {
      await file.truncate(size).catch(() => undefined);
      throw error;
    }
  } finally {
    await file.close();
  }
}

/** Cuts off a record that was never written to its end. @returns the last whole one */
export async function repairCheckpointFile(path: string): Promise<string | undefined> {
  let last: string | undefined;
  for await (const { note, at, isWhole } of readCheckpointFile(path)) {
    if (isWhole) last = note;
    else await truncate(path, at);
  }
  return last;
}
