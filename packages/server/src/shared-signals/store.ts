import type { Db } from "../engine.js";
import type { Schema } from "../storage/index.js";

export type WaitingSignal = Readonly<Schema["segno_signals"]>;

export async function countWaiting(db: Db, stream: string): Promise<number> {
  const { count } = await db
    .selectFrom("segno_signals")
    .select((eb) => eb.fn.countAll<number | string>().as("count"))
    .where("stream", "=", stream)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** One that waits already stays as it is. */
export async function addWaiting(db: Db, signals: readonly WaitingSignal[]): Promise<void> {
  if (signals.length === 0) return;
  await db
    .insertInto("segno_signals")
    .values([...signals])
    .onConflict((conflict) => conflict.columns(["stream", "jti"]).doNothing())
    .execute();
}

/** The first ones, in the order of their events. */
export async function readWaiting(
  db: Db,
  { stream, limit }: { readonly stream: string; readonly limit: number },
): Promise<readonly WaitingSignal[]> {
  return await db
    .selectFrom("segno_signals")
    .selectAll()
    .where("stream", "=", stream)
    .orderBy("position")
    .orderBy("jti")
    .limit(limit)
    .execute();
}

/** A verification takes the place of one that was not fetched: nobody fills the table by asking for many. */
export async function replaceVerification(db: Db, signal: WaitingSignal): Promise<void> {
  await db.deleteFrom("segno_signals").where("stream", "=", signal.stream).where("position", "=", 0).execute();
  await addWaiting(db, [signal]);
}

/** Of this stream alone, whatever is named. */
export async function dropWaiting(
  db: Db,
  { stream, jtis }: { readonly stream: string; readonly jtis: readonly string[] },
): Promise<void> {
  if (jtis.length === 0) return;
  await db.deleteFrom("segno_signals").where("stream", "=", stream).where("jti", "in", jtis).execute();
}
