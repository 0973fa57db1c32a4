import { type Clock, SegnoError, systemClock } from "@segno/core";
import { type LogSigner, parseCheckpoint } from "./checkpoint.js";
import type { LogStorage } from "./log-storage.js";
import { formatVerifierKey, signatureTypes, verifierKeyOf } from "./note.js";
import { nodesOf } from "./tile-nodes.js";
import { consistencyProof } from "./tree-proof.js";
import type { TrustedKey } from "./trusted-keys.js";
import { witnessCheckpoint, witnessHandler } from "./witness.js";
import { witnessFolder } from "./witness-files.js";

/** What a witness is made of. */
export interface WitnessOptions {
  /** Where it remembers: for each log the checkpoint it cosigned last. One process at a time. */
  readonly folder: string;
  /** The keys of the logs it knows; a log is known by the name of its key. */
  readonly keys: readonly TrustedKey[];
  readonly signer: LogSigner;
  /** Default: the system's clock. */
  readonly clock?: Clock;
}

/** A witness: it saw how large a log was, and cosigns only what goes on from there. */
export interface Witness {
  /** Its public key, for the policies of verifiers. */
  readonly verifierKey: string;
  /** `POST /add-checkpoint` (C2SP tlog-witness), and `GET /latest?origin=NAME` for what it cosigned last. */
  handle(request: Request): Promise<Response>;
  /**
   * Looks at a log that it can read, and cosigns its newest checkpoint.
   * @returns the line of signature
   * @throws SegnoError `conflict` when the log was rolled back or forked since; `forbidden` when it is not one it knows
   */
  cosign(log: LogStorage): Promise<string>;
  /** What it cosigned last. */
  latest(origin: string): Promise<string | undefined>;
  close(): void;
}

/**
 * Opens a witness. It should run where whoever can change the log cannot: in another account, or as a job elsewhere.
 * @throws SegnoError `conflict` while another process is this witness
 * @example
 * ```ts
 * import { readFileSync } from "node:fs";
 * import { openWitness, parseTrustedKeys, pemSigner } from "@segno/server/audit";
 * const witness = await openWitness({
 *   folder: "./witness",
 *   keys: parseTrustedKeys(readFileSync("keys.txt", "utf8")),
 *   signer: pemSigner("witness.example/one", readFileSync("witness.pem", "utf8")),
 * });
 * console.log(witness.verifierKey);
 * ```
 */
export async function openWitness({ folder, keys, signer, clock = systemClock }: WitnessOptions): Promise<Witness> {
  const state = await witnessFolder(folder);
  const parts = { keys, signer, state, clock };
  return {
    verifierKey: formatVerifierKey(verifierKeyOf(signer.keyName, signatureTypes.cosignature, signer.publicKey)),
    handle: witnessHandler(parts),
    latest: (origin) => state.latest(origin),
    async cosign(log) {
      const kept = await log.latestCheckpoint();
      const checkpoint = kept === undefined ? undefined : parseCheckpoint(kept.note);
      if (checkpoint === undefined) throw new SegnoError("not_found", "The log has no checkpoint yet.");
      const { size } = await log.head();
      const oldSize = (await state.read(checkpoint.origin))?.size ?? 0;
      if (checkpoint.size < oldSize)
        throw new SegnoError("conflict", `The log was of ${oldSize} leaves and is of ${checkpoint.size}: rolled back.`);
      const proof = await consistencyProof(nodesOf(log, size), oldSize, checkpoint.size);
      const answer = await witnessCheckpoint(parts, { oldSize, proof, checkpoint });
      if (answer.status === 200) return answer.lines;
      const isUnknown = answer.status === 403 || answer.status === 404;
      throw new SegnoError(isUnknown ? "forbidden" : "conflict", `Not cosigned: ${answer.reason}.`);
    },
    close: () => state.close(),
  };
}
