import { readFileSync } from "node:fs";
import {
  fileStorage,
  type LogStorage,
  parseTrustedKeys,
  parseWitnessPolicy,
  type TrustedKey,
  type WitnessPolicy,
} from "@segno/server/audit";
import type { CommandInput, OptionRow } from "../command.js";
import { CommandError, failureOf, UsageError } from "../failure.js";

const docs = "docs/concepts/audit-log.md";

/** Options that say who is trusted. */
export const trustOptions: Readonly<Record<string, OptionRow>> = {
  keys: { type: "string", value: "FILE", help: "the log's public keys, one a line, from elsewhere than the log" },
  policy: { type: "string", value: "FILE", help: "which witnesses must have cosigned (C2SP tlog-policy)" },
};

/** @throws UsageError without --keys; CommandError when a file cannot be used */
export function readTrust(values: CommandInput["values"]): {
  readonly keys: readonly TrustedKey[];
  readonly policy?: WitnessPolicy;
} {
  const { keys, policy } = values;
  if (typeof keys !== "string")
    throw new UsageError("--keys is missing.", "Give a file of the log's keys: --keys keys.txt");
  const trusted = parseFile(keys, parseTrustedKeys);
  return typeof policy === "string"
    ? { keys: trusted, policy: parseFile(policy, parseWitnessPolicy) }
    : { keys: trusted };
}

/** Reads a file and what is in it. @throws CommandError */
export function parseFile<Result>(path: string, parse: (text: string) => Result): Result {
  const text = readInput(path);
  try {
    return parse(text);
  } catch (error) {
    const cause = `${path}: ${error instanceof Error ? error.message : "not readable"}`;
    throw new CommandError({ code: "file_content", cause, fix: "Correct the file.", docs });
  }
}

export function readInput(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    throw new CommandError({
      code: "file_missing",
      cause: `${path} cannot be read.`,
      fix: "Give a file that is there.",
      docs,
    });
  }
}

/** What a log or a witness refused, with the words for it. */
export async function tellingAudit<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    const failure = failureOf(error);
    const fix = fixes[failure.code];
    throw fix === undefined ? error : new CommandError({ ...failure, fix, docs });
  }
}

const fixes: Readonly<Record<string, string>> = {
  not_found: "Look whether it is the right log, and whether a checkpoint was signed since: segno audit verify DIR",
  conflict: "Do not go on before it is clear why. Keep both copies and compare them: segno audit verify DIR",
  store_unavailable: "See what is wrong with it: segno audit verify DIR",
  forbidden: "Name the key of this log in the file of keys.",
};

/** The log in a folder, for reading unless it says otherwise. */
export async function openFolder(folder: string, isWritable = false): Promise<LogStorage> {
  readInput(`${folder}/checkpoint`);
  return await fileStorage(folder, { isWritable });
}

/** A number of an option. @throws UsageError */
export function readNumber(values: CommandInput["values"], name: string): number | undefined {
  const given = values[name];
  if (given === undefined) return undefined;
  const number = typeof given === "string" && /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
  if (Number.isNaN(number)) throw new UsageError(`--${name} "${given}" is no whole number.`, `Give one: --${name} 300`);
  return number;
}
