import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseCheckpoint, type SignedCheckpoint } from "./checkpoint.js";
import { checkpointsName, readCheckpointFile } from "./checkpoint-file.js";
import { isMissing } from "./durable-file.js";
import type { LogProblemCode, ProblemList } from "./log-problem.js";
import { isSameHash } from "./tree-hash.js";
import { type TrustedKey, trustedSignature } from "./trusted-keys.js";

/** What checkpoints are held against. */
export interface CheckpointExpectations {
  readonly keys: readonly TrustedKey[];
  readonly origin: string | undefined;
  readonly problems: ProblemList;
}

/** A checkpoint that may be believed, and where it stands. */
export interface FoundCheckpoint {
  readonly checkpoint: SignedCheckpoint;
  readonly path: string;
}

/** The newest checkpoint, from the file that every log has. */
export async function readNewest(
  folder: string,
  expected: CheckpointExpectations,
): Promise<FoundCheckpoint | undefined> {
  const text = await readText(join(folder, "checkpoint"));
  if (text === undefined) {
    expected.problems.add({ code: "checkpoint_missing", path: "checkpoint", reason: "the log has no checkpoint" });
    return undefined;
  }
  return judge(text, "checkpoint", expected);
}

/** Every checkpoint that was kept and may be believed, in the order of the file. Says what is wrong with the others. */
export async function* keptCheckpoints(
  folder: string,
  newest: FoundCheckpoint | undefined,
  expected: CheckpointExpectations,
): AsyncIterable<FoundCheckpoint> {
  const { problems } = expected;
  let last: SignedCheckpoint | undefined;
  let lastText: string | undefined;
  let number = 0;
  for await (const { note, isWhole } of readCheckpointFile(join(folder, checkpointsName))) {
    number += 1;
    const path = `${checkpointsName}#${number}`;
    lastText = note;
    if (!isWhole) {
      problems.add({ code: "checkpoint_malformed", path, reason: "the file of checkpoints ends in the middle of one" });
      continue;
    }
    const found = judge(note, path, expected);
    if (found === undefined) continue;
    const { size, root, origin } = found.checkpoint;
    if (last !== undefined && size < last.size) {
      const reason = `the log was of ${last.size} leaves before it was of ${size}: a checkpoint was moved, or the log rolled back`;
      problems.add({ code: "checkpoint_order", path, from: size, to: last.size, reason });
      continue;
    }
    if (last?.size === size && !isSameHash(last.root, root)) {
      problems.add({ code: "fork", path, from: 0, to: size, reason: "two checkpoints of one size name two trees" });
    }
    if (last !== undefined && origin !== last.origin)
      problems.add({ code: "checkpoint_differs", path, reason: "this checkpoint is of another log" });
    last = found.checkpoint;
    yield found;
  }
  if (newest === undefined) return;
  if (lastText !== undefined && lastText !== (await readText(join(folder, "checkpoint")))) {
    const reason = "the newest checkpoint is not the last of those kept: one of the two files was changed or put back";
    problems.add({ code: "checkpoint_differs", path: "checkpoint", reason });
  }
  if (lastText === undefined) yield newest;
}

/** Reads and believes a checkpoint, or says why not. */
export function judge(
  text: string,
  path: string,
  { keys, origin, problems }: CheckpointExpectations,
): FoundCheckpoint | undefined {
  const checkpoint = parseCheckpoint(text);
  if (checkpoint === undefined) {
    problems.add({ code: "checkpoint_malformed", path, reason: "this is no checkpoint (C2SP tlog-checkpoint)" });
    return undefined;
  }
  const { size } = checkpoint;
  const refuse = (code: LogProblemCode, reason: string): undefined => {
    problems.add({ code, path, from: 0, to: size, reason });
  };
  if (origin !== undefined && checkpoint.origin !== origin)
    return refuse("checkpoint_differs", "this checkpoint is of another log");
  const state = trustedSignature(checkpoint, keys);
  if (state === "bad_signature") return refuse("signature_bad", "the signature is not of this text: it was changed");
  if (state === "unknown_key") return refuse("signature_unknown_key", "no key that is trusted signed this checkpoint");
  if (state === "key_out_of_range")
    return refuse("signature_key_out_of_range", `its key was not the log's key at ${size} leaves`);
  return { checkpoint, path };
}

export async function readText(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await readFile(path));
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
