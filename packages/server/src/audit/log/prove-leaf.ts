import { SegnoError } from "@segno/core";
import { findLeaf, readLeaf } from "./find-leaf.js";
import type { LogStorage } from "./log-storage.js";
import { formatProof } from "./proof-file.js";
import { nodesOf } from "./tile-nodes.js";
import { inclusionProof } from "./tree-proof.js";

/**
 * A proof of one leaf under the newest checkpoint, as a file that verifies alone (C2SP tlog-proof), with the leaf in it.
 * @throws SegnoError `not_found` while no checkpoint covers the leaf
 */
export async function proveLeaf(storage: LogStorage, index: number, leaf: Uint8Array): Promise<string> {
  const checkpoint = await storage.latestCheckpoint();
  if (checkpoint === undefined || checkpoint.size <= index)
    throw new SegnoError("not_found", "No checkpoint covers this leaf yet. The next one will.");
  const { size } = await storage.head();
  const hashes = await inclusionProof(nodesOf(storage, size), index, checkpoint.size);
  return formatProof({ index, hashes, checkpoint: checkpoint.note, leaf });
}

/** Which leaf: that of an event, or the one at a place. */
export type LeafName = { readonly eventId: string } | { readonly index: number };

/** A leaf and the proof of it. */
export interface ProvenLeaf {
  readonly index: number;
  readonly leaf: Uint8Array;
  /** The proof as a file, with the leaf in it. Undefined while no checkpoint covers the leaf. */
  readonly proof: string | undefined;
}

/**
 * Finds a leaf of a log and proves it.
 * @throws SegnoError `not_found` when there is none
 * @example
 * ```ts
 * import { fileStorage, findProof } from "@segno/server/audit";
 * const log = await fileStorage("./audit", { isWritable: false });
 * const { proof } = await findProof(log, { index: 1042 });
 * console.log(proof);
 * ```
 */
export async function findProof(storage: LogStorage, name: LeafName): Promise<ProvenLeaf> {
  const found = "index" in name ? await atIndex(storage, name.index) : await findLeaf(storage, name.eventId);
  if (found === undefined) throw new SegnoError("not_found", "The log has no such leaf.");
  const signedSize = (await storage.latestCheckpoint())?.size ?? 0;
  const proof = found.index < signedSize ? await proveLeaf(storage, found.index, found.leaf) : undefined;
  return { ...found, proof };
}

async function atIndex(storage: LogStorage, index: number): ReturnType<typeof findLeaf> {
  const leaf = await readLeaf(storage, index);
  return leaf === undefined ? undefined : { index, leaf };
}
