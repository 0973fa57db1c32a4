export type {
  KeyAlgorithm,
  KeyContext,
  KeyCustody,
  KeyPurpose,
  RemoteCustody,
  RemoteKey,
  WrappingCustody,
} from "./custody.js";
export { createKeyring, type KeyHealth, type Keyring, type KeyringHealth, type KeyringParts } from "./keyring.js";
export { createLocalCustody } from "./local-custody.js";
export { type Prepared, withOutsideWork } from "./outside-first.js";
export type { RotateOptions } from "./rotate.js";
