/** `@segno/server/storage/sql`: where a store comes from. */
export type { PgClient, PgPool, PgResult, PgStatement } from "./pg-pool.js";
export { type PostgresOptions, postgres } from "./postgres.js";
export type { StoreContext, StoreSource } from "./source.js";
export { type SqliteOptions, sqlite } from "./sqlite.js";
