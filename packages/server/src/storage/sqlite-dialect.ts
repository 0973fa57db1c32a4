import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type DialectAdapter,
  type Driver,
  type Kysely,
  type QueryCompiler,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from "kysely";
import { isLocked } from "./faults.js";
import { refuseInsideTransaction } from "./transaction-guard.js";

/** Kysely over one `node:sqlite` connection. Callers wait their turn in arrival order. */
export function sqliteDialect(database: DatabaseSync): Dialect {
  return {
    createAdapter: (): DialectAdapter => new SharedSqliteAdapter(),
    createDriver: (): Driver => new SqliteDriver(database),
    createIntrospector: (db: Kysely<unknown>): DatabaseIntrospector => new SqliteIntrospector(db),
    createQueryCompiler: (): QueryCompiler => new SqliteQueryCompiler(),
  };
}

/** Tells Kysely that this driver does its own queueing. */
class SharedSqliteAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

const patienceMs = 5_000;

/**
 * Runs what may meet another connection's write lock, and tries again for up to five seconds. It waits without blocking
 * the thread: the lock may be held by another engine in this very process, which must get on to let go.
 */
export async function whenFree<Result>(run: () => Result): Promise<Result> {
  const startedMs = performance.now();
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 20)) {
    try {
      return run();
    } catch (error) {
      if (!isLocked(error) || performance.now() - startedMs > patienceMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** First come, first served: a transaction holds its turn until it ends. */
class Turnstile {
  #isHeld = false;
  #waiting: (() => void)[] = [];

  enter(): Promise<void> | undefined {
    if (!this.#isHeld) {
      this.#isHeld = true;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isHeld = false;
    else next();
  }
}

class SqliteDriver implements Driver {
  readonly #database: DatabaseSync;
  readonly #connection: SqliteConnection;
  readonly #turnstile = new Turnstile();

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#connection = new SqliteConnection(database);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    refuseInsideTransaction(this.#database);
    await this.#turnstile.enter();
    return this.#connection;
  }

  async releaseConnection(): Promise<void> {
    this.#turnstile.leave();
  }

  async beginTransaction(): Promise<void> {
    await whenFree(() => this.#database.exec("begin immediate"));
    this.#connection.isInTransaction = true;
  }

  async commitTransaction(): Promise<void> {
    this.#database.exec("commit");
    this.#connection.isInTransaction = false;
  }

  async rollbackTransaction(): Promise<void> {
    this.#connection.isInTransaction = false;
    try {
      this.#database.exec("rollback");
    } catch (error) {
      // SQLite already rolled back by itself, for example when the disk was full
      if (!String(error).includes("no transaction is active")) throw error;
    }
  }

  async destroy(): Promise<void> {
    this.#connection.forget();
    this.#database.close();
  }
}

type SqlValue = null | number | bigint | string | Uint8Array;
interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
}
const maxPrepared = 256;

class SqliteConnection implements DatabaseConnection {
  /** A transaction holds the write lock from its start, so its statements never wait. */
  isInTransaction = false;
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    const run = (): QueryResult<Row> => this.#run(query);
    return this.isInTransaction ? run() : await whenFree(run);
  }

  #run<Row>(query: CompiledQuery): QueryResult<Row> {
    const { statement, returnsRows } = this.#prepare(query.sql);
    const values = query.parameters.map(toSqlValue);
    if (returnsRows) {
      const rows = statement.all(...values) as Row[];
      return { rows, numAffectedRows: BigInt(rows.length) };
    }
    const { changes } = statement.run(...values);
    return { rows: [], numAffectedRows: BigInt(changes) };
  }

  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new TypeError("The SQLite store does not stream: read in pages.");
  }

  forget(): void {
    this.#prepared.clear();
  }

  #prepare(sql: string): Prepared {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    const prepared = { statement, returnsRows: /^\s*(select|pragma|explain|values)\b|\breturning\b/i.test(sql) };
    const oldest = this.#prepared.keys().next();
    if (this.#prepared.size >= maxPrepared && oldest.done !== true) this.#prepared.delete(oldest.value);
    this.#prepared.set(sql, prepared);
    return prepared;
  }
}

function toSqlValue(value: unknown): SqlValue {
  if (value === undefined || value === null) return null;
  if (typeof value === "boolean") return value ? 1 : 0;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "string") return value;
  if (value instanceof Uint8Array) return value;
  throw new TypeError(`A value of type ${typeof value} cannot be stored.`);
}
