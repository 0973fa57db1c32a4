/** `@segno/server/audit`: verifies an audit log from its files, and all else that needs no engine. */
export { askWitness, type WitnessAddress } from "./log/ask-witness.js";
export type { Checkpoint, LogSigner } from "./log/checkpoint.js";
export { exportLog, type Exported } from "./log/export-log.js";
export { type FileStorageOptions, fileStorage } from "./log/file-storage.js";
export type { LogProblem, LogProblemCode } from "./log/log-problem.js";
export type { KeptCheckpoint, LogAppend, LogHead, LogStorage, TileWrite } from "./log/log-storage.js";
export type { VerifierKey } from "./log/note.js";
export { openWitness, type Witness, type WitnessOptions } from "./log/open-witness.js";
export { pemSigner } from "./log/pem-signer.js";
export { type ProofExpectations, type ProofVerdict, verifyProof } from "./log/proof-file.js";
export { findProof, type LeafName, type ProvenLeaf } from "./log/prove-leaf.js";
export type { TileId } from "./log/tile.js";
export { parseTrustedKeys, type TrustedKey } from "./log/trusted-keys.js";
export { type LogReport, verifyLog, type VerifyLogOptions } from "./log/verify-log.js";
export { parseWitnessPolicy, type WitnessPolicy } from "./log/witness-policy.js";
export {
  readBundle as readEvidence,
  replaceBundle as replaceEvidence,
  writeBundle as writeEvidence,
} from "./evidence/bundle-file.js";
export { handOver as handOverEvidence, type HandOver, type HandOverInput } from "./evidence/hand-over.js";
export type { Manifest as EvidenceManifest } from "./evidence/manifest.js";
export { type BundleFault, type BundleVerdict, verifyBundle as verifyEvidence } from "./evidence/verify-bundle.js";
export type { BundleFiles } from "./evidence/zip.js";
