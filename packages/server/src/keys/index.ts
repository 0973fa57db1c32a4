export { createAuditSigner } from "./audit-signer.js";
export type { CompromiseOptions, CompromiseReport } from "./compromise-key.js";
export type {
  KeyAlgorithm,
  KeyContext,
  KeyCustody,
  KeyPurpose,
  RemoteCustody,
  RemoteKey,
  WrappingCustody,
} from "./custody.js";
export { createDataSealer } from "./data-sealer.js";
export {
  createKeyApi,
  type KeyApi,
  type KeyApiParts,
  type RotateKeysOptions,
  type SignDocumentOptions,
  type SignedDocument,
} from "./key-api.js";
export type { Keyring } from "./keyring.js";
export { custodyId } from "./key-material.js";
export type { KeyHealth, KeyringHealth } from "./keyring-health.js";
export { createKeyrings, type Keyrings } from "./keyrings.js";
export { createLocalCustody } from "./local-custody.js";
export { openCustody } from "./open-custody.js";
export { OutsideFirst, type Prepared, type Repeatable, withOutsideWork } from "./outside-first.js";
export { jwksMaxAgeSeconds, jwksStaleSeconds, leastPublishSeconds } from "./overlap.js";
export type { RotateOptions, Rotation } from "./rotate.js";
export type { KeyStatus, KeyStatusReport } from "./status.js";
export { createVerifiers, type KnownVerifier } from "./verifiers.js";
