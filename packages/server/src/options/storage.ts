import type { SegnoOptions } from "../config.js";
import { type KeyValueSource, postgresUrl, type StoreSource, sqlite } from "../storage/index.js";

const developmentDatabase = "./.segno/segno.db";

export function readMigrations(wish: string | undefined, faults: string[]): "auto" | "check" {
  if (wish === undefined || wish === "auto") return "auto";
  if (wish !== "check") faults.push('migrations: must be "auto" or "check"');
  return "check";
}

export function readDatabase(
  database: SegnoOptions["database"],
  strict: (fault: string) => void,
  faults: string[],
): StoreSource {
  if (database === undefined) return sqlite(developmentDatabase);
  if (typeof database !== "string") {
    if (database.describe === "sqlite :memory:")
      strict("database: is in memory; everything would be lost at the next start");
    return database;
  }
  if (/^postgres(ql)?:\/\//i.test(database)) return postgresUrl(database);
  if (database === ":memory:") strict("database: is in memory; everything would be lost at the next start");
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(database) && !database.startsWith("file://")) {
    faults.push("database: must be a file path, a file: URL or a postgres:// URL");
    return sqlite(developmentDatabase);
  }
  return sqlite(database);
}

export function readHotState(source: unknown, faults: string[]): KeyValueSource | undefined {
  if (source === undefined) return undefined;
  if (typeof source === "object" && source !== null && "open" in source && typeof source.open === "function") {
    return source as KeyValueSource;
  }
  faults.push('hotState: must be a source such as redis(client) from "@segno/server/storage/redis"');
  return undefined;
}
