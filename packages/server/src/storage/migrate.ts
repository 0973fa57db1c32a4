import { createHash } from "node:crypto";
import { SegnoError } from "@segno/core";
import { sql } from "kysely";
import type { Db } from "../engine.js";
import { isRetryable, isUniqueViolation } from "./faults.js";

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
}

/**
 * Applies what is missing. Safe when several processes start at once: on SQLite the write lock, on PostgreSQL a
 * locked row (number 0) lets one of them work while the others wait and then find nothing to do.
 * @throws SegnoError `store_unavailable` when an applied migration differs from ours or is newer than ours
 */
export async function migrate(db: Db, migrations: readonly Migration[], options: MigrateOptions): Promise<void> {
  await createMigrationTable(db, options.dialect);
  if (missingOf(await appliedOf(db), migrations, options.dialect).length === 0) return;
  await db.transaction().execute(async (trx) => {
    if (options.dialect === "postgres") await lock(trx);
    for (const migration of missingOf(await appliedOf(trx), migrations, options.dialect))
      await apply(trx, migration, options);
  });
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

type Applied = ReadonlyMap<number, string>;

async function appliedOf(db: Db): Promise<Applied> {
  const rows = await db.selectFrom("segno_migrations").select(["number", "checksum"]).where("number", ">", 0).execute();
  return new Map(rows.map((row) => [row.number, row.checksum]));
}

function missingOf(
  applied: Applied,
  migrations: readonly Migration[],
  dialect: "sqlite" | "postgres",
): readonly Migration[] {
  const newest = migrations.at(-1)?.number ?? 0;
  for (const number of applied.keys()) {
    if (number > newest) {
      throw refusal("The database was set up by a newer version of Segno. Update this application.", {
        number,
        newest,
      });
    }
  }
  return migrations.filter((migration) => {
    const checksum = applied.get(migration.number);
    if (checksum === undefined) return true;
    if (checksum === checksumOf(migration, dialect)) return false;
    throw refusal("An applied migration differs from the one in this version of Segno.", { number: migration.number });
  });
}

async function apply(trx: Db, migration: Migration, options: MigrateOptions): Promise<void> {
  for (const statement of migration[options.dialect]) await sql.raw(statement).execute(trx);
  await trx
    .insertInto("segno_migrations")
    .values({
      number: migration.number,
      name: migration.name,
      checksum: checksumOf(migration, options.dialect),
      applied_at: options.nowMs,
    })
    .execute();
}

function refusal(message: string, detail: Readonly<Record<string, number>>): SegnoError {
  return new SegnoError("store_unavailable", message, { detail });
}
