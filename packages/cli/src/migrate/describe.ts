import type { MigrationStatus, SchemaStatus } from "@segno/server";
import type { CommandError } from "../failure.js";

const docs = "docs/concepts/command-line.md#migrations";

/** `0001 schema`. */
export function nameOf({ number, name }: Pick<MigrationStatus, "number" | "name">): string {
  return `${String(number).padStart(4, "0")} ${name}`;
}

export function inState(status: SchemaStatus, state: MigrationStatus["state"]): readonly MigrationStatus[] {
  return status.migrations.filter((migration) => migration.state === state);
}

/** Why nothing can be applied, and what to do about it; undefined where something can. */
export function refusalOf(status: SchemaStatus): CommandError["failure"] | undefined {
  const odd = inState(status, status.state === "current" ? "applied" : status.state)
    .map(nameOf)
    .join(", ");
  if (status.state === "newer") {
    return {
      code: "schema_newer",
      cause: `The database is ahead of this version of Segno: it has ${odd}.`,
      fix: "Update @segno/server here, or point at the right database. Nothing was changed.",
      docs,
    };
  }
  if (status.state === "changed") {
    return {
      code: "schema_changed",
      cause: `Applied with other statements than this version has: ${odd}.`,
      fix: "Somebody edited a migration or its row. Restore a backup, or install the version that applied it.",
      docs,
    };
  }
  return undefined;
}

/** One word, a dash, and when. */
export function stateText({ state, appliedAtMs }: MigrationStatus): string {
  return appliedAtMs === null ? state : `${state}, ${new Date(appliedAtMs).toISOString()}`;
}

/** Migrations for machines: the SQL only of what is missing. */
export function migrationData(migration: MigrationStatus): Readonly<Record<string, unknown>> {
  const { number, name, state, appliedAtMs, statements } = migration;
  const appliedAt = appliedAtMs === null ? null : new Date(appliedAtMs).toISOString();
  return { number, name, state, appliedAt, ...(state === "pending" ? { statements } : {}) };
}
