// Stores for tests: SQLite in a file and in memory, and PostgreSQL in a schema of its own, also with a pool of one.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StoreSource } from "@segno/server/storage/sql";
import { postgres, sqlite } from "@segno/server/storage/sql";
import pg from "pg";

export interface TestDatabase {
  /** Opens the database; more than once gives several independent stores on the same data, as several processes would. */
  readonly source: () => StoreSource;
  /** What another process gives to `sourceAt`; undefined for a database in memory. */
  readonly address: string | undefined;
  /** Ends pools and deletes the data. */
  readonly drop: () => Promise<void>;
}

export interface TestDatabaseKind {
  readonly name: string;
  /** Why this kind cannot run here; undefined when it can. */
  readonly skipped: string | undefined;
  readonly create: () => Promise<TestDatabase>;
}

const postgresServer = process.env.SEGNO_TEST_POSTGRES_URL;
const noServer = postgresServer === undefined ? "skipped: SEGNO_TEST_POSTGRES_URL is not set" : undefined;

const usualKinds: readonly TestDatabaseKind[] = [
  { name: "sqlite file", skipped: undefined, create: sqliteFile },
  {
    name: "sqlite memory",
    skipped: undefined,
    create: async () => ({ source: () => sqlite(":memory:"), address: undefined, drop: async () => {} }),
  },
  { name: "postgres", skipped: noServer, create: () => postgresSchema(10) },
  { name: "postgres, pool of one", skipped: noServer, create: () => postgresSchema(1) },
];
const pgBouncer = process.env.SEGNO_TEST_PGBOUNCER_URL;
const noPgBouncer = pgBouncer === undefined ? "skipped: SEGNO_TEST_PGBOUNCER_URL is not set" : noServer;
/** The same suites under harder conditions: three connections shared by transaction, and the strictest isolation. */
const hardKinds: readonly TestDatabaseKind[] = [
  { name: "postgres", skipped: noPgBouncer, create: () => postgresDatabase(pgBouncer) },
  { name: "postgres, serializable", skipped: noServer, create: () => postgresDatabase(postgresServer, "serializable") },
];

/** Every kind of database the contract must hold on. Use with `describe.each`. `SEGNO_TEST_STORES=hard` takes the others. */
export const testDatabases: readonly TestDatabaseKind[] =
  process.env.SEGNO_TEST_STORES === "hard" ? hardKinds : usualKinds;
if (noServer !== undefined && process.env.VITEST === "true") console.warn(`PostgreSQL store tests ${noServer}`);

async function sqliteFile(): Promise<TestDatabase> {
  const folder = mkdtempSync(join(tmpdir(), "segno-store-"));
  const file = join(folder, "segno.db");
  return {
    source: () => sqlite(file),
    address: file,
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Fifty at once on a pool of one, on a busy machine, are not what the limits of a request are about. */
const patient = { connectTimeoutMs: 20_000, statementTimeoutMs: 20_000 };

/** A schema of its own, so that test files never meet. */
export async function postgresSchema(poolSize: number): Promise<TestDatabase> {
  const name = `segno_test_${randomBytes(6).toString("hex")}`;
  await once(`create schema ${name}`);
  const pools: pg.Pool[] = [];
  return {
    source: () => {
      const pool = poolOf(name, poolSize);
      pools.push(pool);
      return postgres(pool, patient);
    },
    address: `schema:${name}`,
    drop: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
      await once(`drop schema ${name} cascade`);
    },
  };
}

/** A database of its own, where a connection cannot carry a schema with it: behind PgBouncer. */
export async function postgresDatabase(through = postgresServer, isolation?: "serializable"): Promise<TestDatabase> {
  const name = `segno_test_${randomBytes(6).toString("hex")}`;
  await once(`create database ${name}`);
  if (isolation !== undefined) await once(`alter database ${name} set default_transaction_isolation = '${isolation}'`);
  const address = Object.assign(new URL(through ?? ""), { pathname: `/${name}` }).href;
  const pools: pg.Pool[] = [];
  return {
    source: () => {
      const pool = new pg.Pool({ connectionString: address, max: 10 });
      pools.push(pool);
      return postgres(pool, patient);
    },
    address,
    drop: async () => {
      await Promise.all(pools.map((pool) => pool.end()));
      // a pool that has ended said so to the server, which takes a moment; behind a pooler connections stay
      await new Promise((resolve) => setTimeout(resolve, 50));
      await once(`drop database ${name} with (force)`);
    },
  };
}

function poolOf(schema: string, max: number): pg.Pool {
  return new pg.Pool({ connectionString: postgresServer, max, options: `-c search_path=${schema}` });
}

/** The database of another process. */
export function sourceAt(address: string): StoreSource {
  if (address.startsWith("schema:")) return postgres(poolOf(address.slice(7), 4), patient);
  if (address.startsWith("postgres:")) return postgres(new pg.Pool({ connectionString: address, max: 4 }), patient);
  return sqlite(address);
}

async function once(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: postgresServer });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
