import type { Db, Engine } from "../engine.js";
import { selectConsents } from "./store.js";

/** One purpose of the configuration, and what a person said to it. */
export interface Consent {
  readonly purpose: string;
  /** The version in force: what to show, and to name when they agree. */
  readonly version: number;
  /** Whether they agreed to this very version and did not take it back. */
  readonly isGranted: boolean;
  /** The version they agreed to last. */
  readonly grantedVersion: number | null;
  /** RFC 3339. */
  readonly grantedAt: string | null;
  /** RFC 3339. */
  readonly withdrawnAt: string | null;
  /** What tokens hold only with it. */
  readonly scopes: readonly string[];
}

/** Every configured purpose, in the order of the configuration, whether or not the person has answered. */
export async function listConsents(engine: Engine, db: Db, userId: string): Promise<readonly Consent[]> {
  const rows = new Map((await selectConsents(db, userId)).map((row) => [row.purpose, row]));
  const at = (ms: number | null | undefined) => (ms == null ? null : new Date(ms).toISOString());
  return [...engine.config.consents].map(([purpose, { version, scopes }]) => {
    const row = rows.get(purpose);
    return {
      purpose,
      version,
      isGranted: row?.version === version && row.withdrawn_at === null,
      grantedVersion: row?.version ?? null,
      grantedAt: at(row?.granted_at),
      withdrawnAt: at(row?.withdrawn_at),
      scopes,
    };
  });
}
