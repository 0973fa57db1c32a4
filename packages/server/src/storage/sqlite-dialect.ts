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
import { type Member, SharedCommit } from "./shared-commit.js";
import { refuseInsideTransaction } from "./transaction-guard.js";
import { whenFree } from "./when-free.js";

/**
 * Kysely over one `node:sqlite` connection. Callers wait their turn in arrival order.
 * @param isShared whether transactions that are ready together are committed together
 */
export function sqliteDialect(database: DatabaseSync, options: { readonly isShared: boolean }): Dialect {
  return {
    createAdapter: (): DialectAdapter => new SharedSqliteAdapter(),
    createDriver: (): Driver => new SqliteDriver(database, options.isShared),
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

class SqliteDriver implements Driver {
  readonly #database: DatabaseSync;
  readonly #commits: SharedCommit;
  readonly #statements: Statements;

  constructor(database: DatabaseSync, isShared: boolean) {
    this.#database = database;
    this.#commits = new SharedCommit(database, isShared);
    this.#statements = new Statements(database);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    refuseInsideTransaction(this.#database);
    await this.#commits.enter();
    return new SqliteConnection(this.#commits, this.#statements);
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    leaseOf(connection).release();
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await leaseOf(connection).begin();
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await leaseOf(connection).commit();
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await leaseOf(connection).rollback();
  }

  async destroy(): Promise<void> {
    this.#commits.flush();
    this.#statements.forget();
    this.#database.close();
  }
}

function leaseOf(connection: DatabaseConnection): SqliteConnection {
  if (connection instanceof SqliteConnection) return connection;
  throw new TypeError("This connection belongs to another driver.");
}

type SqlValue = null | number | bigint | string | Uint8Array;
interface Prepared {
  readonly statement: StatementSync;
  readonly returnsRows: boolean;
}
const maxPrepared = 256;

/** The one connection, for as long as somebody has the turn. */
class SqliteConnection implements DatabaseConnection {
  readonly #commits: SharedCommit;
  readonly #statements: Statements;
  #member: Member | undefined;
  #hasTurn = true;

  constructor(commits: SharedCommit, statements: Statements) {
    this.#commits = commits;
    this.#statements = statements;
  }

  async begin(): Promise<void> {
    this.#member = await this.#commits.begin();
  }

  async commit(): Promise<void> {
    const member = this.#end();
    if (member !== undefined) await this.#commits.commit(member);
  }

  /** Also called after a commit that failed, when there is nothing left to undo. */
  async rollback(): Promise<void> {
    const member = this.#end();
    if (member !== undefined) await this.#commits.rollback(member);
  }

  release(): void {
    if (this.#hasTurn) this.#commits.leave();
    this.#hasTurn = false;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    // a transaction holds the write lock from its start, so its statements never wait
    if (this.#member !== undefined) return this.#statements.run(query);
    if (!this.#hasTurn) {
      await this.#commits.enter();
      this.#hasTurn = true;
    }
    if (this.#commits.isShared && /^\s*(?:insert|update|delete)\b/i.test(query.sql)) return await this.#runAlone(query);
    if (!this.#commits.isOpen) return await whenFree(() => this.#statements.run<Row>(query));
    return await this.#runAmong(query);
  }

  async *streamQuery<Row>(): AsyncIterableIterator<QueryResult<Row>> {
    throw new TypeError("The SQLite store does not stream: read in pages.");
  }

  /** A single write is a transaction of one statement, and shares its commit like any other. */
  async #runAlone<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    await this.begin();
    let result: QueryResult<Row>;
    try {
      result = this.#statements.run(query);
    } catch (error) {
      await this.rollback();
      throw error;
    }
    await this.commit();
    return result;
  }

  /** A read that comes between sees what is about to be committed, and answers once it is. */
  async #runAmong<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    try {
      return this.#statements.run(query);
    } finally {
      this.#hasTurn = false;
      await this.#commits.follow();
    }
  }

  #end(): Member | undefined {
    const member = this.#member;
    this.#member = undefined;
    if (member !== undefined) this.#hasTurn = false;
    return member;
  }
}

/** Prepared once each, the least recently prepared forgotten first. */
class Statements {
  readonly #database: DatabaseSync;
  readonly #prepared = new Map<string, Prepared>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  run<Row>(query: CompiledQuery): QueryResult<Row> {
    const { statement, returnsRows } = this.#prepare(query.sql);
    const values = query.parameters.map(toSqlValue);
    if (returnsRows) {
      const rows = statement.all(...values) as Row[];
      return { rows, numAffectedRows: BigInt(rows.length) };
    }
    const { changes } = statement.run(...values);
    return { rows: [], numAffectedRows: BigInt(changes) };
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
