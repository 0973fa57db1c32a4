import type { Db } from "../engine.js";

const dayMs = 86_400_000;

/** Deletes what has run out of meaning: limits, values seen once, and sign-in attempts a day after their end. */
export async function sweepExpired(db: Db, nowMs: number): Promise<void> {
  await db.deleteFrom("segno_rate_limits").where("expires_at", "<", nowMs).execute();
  await db.deleteFrom("segno_once").where("expires_at", "<", nowMs).execute();
  await db
    .deleteFrom("segno_attempts")
    .where("expires_at", "<", nowMs - dayMs)
    .execute();
}
