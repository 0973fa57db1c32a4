import { type Checkpoint, parseCheckpoint } from "./checkpoint.js";
import { decodeBase64 } from "./note.js";
import { hashLength, leafHash } from "./tree-hash.js";
import { isIncluded } from "./tree-proof.js";
import { type TrustedKey, trustedSignature } from "./trusted-keys.js";
import { type WitnessPolicy, witnessedBy } from "./witness-policy.js";

const title = "c2sp.org/tlog-proof@v1";

/** A proof that verifies alone: without the log, its server or its database. */
export interface LogProof {
  readonly index: number;
  /** From the leaf's sibling upwards. */
  readonly hashes: readonly Uint8Array[];
  /** The signed checkpoint. */
  readonly checkpoint: string;
  /** The leaf, as the proof's extra data. */
  readonly leaf?: Uint8Array;
}

/** A proof as text (C2SP tlog-proof). */
export function formatProof({ index, hashes, checkpoint, leaf }: LogProof): string {
  const lines = [
    title,
    ...(leaf === undefined ? [] : [`extra ${base64(leaf)}`]),
    `index ${index}`,
    ...hashes.map(base64),
    "",
    checkpoint,
  ];
  return lines.join("\n");
}

/** Reads a proof; undefined when it is none. */
export function parseProof(text: string): LogProof | undefined {
  const end = text.indexOf("\n\n");
  const lines = text.slice(0, Math.max(end, 0)).split("\n");
  if (end < 0 || lines.shift() !== title) return undefined;
  const extra = lines[0]?.startsWith("extra ") === true ? decodeBase64(lines.shift()?.slice(6) ?? "") : null;
  const index = /^index (0|[1-9]\d{0,15})$/.exec(lines.shift() ?? "")?.[1];
  const hashes = lines.map(decodeBase64).filter((hash) => hash?.length === hashLength);
  if (extra === undefined || index === undefined || hashes.length !== lines.length || hashes.length > 63)
    return undefined;
  const proof = { index: Number(index), hashes: hashes as Uint8Array[], checkpoint: text.slice(end + 2) };
  return extra === null ? proof : { ...proof, leaf: extra };
}

/** What a proof is held against. */
export interface ProofExpectations {
  readonly keys: readonly TrustedKey[];
  readonly policy?: WitnessPolicy;
  /** The leaf. Default: the one that the proof carries. */
  readonly leaf?: Uint8Array;
}

/** What came of it. */
export type ProofVerdict =
  | {
      readonly ok: true;
      readonly leaf: Uint8Array;
      readonly index: number;
      readonly checkpoint: Checkpoint;
      readonly witnesses: readonly { readonly name: string; readonly atMs: number }[];
    }
  | { readonly ok: false; readonly reason: string };

/**
 * Verifies a proof by itself.
 * Not checked: that the log was not rolled back since, or shows others another tree; witnesses are there for that.
 * @example
 * ```ts
 * import { readFileSync } from "node:fs";
 * import { parseTrustedKeys, verifyProof } from "@segno/server/audit";
 * const keys = parseTrustedKeys(readFileSync("keys.txt", "utf8"));
 * const verdict = verifyProof(readFileSync("login.tlog-proof", "utf8"), { keys });
 * if (!verdict.ok) console.error(verdict.reason);
 * ```
 */
export function verifyProof(text: string, { keys, policy, leaf: given }: ProofExpectations): ProofVerdict {
  const refuse = (reason: string): ProofVerdict => ({ ok: false, reason });
  const proof = parseProof(text);
  if (proof === undefined) return refuse("this is no proof (C2SP tlog-proof)");
  const checkpoint = parseCheckpoint(proof.checkpoint);
  if (checkpoint === undefined) return refuse("the proof's checkpoint is malformed");
  const signature = trustedSignature(checkpoint, [...keys, ...(policy?.logs.map((key) => ({ key })) ?? [])]);
  if (signature !== "signed") return refuse(`the checkpoint's signature: ${signature.replaceAll("_", " ")}`);
  const leaf = given ?? proof.leaf;
  if (leaf === undefined) return refuse("the proof carries no leaf, and none was given");
  const claim = { leafHash: leafHash(leaf), index: proof.index, size: checkpoint.size, root: checkpoint.root };
  if (!isIncluded({ ...claim, proof: proof.hashes })) return refuse("the leaf is not in the tree of this checkpoint");
  const witnesses = policy === undefined ? [] : witnessedBy(checkpoint, policy);
  if (policy?.isQuorum(new Set(witnesses.map(({ name }) => name))) === false)
    return refuse(`witnesses are missing: needed ${policy.rule}`);
  const { origin, size, root } = checkpoint;
  return { ok: true, leaf, index: proof.index, checkpoint: { origin, size, root }, witnesses };
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
