// A database for a child process, named by a URL: a SQLite file, and a schema of its own on PostgreSQL.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";

export interface CliDatabase {
  readonly url: string;
  readonly run: (statement: string) => Promise<void>;
  readonly drop: () => Promise<void>;
}

const server = process.env["SEGNO_TEST_POSTGRES_URL"];
const noServer = server === undefined ? "skipped: SEGNO_TEST_POSTGRES_URL is not set" : undefined;

export const cliDatabases: readonly {
  readonly name: string;
  readonly skipped: string | undefined;
  readonly create: () => Promise<CliDatabase>;
}[] = [
  { name: "sqlite", skipped: undefined, create: sqliteFile },
  { name: "postgres", skipped: noServer, create: postgresSchema },
];

async function sqliteFile(): Promise<CliDatabase> {
  const folder = mkdtempSync(join(tmpdir(), "segno-cli-store-"));
  const url = join(folder, "segno.db");
  return {
    url,
    run: async (statement) => {
      const database = new DatabaseSync(url);
      database.exec(statement);
      database.close();
    },
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function postgresSchema(): Promise<CliDatabase> {
  const schema = `segno_cli_${randomBytes(6).toString("hex")}`;
  const url = new URL(server ?? "");
  await query(url.href, `create schema ${schema}`);
  url.searchParams.set("options", `-c search_path=${schema}`);
  return {
    url: url.href,
    run: (statement) => query(url.href, statement),
    drop: () => query(server ?? "", `drop schema ${schema} cascade`),
  };
}

async function query(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
