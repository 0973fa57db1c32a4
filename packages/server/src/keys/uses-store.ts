import type { Db } from "../engine.js";
import type { KeyPurpose } from "./custody.js";

/** Signatures are summed up by spans of this length: short for tokens, which live for minutes. */
function spanMsOf(purpose: KeyPurpose): number {
  return purpose === "access_token" ? 300_000 : 3_600_000;
}

export interface RecordedUse {
  readonly kid: string;
  readonly purpose: KeyPurpose;
  readonly count: number;
  readonly latestExpMs: number;
  readonly nowMs: number;
}

/** Adds to what a key signed in this span of time. */
export async function recordUse(trx: Db, use: RecordedUse): Promise<void> {
  const spanMs = spanMsOf(use.purpose);
  await trx
    .insertInto("segno_key_uses")
    .values({
      kid: use.kid,
      since: Math.floor(use.nowMs / spanMs) * spanMs,
      count: use.count,
      latest_exp: use.latestExpMs,
    })
    .onConflict((conflict) =>
      conflict.columns(["kid", "since"]).doUpdateSet((eb) => ({
        count: eb("segno_key_uses.count", "+", use.count),
        latest_exp: eb
          .case()
          .when("segno_key_uses.latest_exp", "<", use.latestExpMs)
          .then(use.latestExpMs)
          .else(eb.ref("segno_key_uses.latest_exp"))
          .end(),
      })),
    )
    .execute();
}

export interface UseSums {
  /** Signatures since `fromMs`. */
  readonly recent: number;
  /** Signatures in spans whose latest `exp` is still to come: at most so many have not expired. */
  readonly unexpired: number;
}

/** By kid: what it signed lately, and how much of it may still be in use. */
export async function sumUses(
  db: Db,
  input: { readonly fromMs: number; readonly nowMs: number },
): Promise<ReadonlyMap<string, UseSums>> {
  const rows = await db
    .selectFrom("segno_key_uses")
    .selectAll()
    .where((eb) => eb.or([eb("since", ">=", input.fromMs), eb("latest_exp", ">", input.nowMs)]))
    .execute();
  const sums = new Map<string, { recent: number; unexpired: number }>();
  for (const row of rows) {
    const sum = sums.get(row.kid) ?? { recent: 0, unexpired: 0 };
    if (row.since >= input.fromMs) sum.recent += row.count;
    if (row.latest_exp > input.nowMs) sum.unexpired += row.count;
    sums.set(row.kid, sum);
  }
  return sums;
}

/** Deletes what neither counts as recent nor can be unexpired. */
export async function sweepUses(db: Db, beforeMs: number): Promise<void> {
  await db.deleteFrom("segno_key_uses").where("since", "<", beforeMs).where("latest_exp", "<", beforeMs).execute();
}
