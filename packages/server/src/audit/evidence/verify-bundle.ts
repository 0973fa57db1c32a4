import { decodeLeaf, isExpired, type LeafContent } from "../leaf/leaf.js";
import { parseCheckpoint, parseTrustedKeys, type TrustedKey, verifyProof } from "../log/index.js";
import { type AuditQuery, isWanted } from "../read/query.js";
import { proofName } from "./build-bundle.js";
import { type HandOver, readCustody } from "./hand-over.js";
import { custodyName, decodeManifest, type Manifest, manifestName, sha256 } from "./manifest.js";
import { manifestFault, noteName } from "./manifest-note.js";
import { resultCsv } from "./result-csv.js";
import type { BundleFiles } from "./zip.js";

/** What is wrong with a bundle, and in which file. */
export interface BundleFault {
  readonly file: string;
  readonly reason: string;
}

export interface BundleVerdict {
  readonly ok: boolean;
  readonly faults: readonly BundleFault[];
  readonly manifest?: Manifest;
  readonly entries: number;
  readonly handOvers: readonly HandOver[];
  /** Whose keys the checkpoint was held against. By the bundle's own it proves only that it agrees with itself. */
  readonly keysFrom: "given" | "bundle";
}

/**
 * Verifies a bundle by itself: every file against the manifest, every proof against the checkpoint and its key, the table
 * against the leaves, the query against each leaf, and the custody record line by line. Needs no network and no database.
 *
 * Not checked: that the query found everything there was (run it on the log for that), that the log shows others the same
 * tree, and whose the keys in the custody record are.
 * @param keys the log's keys, got from elsewhere than the bundle
 */
export function verifyBundle(files: BundleFiles, keys?: readonly TrustedKey[]): BundleVerdict {
  const faults: BundleFault[] = [];
  const fault = (file: string, reason: string): void => void faults.push({ file, reason });
  const keysFrom = keys === undefined ? "bundle" : "given";
  const { handOvers, fault: custodyFault } = readCustody(files);
  const manifest = decodeManifest(files.get(manifestName));
  if (manifest === undefined) {
    fault(manifestName, files.has(manifestName) ? "is no manifest" : "is missing");
    return { ok: false, faults, entries: 0, handOvers, keysFrom };
  }
  if (custodyFault !== undefined) fault(custodyName, custodyFault);
  compareFiles(files, manifest, fault);
  const trusted = keys ?? readKeys(files, fault);
  const note = {
    origin: manifest.origin,
    manifest: files.get(manifestName) ?? new Uint8Array(),
    note: files.get(noteName),
  };
  const noteFault = trusted === undefined ? undefined : manifestFault(note, trusted);
  if (noteFault !== undefined) fault(noteName, noteFault);
  const entries = trusted === undefined ? 0 : checkProofs(files, { manifest, trusted }, fault);
  return { ok: faults.length === 0, faults, manifest, entries, handOvers, keysFrom };
}

type Report = (file: string, reason: string) => void;
const textOf = (files: BundleFiles, name: string): string => Buffer.from(files.get(name) ?? []).toString();

function compareFiles(files: BundleFiles, manifest: Manifest, fault: Report): void {
  for (const [name, { sha256: wanted, bytes }] of Object.entries(manifest.files)) {
    const found = files.get(name);
    if (found === undefined) fault(name, "is missing");
    else if (found.length !== bytes || sha256(found) !== wanted) fault(name, "was changed");
  }
  for (const name of files.keys())
    if (![manifestName, noteName, custodyName].includes(name) && !Object.hasOwn(manifest.files, name))
      fault(name, "was added");
}

function readKeys(files: BundleFiles, fault: Report): readonly TrustedKey[] | undefined {
  try {
    return parseTrustedKeys(textOf(files, "keys.txt"));
  } catch {
    fault("keys.txt", "names no keys that can be read");
    return undefined;
  }
}

function checkProofs(
  files: BundleFiles,
  { manifest, trusted }: { readonly manifest: Manifest; readonly trusted: readonly TrustedKey[] },
  fault: Report,
): number {
  const note = textOf(files, "checkpoint");
  const checkpoint = parseCheckpoint(note);
  if (checkpoint?.origin !== manifest.origin || checkpoint.size !== manifest.size)
    fault("checkpoint", "is not the one the manifest names");
  const query = readQuery(files, fault);
  const rows: { readonly index: number; readonly leaf: LeafContent }[] = [];
  for (const name of [...files.keys()].filter((each) => each.startsWith("proofs/"))) {
    const text = textOf(files, name);
    const verdict = verifyProof(text, { keys: trusted });
    if (!verdict.ok) {
      fault(name, verdict.reason);
      continue;
    }
    if (!text.endsWith(`\n\n${note}`) || name !== proofName(verdict.index)) fault(name, "is a proof of something else");
    const leaf = decodeLeaf(verdict.leaf);
    if (leaf === undefined || isExpired(leaf)) fault(name, "proves a leaf that cannot be read");
    else {
      if (query !== undefined && !isWanted(leaf, query)) fault(name, "is no answer to the query");
      rows.push({ index: verdict.index, leaf });
    }
  }
  rows.sort((a, b) => a.index - b.index);
  if (textOf(files, "result.csv") !== resultCsv(rows)) fault("result.csv", "is not what the proved leaves say");
  return rows.length;
}

function readQuery(files: BundleFiles, fault: Report): AuditQuery | undefined {
  try {
    const value: unknown = JSON.parse(textOf(files, "query.json"));
    if (typeof value === "object" && value !== null) return value as AuditQuery;
  } catch {
    // told below
  }
  fault("query.json", "is no query");
  return undefined;
}
