/** `@segno/server/storage/sql`: where a store comes from. */
export { type PgClient, type PgPool, type PgResult, type PgStatement, postgres } from "./postgres.js";
export type { StoreContext, StoreSource } from "./source.js";
export { type SqliteOptions, sqlite } from "./sqlite.js";
