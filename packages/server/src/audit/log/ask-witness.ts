import { SegnoError } from "@segno/core";
import { parseCheckpoint } from "./checkpoint.js";
import { cosignedAtMs } from "./cosignature.js";
import type { KeptCheckpoint, LogStorage } from "./log-storage.js";
import { parseSignatureLine, type VerifierKey } from "./note.js";
import { nodesOf } from "./tile-nodes.js";
import { consistencyProof } from "./tree-proof.js";
import { formatWitnessRequest } from "./witness.js";

export interface WitnessAddress {
  /** Its submission prefix, without a slash at the end. */
  readonly url: string;
  readonly key: VerifierKey;
}

/**
 * Asks a witness to cosign the newest checkpoint and keeps its signature (C2SP tlog-witness).
 * @returns the checkpoint as it is kept now
 * @throws SegnoError `conflict` when the witness saw another log; `unexpected_response` when its answer is not a cosignature
 * @example
 * ```ts
 * import { askWitness, fileStorage } from "@segno/server/audit";
 * const key = { name: "witness.example/one", id: 0x8f2c11aa, type: 4, publicKey: new Uint8Array(32) };
 * const log = await fileStorage("./audit");
 * await askWitness(log, { url: "https://witness.example", key }, fetch);
 * ```
 */
export async function askWitness(
  storage: LogStorage,
  { url, key }: WitnessAddress,
  fetch: typeof globalThis.fetch,
): Promise<KeptCheckpoint> {
  const kept = await storage.latestCheckpoint();
  if (kept === undefined) throw new SegnoError("not_found", "The log has no checkpoint yet.");
  const nodes = nodesOf(storage, (await storage.head()).size);
  const ask = async (oldSize: number): Promise<Response> => {
    const proof = await consistencyProof(nodes, oldSize, kept.size);
    const body = formatWitnessRequest(oldSize, proof, kept.note);
    return await fetch(`${url}/add-checkpoint`, { method: "POST", body, redirect: "error" });
  };
  let response = await ask(0);
  const seen = response.status === 409 ? Number(await response.text()) : 0;
  if (seen > kept.size) throw new SegnoError("conflict", "The witness saw a larger log: this one was rolled back.");
  if (seen > 0) response = await ask(seen);
  if (response.status === 409 || response.status === 422)
    throw new SegnoError("conflict", "The witness saw another log: this one forked.");
  const lines = response.status === 200 ? await response.text() : "";
  const note =
    kept.note +
    lines
      .split("\n")
      .flatMap((line) => (isByWitness(line, key) ? [`${line}\n`] : []))
      .join("");
  const cosigned = parseCheckpoint(note);
  if (cosigned === undefined || cosignedAtMs(cosigned, key) === undefined)
    throw new SegnoError("unexpected_response", "The witness did not answer with its cosignature.");
  await storage.keepCheckpoint({ size: kept.size, note });
  return (await storage.latestCheckpoint()) ?? { size: kept.size, note };
}

function isByWitness(line: string, key: VerifierKey): boolean {
  const signature = parseSignatureLine(line);
  return signature?.name === key.name && signature.id === key.id;
}
