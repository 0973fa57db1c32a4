export type { LogSigner } from "./checkpoint.js";
export type { KeptCheckpoint, LogAppend, LogHead, LogStorage, TileWrite } from "./log-storage.js";
export { type Appended, type Log, type LogParts, openLog } from "./open-log.js";
export { sqlStorage } from "./store.js";
export { type FileStorageOptions, fileStorage } from "./file-storage.js";
export { canonicalJson, type JsonValue, parseCanonicalJson } from "./canonical-json.js";
