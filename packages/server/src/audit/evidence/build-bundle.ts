import { SegnoError } from "@segno/core";
import { isExpired, type LeafContent } from "../leaf/leaf.js";
import {
  canonicalJson,
  formatProof,
  type JsonValue,
  type Log,
  type LogSigner,
  type LogStorage,
  parseCheckpoint,
} from "../log/index.js";
import { type AuditQuery, isWanted } from "../read/query.js";
import { scanLeaves } from "../read/scan.js";
import { encodeManifest, manifestName } from "./manifest.js";
import { noteName, signManifest } from "./manifest-note.js";
import { resultCsv } from "./result-csv.js";
import type { BundleFiles } from "./zip.js";

export interface BundleInput {
  readonly audit: Log;
  readonly storage: LogStorage;
  readonly query: AuditQuery;
  /** The log's keys, as a verifier's file of keys. */
  readonly keys: string;
  /** Signs the manifest: the key that signs the log's checkpoints. */
  readonly signer: LogSigner;
  readonly tool: { readonly name: string; readonly version: string };
}

const most = 10_000;

/**
 * Everything that proves what the log answers to a query, for somebody who has neither the log nor its database: the newest
 * checkpoint, a proof with its leaf for each entry, the query and the answer as a table. The same log at the same checkpoint
 * gives the same bytes.
 * @throws SegnoError `not_found` while the log has no checkpoint, `invalid_input` for a query that finds more than 10 000
 */
export async function buildBundle({ audit, storage, query, keys, signer, tool }: BundleInput): Promise<BundleFiles> {
  const kept = await storage.latestCheckpoint();
  const checkpoint = kept === undefined ? undefined : parseCheckpoint(kept.note);
  if (kept === undefined || checkpoint === undefined)
    throw new SegnoError("not_found", "The audit log has no checkpoint yet. It signs one a minute.");
  const found: { readonly index: number; readonly leaf: LeafContent; readonly bytes: Uint8Array }[] = [];
  for await (const { index, content, bytes } of scanLeaves(storage)) {
    if (index >= checkpoint.size) break;
    if (content === undefined || isExpired(content) || !isWanted(content, query)) continue;
    found.push({ index, leaf: content, bytes });
    if (found.length > most)
      throw new SegnoError("invalid_input", `The query finds more than ${most} entries. Narrow it.`);
  }
  const files = new Map<string, Uint8Array>([
    ["checkpoint", Buffer.from(kept.note)],
    ["keys.txt", Buffer.from(keys)],
    ["query.json", Buffer.from(canonicalJson({ ...query } as JsonValue))],
    ["result.csv", Buffer.from(resultCsv(found))],
  ]);
  for (const { index, bytes } of found) {
    const hashes = await audit.proveInclusion(index, checkpoint.size);
    files.set(proofName(index), Buffer.from(formatProof({ index, hashes, checkpoint: kept.note, leaf: bytes })));
  }
  const { origin, size } = checkpoint;
  const manifest = encodeManifest({ tool, origin, size }, files);
  return new Map([[manifestName, manifest], [noteName, await signManifest(origin, manifest, signer)], ...files]);
}

export function proofName(index: number): string {
  return `proofs/${String(index).padStart(10, "0")}.tlog-proof`;
}
