import { createHash } from "node:crypto";
import { SegnoError } from "@segno/core";
import { sql } from "kysely";
import type { Db } from "../engine.js";
import { isMissingTable, isRetryable, isUniqueViolation } from "./faults.js";
import { retrying } from "./retrying.js";
import type { MigrationStatus, MigrationStep, SchemaStatus } from "./source.js";

/** One forward step, as data: statements per dialect, run in one transaction. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sqlite: readonly string[];
  readonly postgres: readonly string[];
}

export interface MigrateOptions {
  readonly dialect: "sqlite" | "postgres";
  readonly nowMs: number;
  /** Called before each statement. */
  readonly onStep?: ((step: MigrationStep) => void) | undefined;
}

/**
 * Applies what is missing. Safe when several processes start at once: on SQLite the write lock, on PostgreSQL a
 * locked row (number 0) lets one of them work while the others wait and then find nothing to do. One transaction holds
 * all of it: a process that dies leaves the schema as it was.
 * @throws SegnoError `store_unavailable` when an applied migration differs from ours or is newer than ours
 */
export async function migrate(db: Db, migrations: readonly Migration[], options: MigrateOptions): Promise<void> {
  const { dialect } = options;
  // a database that was set up by newer code is left alone altogether
  if (missingOf(await readSchema(db, migrations, dialect)).length === 0) return;
  await createMigrationTable(db, dialect);
  // where transactions are serializable, whoever waited for another process is rolled back
  await retrying(() =>
    db.transaction().execute(async (trx) => {
      if (dialect === "postgres") await lock(trx);
      const missing = new Set(missingOf(await readSchema(trx, migrations, dialect)).map(({ number }) => number));
      for (const migration of migrations) if (missing.has(migration.number)) await apply(trx, migration, options);
    }),
  );
}

/**
 * Changes nothing: for a process that may not change the schema, or must not.
 * @throws SegnoError `store_unavailable` when the schema is not the one this version needs
 */
export async function requireSchema(
  db: Db,
  migrations: readonly Migration[],
  dialect: MigrateOptions["dialect"],
): Promise<void> {
  const missing = missingOf(await readSchema(db, migrations, dialect));
  if (missing.length > 0) {
    throw refusal('Migrations are missing, and this process does not apply them. Run "segno migrate apply".', {
      number: missing[0]?.number ?? 0,
    });
  }
}

/** What is applied, what is missing, and what does not fit. Reads only; an empty database has everything missing. */
export async function readSchema(
  db: Db,
  migrations: readonly Migration[],
  dialect: MigrateOptions["dialect"],
): Promise<SchemaStatus> {
  return statusOf(await appliedOf(db), migrations, dialect);
}

/** The status of a database that is not there yet. */
export function emptySchema(migrations: readonly Migration[], dialect: MigrateOptions["dialect"]): SchemaStatus {
  return statusOf([], migrations, dialect);
}

/** SHA-256 over the statements of one dialect, base64url. */
export function checksumOf(migration: Migration, dialect: "sqlite" | "postgres"): string {
  return createHash("sha256").update(migration[dialect].join(";\n")).digest("base64url");
}

/** duplicate_table, or duplicate_object: the row type that comes with a table. */
const isDuplicateTable = (error: unknown) =>
  ["42P07", "42710"].includes(String((error as { code?: unknown } | null)?.code));

async function createMigrationTable(db: Db, dialect: "sqlite" | "postgres"): Promise<void> {
  const time = dialect === "sqlite" ? "integer" : "double precision";
  const statement = `create table if not exists segno_migrations (number integer primary key, name text not null, checksum text not null, applied_at ${time} not null)`;
  for (let tries = 1; ; tries += 1) {
    try {
      await sql.raw(statement).execute(db);
      return;
    } catch (error) {
      // PostgreSQL: two processes creating the same table at once; the loser looks again
      if (tries >= 5 || !(isUniqueViolation(error) || isDuplicateTable(error) || isRetryable(error))) throw error;
    }
  }
}

/** Inserting the row waits for another process that has inserted it; locking it waits for one that holds it. */
async function lock(trx: Db): Promise<void> {
  await sql`insert into segno_migrations (number, name, checksum, applied_at) values (0, 'lock', '', 0) on conflict do nothing`.execute(
    trx,
  );
  await sql`select number from segno_migrations where number = 0 for update`.execute(trx);
}

interface AppliedRow {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
  readonly applied_at: number;
}

async function appliedOf(db: Db): Promise<readonly AppliedRow[]> {
  try {
    return await db.selectFrom("segno_migrations").selectAll().where("number", ">", 0).orderBy("number").execute();
  } catch (error) {
    if (isMissingTable(error)) return [];
    throw error;
  }
}

function statusOf(
  applied: readonly AppliedRow[],
  migrations: readonly Migration[],
  dialect: MigrateOptions["dialect"],
): SchemaStatus {
  const newest = migrations.at(-1)?.number ?? 0;
  const ours = migrations.map((migration): MigrationStatus => {
    const { number, name } = migration;
    const statements = migration[dialect];
    const row = applied.find((candidate) => candidate.number === number);
    if (row === undefined) return { number, name, state: "pending", appliedAtMs: null, statements };
    const state = row.checksum === checksumOf(migration, dialect) ? "applied" : "changed";
    return { number, name, state, appliedAtMs: row.applied_at, statements };
  });
  const theirs = applied
    .filter(({ number }) => number > newest)
    .map(({ number, name, applied_at }): MigrationStatus => {
      return { number, name, state: "newer", appliedAtMs: applied_at, statements: [] };
    });
  const all = [...ours, ...theirs];
  const state = (["newer", "changed", "pending"] as const).find((each) => all.some((entry) => entry.state === each));
  return { state: state ?? "current", migrations: all };
}

function missingOf(status: SchemaStatus): readonly MigrationStatus[] {
  const odd = status.migrations.find(({ state }) => state === status.state);
  if (status.state === "newer") {
    throw refusal("The database was set up by a newer version of Segno. Update this application.", {
      number: odd?.number ?? 0,
    });
  }
  if (status.state === "changed") {
    throw refusal("An applied migration differs from the one in this version of Segno.", { number: odd?.number ?? 0 });
  }
  return status.migrations.filter(({ state }) => state === "pending");
}

async function apply(trx: Db, migration: Migration, options: MigrateOptions): Promise<void> {
  const { number, name } = migration;
  const statements = migration[options.dialect];
  for (const [index, statement] of statements.entries()) {
    options.onStep?.({ number, name, statement: index + 1, of: statements.length });
    await sql.raw(statement).execute(trx);
  }
  await trx
    .insertInto("segno_migrations")
    .values({ number, name, checksum: checksumOf(migration, options.dialect), applied_at: options.nowMs })
    .execute();
}

function refusal(message: string, detail: Readonly<Record<string, number>>): SegnoError {
  return new SegnoError("store_unavailable", message, { detail });
}
