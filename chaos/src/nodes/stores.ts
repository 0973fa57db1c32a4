import type { SegnoOptions } from "@segno/server";
import { redis } from "@segno/server/storage/redis";
import { postgres, sqlite } from "@segno/server/storage/sql";
import { Redis } from "ioredis";
import pg from "pg";

/** Where a node keeps what it knows. */
export type DatabaseOptions =
  | { readonly kind: "sqlite"; readonly file: string }
  | {
      readonly kind: "postgres";
      readonly url: string;
      readonly max: number;
      readonly connectTimeoutMs?: number;
      readonly statementTimeoutMs?: number;
    };

export function databaseOf(database: DatabaseOptions): NonNullable<SegnoOptions["database"]> {
  if (database.kind === "sqlite") return sqlite(database.file);
  const { url, max, connectTimeoutMs, statementTimeoutMs } = database;
  const pool = new pg.Pool({ connectionString: url, max, connectionTimeoutMillis: connectTimeoutMs ?? 2_000 });
  pool.on("error", () => {});
  return postgres(pool, {
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }),
  });
}

export function hotStateOf(port: number | undefined): Pick<SegnoOptions, "hotState"> {
  if (port === undefined) return {};
  const client = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 50, maxRetriesPerRequest: 1 });
  return { hotState: redis(client) };
}
