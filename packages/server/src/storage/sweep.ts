import type { Db } from "../engine.js";

const dayMs = 86_400_000;
const portion = 5_000;

/**
 * Deletes a few thousand rows a statement until none is left: what piled up while no node ran takes longer than a
 * statement may.
 * @param deleteSome deletes at most that many
 */
export async function deleteInPortions(
  deleteSome: (limit: number) => Promise<readonly { readonly numDeletedRows: bigint }[]>,
): Promise<void> {
  for (;;) {
    const [result] = await deleteSome(portion);
    if ((result?.numDeletedRows ?? 0n) < portion) return;
  }
}

/** Deletes what has run out of meaning: limits, values seen once, and sign-in attempts a day after their end. */
export async function sweepExpired(db: Db, nowMs: number): Promise<void> {
  for (const table of ["segno_rate_limits", "segno_once"] as const) {
    await deleteInPortions((limit) =>
      db
        .deleteFrom(table)
        .where("key", "in", (eb) => eb.selectFrom(table).select("key").where("expires_at", "<", nowMs).limit(limit))
        .execute(),
    );
  }
  await deleteInPortions((limit) =>
    db
      .deleteFrom("segno_attempts")
      .where("id", "in", (eb) =>
        eb
          .selectFrom("segno_attempts")
          .select("id")
          .where("expires_at", "<", nowMs - dayMs)
          .limit(limit),
      )
      .execute(),
  );
}
