import { createRequire } from "node:module";
import { join } from "node:path";
import { cwd } from "node:process";
import { pathToFileURL } from "node:url";
import { SegnoError, systemClock } from "@segno/core";
import { Kysely, PostgresDialect, type PostgresPool, sql } from "kysely";
import type { AccountRow, SessionAccountRow, SessionRow, Store } from "../engine.js";
import { readDatabaseClock } from "./database-clock.js";
import { guardPool, hearErrors, type PoolLimits } from "./guarded-pool.js";
import {
  readAccountSql,
  readSessionAccountSql,
  readSessionSql,
  tokenLiveParameters,
  tokenLiveSql,
} from "./hot-statements.js";
import { migrate, readSchema, requireSchema } from "./migrate.js";
import { migrations } from "./migrations/index.js";
import { createReadOne, namedStatement } from "./named-statement.js";
import type { PgPool } from "./pg-pool.js";
import { retrying } from "./retrying.js";
import type { Schema } from "./schema.js";
import type { SchemaAccess, StoreContext, StoreSource } from "./source.js";
import { insideTransaction, refuseInsideTransaction } from "./transaction-guard.js";

/** Options of `postgres`. */
export interface PostgresOptions {
  /** How long a request waits for a free connection before it is answered with 503, milliseconds. Default 2000. */
  readonly connectTimeoutMs?: number;
  /** How long it waits for one statement, milliseconds. The connection is closed then. Default 10000. */
  readonly statementTimeoutMs?: number;
}

/**
 * PostgreSQL, or an engine that speaks its protocol, through a pool the application holds. The pool stays the
 * application's: closing Segno does not end it. Give it a `connectionTimeoutMillis`: without one, a connection that is
 * never made occupies its place in the pool for ever. PgBouncer in transaction mode may be in between.
 * @example
 * ```ts
 * import { createSegno } from "@segno/server";
 * import { postgres } from "@segno/server/storage/sql";
 * import pg from "pg";
 * const segno = createSegno({ database: postgres(new pg.Pool({ connectionString: process.env.DATABASE_URL })) });
 * ```
 */
export function postgres(pool: PgPool, options: PostgresOptions = {}): StoreSource {
  const opening = { pool, limits: limitsOf(options), end: async () => {} };
  return {
    describe: "postgres pool",
    open: (context) => openPostgres(opening, context),
    schema: async (context) => accessSchema(opening, context),
  };
}

function limitsOf({ connectTimeoutMs = 2_000, statementTimeoutMs = 10_000 }: PostgresOptions): PoolLimits {
  for (const [name, value] of Object.entries({ connectTimeoutMs, statementTimeoutMs })) {
    if (!(Number.isFinite(value) && value > 0)) throw new TypeError(`postgres: ${name} must be a positive number.`);
  }
  return { connectTimeoutMs, statementTimeoutMs };
}

/** A `postgres://` URL: loads the application's own `pg`. */
export function postgresUrl(url: string): StoreSource {
  const describe = `postgres ${hostOf(url)}`;
  return {
    describe,
    open: async (context) => {
      const pool = createPool(await loadPg(), url);
      return await openPostgres({ pool, limits: limitsOf({}), end: () => pool.end() }, context);
    },
    schema: async (context) => {
      const pool = createPool(await loadPg(), url);
      return accessSchema({ pool, end: () => pool.end() }, context);
    },
  };
}

interface Opening {
  readonly pool: PgPool;
  readonly limits: PoolLimits;
  readonly end: () => Promise<void>;
}

/** Kysely over the pool. */
function kyselyOver(pool: PgPool): Kysely<Schema> {
  const given: unknown = { ...pool, options: {} };
  return new Kysely<Schema>({ dialect: new PostgresDialect({ pool: given as PostgresPool }) });
}

/** A migration may take long, and may wait for another node's: no limit of a request holds for it. */
function patientlyOver({ pool, end }: Pick<Opening, "pool" | "end">): Kysely<Schema> {
  hearErrors(pool);
  return kyselyOver({ connect: async () => hearErrors(await pool.connect()), end });
}

function accessSchema(opening: Pick<Opening, "pool" | "end">, context: StoreContext = {}): SchemaAccess {
  const db = patientlyOver(opening);
  const clock = context.clock ?? systemClock;
  return {
    dialect: "postgres",
    status: () => readSchema(db, migrations, "postgres"),
    apply: (onStep) => migrate(db, migrations, { dialect: "postgres", nowMs: clock.nowMs(), onStep }),
    clockMs: async () => (await readDatabaseClock({ db, dialect: "postgres" })) ?? null,
    close: () => db.destroy(),
  };
}

async function openPostgres({ pool, limits, end }: Opening, context: StoreContext = {}): Promise<Store> {
  try {
    const nowMs = (context.clock ?? systemClock).nowMs();
    const patient = patientlyOver({ pool, end });
    if (context.migrations === "check") await requireSchema(patient, migrations, "postgres");
    else await migrate(patient, migrations, { dialect: "postgres", nowMs });
  } catch (error) {
    await end();
    throw error;
  }
  const guarded = guardPool(pool, limits);
  const connect = async () => {
    refuseInsideTransaction(pool);
    return await guarded.connect();
  };
  const db = kyselyOver({ connect, end });
  const readOne = createReadOne({ connect, end });
  return {
    dialect: "postgres",
    db,
    transaction: (work) => retrying(() => db.transaction().execute((trx) => insideTransaction(pool, () => work(trx)))),
    readSession: (tokenHash) => readOne<SessionRow>(session, [tokenHash]),
    readSessionAccount: (tokenHash) => readOne<SessionAccountRow>(sessionAccount, [tokenHash]),
    readAccount: (userId) => readOne<AccountRow>(account, [userId]),
    isTokenLive: async (token) => (await readOne(tokenLive, tokenLiveParameters(token))) !== undefined,
    ping: async () => void (await sql`select 1`.execute(db)),
    close: () => db.destroy(),
  };
}

const session = namedStatement("read_session", readSessionSql("$1"));
const sessionAccount = namedStatement("read_session_account", readSessionAccountSql("$1"));
const account = namedStatement("read_account", readAccountSql("$1"));
const tokenLive = namedStatement("token_live", tokenLiveSql("postgres"));

interface PgModule {
  readonly Pool: new (options: Readonly<Record<string, unknown>>) => PgPool;
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

function createPool(pg: PgModule, url: string): PgPool {
  return new pg.Pool({ connectionString: url, max: 10, connectionTimeoutMillis: 5_000, application_name: "segno" });
}

function hostOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    return "(unreadable URL)";
  }
}
