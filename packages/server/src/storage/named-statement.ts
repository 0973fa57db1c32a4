import { createHash } from "node:crypto";
import type { PgPool, PgStatement } from "./pg-pool.js";

/** A statement of the hot path, known to the server by name. */
export interface NamedStatement {
  readonly name: string;
  readonly text: string;
}

/**
 * The name holds a digest of the text: behind a pooler two versions of this library may share a server connection, and
 * must not run each other's statements.
 */
export function namedStatement(name: string, text: string): NamedStatement {
  return { name: `segno_${name}_${createHash("sha256").update(text).digest("hex").slice(0, 16)}`, text };
}

/** The server does not know the name, or knows it already: a pooler gave the connection to somebody else in between. */
const pooledCodes = new Set(["26000", "42P05"]);
/** "cached plan must not change result type": a newer version of this library added a column meanwhile. */
const staleCode = "0A000";

/** Reads at most one row by a statement that is parsed and planned once per connection, where that is possible. */
export type ReadOne = <Row>(statement: NamedStatement, values: unknown[]) => Promise<Row | undefined>;

/**
 * Finds out by itself that a pooler in transaction mode is in between, such as PgBouncer before 1.21, and then stops
 * using names. Reading twice is harmless.
 */
export function createReadOne(pool: PgPool): ReadOne {
  let usesNames = true;
  return async <Row>(statement: NamedStatement, values: unknown[]) => {
    const client = await pool.connect();
    const first = async (sent: PgStatement) => (await client.query(sent)).rows[0] as Row | undefined;
    // others may find out meanwhile
    const isNamed = usesNames;
    let isStale = false;
    try {
      return await first(isNamed ? { ...statement, values } : { text: statement.text, values });
    } catch (error) {
      const code = (error as { readonly code?: unknown } | null)?.code;
      isStale = code === staleCode;
      if (!isNamed || !(isStale || pooledCodes.has(String(code)))) throw error;
      if (!isStale) usesNames = false;
      return await first({ text: statement.text, values });
    } finally {
      client.release(isStale);
    }
  };
}
