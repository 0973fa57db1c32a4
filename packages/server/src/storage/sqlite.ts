import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname, resolve } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { SegnoError, systemClock } from "@segno/core";
import { Kysely, sql } from "kysely";
import type { AccountRow, SessionAccountRow, SessionRow, Store } from "../engine.js";
import {
  readAccountSql,
  readSessionAccountSql,
  readSessionSql,
  sessionAccountRowColumns,
  sessionRowColumns,
  tokenLiveParameters,
  tokenLiveSql,
} from "./hot-statements.js";
import { emptySchema, migrate, readSchema, requireSchema } from "./migrate.js";
import { migrations } from "./migrations/index.js";
import { readSameRow } from "./same-rows.js";
import type { Schema } from "./schema.js";
import type { SchemaAccess, StoreContext, StoreSource } from "./source.js";
import { sqliteDialect } from "./sqlite-dialect.js";
import { insideTransaction } from "./transaction-guard.js";
import { whenFree } from "./when-free.js";

/** Options of `sqlite`. */
export interface SqliteOptions {
  /** `full` (default): a commit survives a power cut. `normal`: it survives a crash of the process only, and is faster. */
  readonly durability?: "full" | "normal";
}

/**
 * SQLite through `node:sqlite`, with no further package.
 * @param path a file (made when missing, readable by its owner only), a `file:` URL, or `:memory:`
 * @example
 * ```ts
 * import { createSegno } from "@segno/server";
 * import { sqlite } from "@segno/server/storage/sql";
 * const segno = createSegno({ database: sqlite("./data/segno.db") });
 * ```
 */
export function sqlite(path: string, options: SqliteOptions = {}): StoreSource {
  const file = path === ":memory:" ? path : resolve(path.startsWith("file:") ? fileURLToPath(path) : path);
  return {
    describe: `sqlite ${file}`,
    open: (context) => openSqlite(file, options, context),
    schema: async (context) => accessSchema(file, options, context),
  };
}

async function openSqlite(file: string, options: SqliteOptions, context: StoreContext = {}): Promise<Store> {
  const { DatabaseSync: Database } = await loadSqlite();
  const isMemory = file === ":memory:";
  const isCheckOnly = context.migrations === "check";
  if (isCheckOnly && !isMemory && !existsSync(file)) throw missingFile();
  if (!isMemory) createPrivately(file);
  const database = new Database(file);
  await setPragmas(database, options);
  const db = new Kysely<Schema>({ dialect: sqliteDialect(database, { isShared: !isMemory }) });
  try {
    if (isCheckOnly) await requireSchema(db, migrations, "sqlite");
    else await migrate(db, migrations, { dialect: "sqlite", nowMs: (context.clock ?? systemClock).nowMs() });
  } catch (error) {
    await db.destroy();
    throw error;
  }
  // a second connection sees committed rows only, also while a transaction is open on the first
  const reader = isMemory ? database : new Database(file, { readOnly: true });
  // 16 MB of pages keep the upper levels of a large index at hand: half the cost of a check over a million sessions
  if (!isMemory) reader.exec("pragma busy_timeout = 5000; pragma cache_size = -16000");
  const account = reader.prepare(readAccountSql("?"));
  const tokenLive = reader.prepare(tokenLiveSql("sqlite"));
  tokenLive.setReturnArrays(true);
  return {
    dialect: "sqlite",
    db,
    transaction: (work) => db.transaction().execute((trx) => insideTransaction(database, () => work(trx))),
    readSession: readSameRow<SessionRow>(reader.prepare(readSessionSql("?")), sessionRowColumns),
    readSessionAccount: readSameRow<SessionAccountRow>(
      reader.prepare(readSessionAccountSql("?")),
      sessionAccountRowColumns,
    ),
    readAccount: (userId) => account.get(userId) as AccountRow | undefined,
    isTokenLive: (token) => tokenLive.get(...tokenLiveParameters(token)) !== undefined,
    ping: async () => void (await sql`select 1`.execute(db)),
    close: async () => {
      if (!isMemory && reader.isOpen) reader.close();
      await db.destroy();
    },
  };
}

function missingFile(): SegnoError {
  return new SegnoError(
    "store_unavailable",
    'The database file is not there, and this process does not make it. Run "segno migrate apply".',
  );
}

/** Looks through a connection that cannot write; only `apply` makes the file and writes to it. */
function accessSchema(file: string, options: SqliteOptions, context: StoreContext = {}): SchemaAccess {
  const isMemory = file === ":memory:";
  return {
    dialect: "sqlite",
    async status() {
      if (isMemory || !existsSync(file)) return emptySchema(migrations, "sqlite");
      const { DatabaseSync: Database } = await loadSqlite();
      const db = new Kysely<Schema>({ dialect: sqliteDialect(openReader(Database, file), { isShared: false }) });
      try {
        return await readSchema(db, migrations, "sqlite");
      } finally {
        await db.destroy();
      }
    },
    async apply(onStep) {
      const { DatabaseSync: Database } = await loadSqlite();
      if (!isMemory) createPrivately(file);
      const database = new Database(file);
      const db = new Kysely<Schema>({ dialect: sqliteDialect(database, { isShared: false }) });
      try {
        await setPragmas(database, options);
        const nowMs = (context.clock ?? systemClock).nowMs();
        await migrate(db, migrations, { dialect: "sqlite", nowMs, onStep });
      } finally {
        await db.destroy();
      }
    },
    clockMs: async () => null,
    close: async () => {},
  };
}

function openReader(Database: typeof DatabaseSync, file: string): DatabaseSync {
  const reader = new Database(file, { readOnly: true });
  reader.exec("pragma busy_timeout = 5000");
  return reader;
}

async function loadSqlite(): Promise<typeof import("node:sqlite")> {
  try {
    return await import("node:sqlite");
  } catch (cause) {
    throw new SegnoError("store_unavailable", "SQLite needs Node 22.13 or newer, Bun or Deno 2.2.", { cause });
  }
}

/** The folder and the file belong to their owner alone. */
function createPrivately(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    closeSync(openSync(file, "a", 0o600));
  } catch (cause) {
    throw new SegnoError("store_unavailable", "The database file cannot be made.", { cause });
  }
}

async function setPragmas(database: DatabaseSync, options: SqliteOptions): Promise<void> {
  database.exec("pragma busy_timeout = 0");
  // two processes may switch a new file at once
  await whenFree(() => database.exec("pragma journal_mode = wal"));
  database.exec(`pragma synchronous = ${options.durability === "normal" ? "normal" : "full"}`);
  database.exec("pragma foreign_keys = on");
  // what is deleted is overwritten: else an erased person is still in the file
  database.exec("pragma secure_delete = on");
}
