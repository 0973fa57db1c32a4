import { createRequire } from "node:module";
import { join } from "node:path";
import { cwd } from "node:process";
import { pathToFileURL } from "node:url";
import { SegnoError, systemClock } from "@segno/core";
import { Kysely, PostgresDialect, type PostgresPool, sql } from "kysely";
import type { AccountRow, SessionAccountRow, SessionRow, Store } from "../engine.js";
import { isRetryable } from "./faults.js";
import {
  readAccountSql,
  readSessionAccountSql,
  readSessionSql,
  tokenLiveParameters,
  tokenLiveSql,
} from "./hot-statements.js";
import { migrate, readSchema, requireSchema } from "./migrate.js";
import { migrations } from "./migrations/index.js";
import type { Schema } from "./schema.js";
import type { SchemaAccess, StoreContext, StoreSource } from "./source.js";
import { insideTransaction, refuseInsideTransaction } from "./transaction-guard.js";

/** What Segno needs of a `pg` pool: an instance of `pg.Pool` fits, and so does anything of this shape. */
export interface PgPool {
  /** A connection, once one is free. */
  connect(): Promise<PgClient>;
  /** Closes all connections. Segno never calls it on a pool it was given. */
  end(): Promise<void>;
}
/** A connection of the pool. */
export interface PgClient {
  /** Runs a statement that the server keeps under its name. */
  query(statement: PgStatement): Promise<PgResult>;
  /** Runs a statement. */
  query(text: string, values?: unknown[]): Promise<PgResult>;
  /** Gives the connection back, or closes it. */
  release(destroy?: boolean): void;
}
/** A statement that the server parses once per connection. */
export interface PgStatement {
  readonly name: string;
  readonly text: string;
  readonly values: unknown[];
}
/** What a statement answered. */
export interface PgResult {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: unknown[];
}

/**
 * PostgreSQL, or an engine that speaks its protocol, through a pool the application holds. The pool stays the
 * application's: closing Segno does not end it.
 * @example
 * ```ts
 * import { createSegno } from "@segno/server";
 * import { postgres } from "@segno/server/storage/sql";
 * import pg from "pg";
 * const segno = createSegno({ database: postgres(new pg.Pool({ connectionString: process.env.DATABASE_URL })) });
 * ```
 */
export function postgres(pool: PgPool): StoreSource {
  const keep = async () => {};
  return {
    describe: "postgres pool",
    open: (context) => openPostgres(pool, context, keep),
    schema: async (context) => accessSchema(pool, context, keep),
  };
}

/** A `postgres://` URL: loads the application's own `pg`. */
export function postgresUrl(url: string): StoreSource {
  const describe = `postgres ${hostOf(url)}`;
  return {
    describe,
    open: async (context) => {
      const pool = createPool(await loadPg(), url);
      return await openPostgres(pool, context, () => pool.end());
    },
    schema: async (context) => {
      // a migration may take as long as it needs, and waits for one under way
      const pool = createPool(await loadPg(), url, { queryTimeoutMs: 0 });
      return accessSchema(pool, context, () => pool.end());
    },
  };
}

/** Kysely over the pool; inside a transaction nothing else may touch it. */
function kyselyOver(pool: PgPool, end: () => Promise<void>): Kysely<Schema> {
  const guarded: PostgresPool = {
    connect: async () => {
      refuseInsideTransaction(pool);
      return (await pool.connect()) as unknown as Awaited<ReturnType<PostgresPool["connect"]>>;
    },
    end,
    options: {},
  };
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: guarded }) });
}

function accessSchema(pool: PgPool, context: StoreContext = {}, end: () => Promise<void>): SchemaAccess {
  const db = kyselyOver(pool, end);
  const clock = context.clock ?? systemClock;
  return {
    dialect: "postgres",
    status: () => readSchema(db, migrations, "postgres"),
    apply: (onStep) => migrate(db, migrations, { dialect: "postgres", nowMs: clock.nowMs(), onStep }),
    clockMs: async () => {
      const { rows } = await sql<{ ms: number }>`
        select (extract(epoch from clock_timestamp()) * 1000)::double precision as ms`.execute(db);
      return rows[0]?.ms ?? null;
    },
    close: () => db.destroy(),
  };
}

async function openPostgres(pool: PgPool, context: StoreContext = {}, end: () => Promise<void>): Promise<Store> {
  const db = kyselyOver(pool, end);
  try {
    const nowMs = (context.clock ?? systemClock).nowMs();
    if (context.migrations === "check") await requireSchema(db, migrations, "postgres");
    else await migrate(db, migrations, { dialect: "postgres", nowMs });
  } catch (error) {
    await end();
    throw error;
  }
  return {
    dialect: "postgres",
    db,
    transaction: (work) => retrying(() => db.transaction().execute((trx) => insideTransaction(pool, () => work(trx)))),
    readSession: (tokenHash) => readOne<SessionRow>(pool, { ...sessionStatement, values: [tokenHash] }),
    readSessionAccount: (tokenHash) =>
      readOne<SessionAccountRow>(pool, { ...sessionAccountStatement, values: [tokenHash] }),
    readAccount: (userId) => readOne<AccountRow>(pool, { ...accountStatement, values: [userId] }),
    isTokenLive: async (token) =>
      (await readOne(pool, { ...tokenLiveStatement, values: tokenLiveParameters(token) })) !== undefined,
    ping: async () => void (await sql`select 1`.execute(db)),
    close: () => db.destroy(),
  };
}

const sessionStatement = { name: "segno_read_session", text: readSessionSql("$1") };
const sessionAccountStatement = { name: "segno_read_session_account", text: readSessionAccountSql("$1") };
const accountStatement = { name: "segno_read_account", text: readAccountSql("$1") };
const tokenLiveStatement = { name: "segno_token_live", text: tokenLiveSql("postgres") };

/** A named statement: parsed and planned once per connection. */
async function readOne<Row>(pool: PgPool, statement: PgStatement): Promise<Row | undefined> {
  refuseInsideTransaction(pool);
  const client = await pool.connect();
  try {
    const { rows } = await client.query(statement);
    return rows[0] as Row | undefined;
  } finally {
    client.release();
  }
}

const maxTries = 10;

/** Runs again what the database rolled back because of another transaction, waiting a little longer each time. */
async function retrying<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      if (!isRetryable(error) || tries >= maxTries) throw error;
      // oxlint-disable-next-line no-restricted-properties -- jitter between retries: neither a secret nor an outcome
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(200, 2 ** tries)));
    }
  }
}

interface PgModule {
  readonly Pool: new (
    options: Readonly<Record<string, unknown>>,
  ) => PgPool & { on(event: "error", listener: () => void): unknown };
}

/** The application's `pg`, looked up from where it runs. */
async function loadPg(): Promise<PgModule> {
  const name: string = "pg";
  try {
    const found = createRequire(join(cwd(), "package.json")).resolve(name);
    return moduleOf(await import(pathToFileURL(found).href));
  } catch {
    // not beside the application: perhaps beside us
  }
  try {
    return moduleOf(await import(name));
  } catch (cause) {
    throw new SegnoError(
      "store_unavailable",
      'A postgres:// database needs the package "pg": run "npm install pg", or pass postgres(pool) from "@segno/server/storage/sql".',
      { cause },
    );
  }
}

function moduleOf(loaded: unknown): PgModule {
  const { default: inner } = loaded as { readonly default?: PgModule };
  return inner ?? (loaded as PgModule);
}

function createPool(pg: PgModule, url: string, { queryTimeoutMs = 15_000 } = {}): PgPool {
  const pool = new pg.Pool({
    connectionString: url,
    max: 10,
    connectionTimeoutMillis: 5_000,
    query_timeout: queryTimeoutMs,
    application_name: "segno",
  });
  // a connection that breaks while idle is replaced at the next use; without a listener it would end the process
  pool.on("error", () => {});
  return pool;
}

function hostOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    return "(unreadable URL)";
  }
}
