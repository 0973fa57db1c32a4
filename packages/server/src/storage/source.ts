import type { Clock } from "@segno/core";
import type { Store } from "../ports.js";

/** What a source is told when it opens. */
export interface StoreContext {
  /** Stamps applied migrations. Default: the system clock. */
  readonly clock?: Clock;
  /** `auto` (default) applies what is missing; `check` refuses to open while anything is missing. */
  readonly migrations?: "auto" | "check";
}

/** Something that opens a store: `sqlite(path)`, `postgres(pool)`. */
export interface StoreSource {
  /** Names the store in messages; holds no password. */
  readonly describe: string;
  /**
   * Connects, brings the schema up to date and hands over the store.
   * @throws SegnoError `store_unavailable` when it cannot be reached, was changed by hand or belongs to a newer version
   */
  open(context?: StoreContext): Promise<Store>;
  /**
   * The schema alone, looked at without being changed. Left out by a source that has none of its own to show.
   * @throws SegnoError `store_unavailable`
   */
  schema?(context?: StoreContext): Promise<SchemaAccess>;
}

/** One migration, and whether the database has it. */
export interface MigrationStatus {
  readonly number: number;
  readonly name: string;
  /**
   * `applied`; `pending`: missing; `changed`: applied with other statements than this version has; `newer`: unknown to
   * this version.
   */
  readonly state: "applied" | "pending" | "changed" | "newer";
  /** Milliseconds since 1970; null while it is missing. */
  readonly appliedAtMs: number | null;
  /** Its SQL in the dialect of this database; none where this version does not know it. */
  readonly statements: readonly string[];
}

/** The schema of a database, held against the one this version needs. */
export interface SchemaStatus {
  /** `current`, or the gravest state of any migration: `newer` before `changed` before `pending`. */
  readonly state: "current" | "pending" | "changed" | "newer";
  /** In order. */
  readonly migrations: readonly MigrationStatus[];
}

/** Where a migration under way has got to. */
export interface MigrationStep {
  readonly number: number;
  readonly name: string;
  /** The statement that begins now, from 1. */
  readonly statement: number;
  /** How many statements the migration has. */
  readonly of: number;
}

/** A connection for looking at the schema and for changing it. */
export interface SchemaAccess {
  readonly dialect: "sqlite" | "postgres";
  /** Reads only, and makes no file. */
  status(): Promise<SchemaStatus>;
  /** Applies what is missing. @throws SegnoError `store_unavailable` as `open` does */
  apply(onStep?: (step: MigrationStep) => void): Promise<void>;
  /** The database's clock; null where it is this machine's. */
  clockMs(): Promise<number | null>;
  /** Gives back the connection. */
  close(): Promise<void>;
}
