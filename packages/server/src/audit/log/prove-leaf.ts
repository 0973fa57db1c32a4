import { SegnoError } from "@segno/core";
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
