/** What other folders may use of the store. */
export { readDatabaseClock } from "./database-clock.js";
export { rememberOnce } from "./once.js";
export { isUniqueViolation, isWriteRefused, toSegnoError } from "./faults.js";
export { durableState, type HotState, hotState } from "./hot-state.js";
export type { KeyValueSource } from "./key-value.js";
export { postgresUrl } from "./postgres.js";
export { prepared, type SlotOf } from "./prepared.js";
export type { Schema } from "./schema.js";
export type {
  MigrationStatus,
  MigrationStep,
  SchemaAccess,
  SchemaStatus,
  StoreContext,
  StoreSource,
} from "./source.js";
export { sqlite } from "./sqlite.js";
export { deleteInPortions, sweepExpired } from "./sweep.js";
