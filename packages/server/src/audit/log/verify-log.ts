import { join } from "node:path";
import { systemClock } from "@segno/core";
import { parseHead } from "./head-file.js";
import { createLeafCheck, jsonLeafTime } from "./leaf-check.js";
import { createProblemList, type LogProblem, type ProblemList } from "./log-problem.js";
import type { TrustedKey } from "./trusted-keys.js";
import {
  type CheckpointExpectations,
  type FoundCheckpoint,
  judge,
  keptCheckpoints,
  readNewest,
  readText,
} from "./verify-checkpoints.js";
import { verifyFiles } from "./verify-files.js";
import { type RootClaim, verifyTree } from "./verify-tree.js";
import { type WitnessPolicy, witnessedBy } from "./witness-policy.js";

/** What a log is held against. */
export interface VerifyLogOptions {
  /** Who may sign for the log, from somewhere else than the log. */
  readonly keys: readonly TrustedKey[];
  /** Which witnesses must have cosigned the newest checkpoint. Default: none. */
  readonly policy?: WitnessPolicy;
  /** Checkpoints that were kept somewhere else: the log must have grown from each. */
  readonly known?: readonly string[];
  /** Which log it must be. Default: any that a key is for. */
  readonly origin?: string;
  /**
   * The time a leaf carries, in milliseconds since 1970; undefined where it carries none, null where it is malformed.
   * Default: `event.time` or `time` of JSON.
   */
  readonly leafTimeMs?: (leaf: Uint8Array) => number | undefined | null;
  /** How far a leaf's time may lie before that of an earlier one. Default 300,000 ms: nodes' clocks differ. */
  readonly clockToleranceMs?: number;
  /** Classes of leaves that may be gone, and after how many days. Default: none may. */
  readonly retention?: ReadonlyMap<string, number>;
  /** Milliseconds since 1970, for retention. Default: the system's clock. */
  readonly nowMs?: number;
  /** Told from time to time how many leaves are done, and of how many. */
  readonly onProgress?: (done: number, of: number) => void;
  /** How many problems are listed; all are counted. Default 100. */
  readonly maxProblems?: number;
}

/** What came of a verification. */
export interface LogReport {
  /** True when nothing is wrong. */
  readonly ok: boolean;
  readonly origin: string | null;
  /** Leaves in the log. */
  readonly size: number;
  /** Leaves that a checkpoint covers; those after it are not signed yet. */
  readonly signedSize: number;
  /** Root of the newest checkpoint, Base64. */
  readonly root: string | null;
  /** Checkpoints held against the log. */
  readonly checkpoints: number;
  /** Witnesses of the policy that cosigned the newest checkpoint, and when. */
  readonly witnesses: readonly { readonly name: string; readonly atMs: number }[];
  /** Leaves whose time was over, by class. */
  readonly expired: Readonly<Record<string, number>>;
  readonly problemCount: number;
  readonly problems: readonly LogProblem[];
  /** What this verification could not see, and what would. */
  readonly notices: readonly string[];
}

/**
 * Verifies a log in files (C2SP tlog-tiles) without a server or a database: every leaf, every hash, every file, the root
 * at every checkpoint and so the consistency between them, signatures, witnesses, and that times do not go back.
 * Reads each file once and keeps a few tiles in memory.
 *
 * Not checked: what leaves say. A copy that was put back to an earlier checkpoint as a whole, and a second log signed
 * with the same key, show only by `known` or by witnesses; `notices` says so.
 * @throws Error of the file system when the folder cannot be read
 * @example
 * ```ts
 * import { readFileSync } from "node:fs";
 * import { parseTrustedKeys, verifyLog } from "@segno/server/audit";
 * const report = await verifyLog("./audit", { keys: parseTrustedKeys(readFileSync("keys.txt", "utf8")) });
 * if (!report.ok) console.error(report.problems[0]?.reason);
 * ```
 */
export async function verifyLog(folder: string, options: VerifyLogOptions): Promise<LogReport> {
  const problems = createProblemList(options.maxProblems ?? 100);
  const keys = [...options.keys, ...(options.policy?.logs.map((key) => ({ key })) ?? [])];
  const expected: CheckpointExpectations = { keys, origin: options.origin, problems };
  const newest = await readNewest(folder, expected);
  const size = await sizeOf(folder, newest, problems);
  const leaves = createLeafCheck({
    timeOf: options.leafTimeMs ?? jsonLeafTime,
    clockToleranceMs: options.clockToleranceMs ?? 300_000,
    retention: options.retention ?? new Map(),
    nowMs: options.nowMs ?? systemClock.nowMs(),
    problems,
  });
  let checkpoints = 0;
  const kept = claimsOf(keptCheckpoints(folder, newest, expected), size, problems, () => (checkpoints += 1));
  const head = await headClaim(folder, size, problems);
  const known = knownClaims(options.known ?? [], size, expected);
  const claims = inOrder([kept, listed([...known, ...head].toSorted((a, b) => a.size - b.size))]);
  const onProgress = (done: number) => options.onProgress?.(done, size);
  await verifyTree({ folder, size, claims, leaves, problems, onProgress });
  await verifyFiles(folder, size, problems);
  const witnesses = checkWitnesses(newest, options.policy, problems);
  return {
    ok: problems.count() === 0,
    origin: newest?.checkpoint.origin ?? null,
    size,
    signedSize: newest?.checkpoint.size ?? 0,
    root: newest === undefined ? null : Buffer.from(newest.checkpoint.root).toString("base64"),
    checkpoints,
    witnesses,
    expired: Object.fromEntries(leaves.expired),
    problemCount: problems.count(),
    problems: problems.kept,
    notices: noticesOf(options, size - (newest?.checkpoint.size ?? 0)),
  };
}

/** How many leaves to expect: the head says so, or the newest checkpoint where the log is a copy without one. */
async function sizeOf(folder: string, newest: FoundCheckpoint | undefined, problems: ProblemList): Promise<number> {
  const signed = newest?.checkpoint.size ?? 0;
  const text = await readText(join(folder, "head"));
  if (text === undefined) return signed;
  const head = parseHead(text);
  if (head === undefined) {
    problems.add({ code: "head_malformed", path: "head", reason: "this is no head of a log" });
    return signed;
  }
  if (head.size >= signed) return head.size;
  const reason = `the head is at ${head.size} leaves, the newest checkpoint at ${signed}: leaves at the end are missing`;
  problems.add({ code: "truncated", path: "head", from: head.size, to: signed, reason });
  return head.size;
}

async function headClaim(folder: string, size: number, problems: ProblemList): Promise<readonly RootClaim[]> {
  const head = parseHead((await readText(join(folder, "head"))) ?? "");
  if (head === undefined || head.size !== size) return [];
  const reason = "the head names another tree than the leaves make";
  return [{ ...head, refuse: (from) => problems.add({ code: "head_mismatch", path: "head", from, to: size, reason }) }];
}

async function* claimsOf(
  found: AsyncIterable<FoundCheckpoint>,
  size: number,
  problems: ProblemList,
  onEach: () => void,
): AsyncIterator<RootClaim> {
  for await (const { checkpoint, path } of found) {
    onEach();
    const to = checkpoint.size;
    yield {
      size: to,
      root: checkpoint.root,
      refuse(from) {
        if (to > size) {
          const reason = `a checkpoint was signed at ${to} leaves, but the log ends at ${size}: leaves at the end are missing`;
          problems.add({ code: "truncated", path, from: size, to, reason });
        } else {
          const reason =
            "the leaves are not those of this checkpoint: they were changed together with their hashes, or it is of a fork";
          problems.add({ code: "root_mismatch", path, from, to, reason });
        }
      },
    };
  }
}

/** Checkpoints from elsewhere. */
function knownClaims(known: readonly string[], size: number, expected: CheckpointExpectations): readonly RootClaim[] {
  const { problems } = expected;
  const claims = known.flatMap((text, place): RootClaim[] => {
    const path = `known checkpoint ${place + 1}`;
    const found = judge(text, path, expected);
    if (found === undefined) return [];
    const to = found.checkpoint.size;
    const refuse = (from: number): void => {
      if (to > size) {
        const reason = `elsewhere the log was seen at ${to} leaves, here it ends at ${size}: it was rolled back`;
        problems.add({ code: "rolled_back", path, from: size, to, reason });
      } else {
        const reason = "elsewhere the log was seen with another tree of this size: it forked";
        problems.add({ code: "fork", path, from, to, reason });
      }
    };
    return [{ size: to, root: found.checkpoint.root, refuse }];
  });
  return claims;
}

async function* listed<Item>(items: readonly Item[]): AsyncIterator<Item> {
  yield* items;
}

/** Merges claims, each source by size, into one order. */
async function* inOrder(sources: readonly AsyncIterator<RootClaim>[]): AsyncIterator<RootClaim> {
  const heads = await Promise.all(sources.map((source) => source.next()));
  for (;;) {
    const sizes = heads.map(({ done, value }) =>
      done === true ? Number.POSITIVE_INFINITY : (value as RootClaim).size,
    );
    const least = sizes.indexOf(Math.min(...sizes));
    const head = heads[least];
    const source = sources[least];
    if (head === undefined || source === undefined || head.done === true) return;
    yield head.value;
    heads[least] = await source.next();
  }
}

function checkWitnesses(
  newest: FoundCheckpoint | undefined,
  policy: WitnessPolicy | undefined,
  problems: ProblemList,
): LogReport["witnesses"] {
  if (policy === undefined) return [];
  const witnesses = newest === undefined ? [] : witnessedBy(newest.checkpoint, policy);
  if (!policy.isQuorum(new Set(witnesses.map(({ name }) => name)))) {
    const names = witnesses.length === 0 ? "none" : witnesses.map(({ name }) => name).join(", ");
    const reason = `the newest checkpoint needs the cosignatures ${policy.rule}; it has: ${names}`;
    problems.add({ code: "witnesses_missing", path: "checkpoint", reason });
  }
  return witnesses;
}

function noticesOf({ policy, known = [] }: VerifyLogOptions, unsigned: number): readonly string[] {
  const notices: string[] = [];
  if (known.length === 0) {
    notices.push(
      "Not seen here: whether all of the log was put back to an earlier checkpoint. Needed: a later checkpoint from a witness or a copy kept elsewhere.",
    );
  }
  if (policy === undefined && known.length === 0) {
    notices.push(
      "Not seen here: whether others were shown another log signed with the same key (a fork). Needed: witnesses, and a policy that names them.",
    );
  }
  if (unsigned > 0) notices.push(`The last ${unsigned} leaves are not signed yet: no checkpoint covers them.`);
  return notices;
}
