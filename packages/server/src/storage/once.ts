import type { Db } from "../engine.js";

/**
 * Remembers that a value was seen.
 * @param expiresAtMs until when a second sighting counts, milliseconds since the epoch
 * @returns true the first time, false when it was seen before; exact under concurrency
 */
export async function rememberOnce(db: Db, key: string, expiresAtMs: number): Promise<boolean> {
  const row = await db
    .insertInto("segno_once")
    .values({ key, expires_at: expiresAtMs })
    .onConflict((conflict) => conflict.column("key").doNothing())
    .returning("key")
    .executeTakeFirst();
  return row !== undefined;
}
