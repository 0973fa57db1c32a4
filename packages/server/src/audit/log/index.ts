export type { LogSigner } from "./checkpoint.js";
export type { KeptCheckpoint, LogAppend, LogHead, LogStorage, TileWrite } from "./log-storage.js";
export { type Appended, type Log, type LogParts, openLog } from "./open-log.js";
export { sqlStorage } from "./store.js";
export { type FileStorageOptions, fileStorage } from "./file-storage.js";
export { canonicalJson, type JsonValue, parseCanonicalJson } from "./canonical-json.js";
export { parseCheckpoint } from "./checkpoint.js";
export {
  formatSignatureLine,
  formatVerifierKey,
  isBy,
  isSignedBy,
  parseNote,
  signatureTypes,
  verifierKeyOf,
} from "./note.js";
export { formatProof, verifyProof } from "./proof-file.js";
export { parseTrustedKeys, type TrustedKey } from "./trusted-keys.js";
