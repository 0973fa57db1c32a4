import type { Db } from "../engine.js";
import type { Schema } from "../storage/schema.js";

export type CursorRow = Schema["segno_event_cursors"];

/** Who may write for a receiver, and until when. Everything written under it is written only while it holds. */
export interface Lease {
  readonly name: string;
  readonly leaseId: string;
  readonly nowMs: number;
}

/** Makes the places that are not known yet. A new receiver begins with the oldest event that is kept. */
export async function addCursors(db: Db, names: readonly string[], nowMs: number): Promise<void> {
  if (names.length === 0) return;
  await db
    .insertInto("segno_event_cursors")
    .values(
      names.map((name) => ({
        name,
        position: 0,
        lease_id: null,
        lease_until: 0,
        failures: 0,
        next_attempt_at: 0,
        last_error: null,
        accepted_at: null,
        seen_at: nowMs,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function readCursors(db: Db): Promise<CursorRow[]> {
  return await db.selectFrom("segno_event_cursors").selectAll().orderBy("name").execute();
}

export async function readCursor(db: Db, name: string): Promise<CursorRow | undefined> {
  return await db.selectFrom("segno_event_cursors").selectAll().where("name", "=", name).executeTakeFirst();
}

/** One node gets it: whoever asks first once the lease before has run out. @returns the place, or undefined */
export async function takeLease(
  db: Db,
  lease: Lease & { readonly untilMs: number; readonly heldId: string | undefined },
): Promise<CursorRow | undefined> {
  return await db
    .updateTable("segno_event_cursors")
    .set({ lease_id: lease.leaseId, lease_until: lease.untilMs, seen_at: lease.nowMs })
    .where("name", "=", lease.name)
    .where((eb) =>
      lease.heldId === undefined
        ? eb.or([eb("lease_id", "is", null), eb("lease_until", "<=", lease.nowMs)])
        : eb("lease_id", "=", lease.heldId),
    )
    .returningAll()
    .executeTakeFirst();
}

/** What a node may change about its receiver's place. */
export type CursorChange = Partial<
  Pick<
    CursorRow,
    "position" | "failures" | "next_attempt_at" | "last_error" | "accepted_at" | "lease_until" | "seen_at"
  >
>;

/** Writes under the lease. @returns false when it was lost: nothing was written, and nothing else may be */
export async function writeCursor(db: Db, { name, leaseId, nowMs }: Lease, change: CursorChange): Promise<boolean> {
  const row = await db
    .updateTable("segno_event_cursors")
    .set(change)
    .where("name", "=", name)
    .where("lease_id", "=", leaseId)
    .where("lease_until", ">", nowMs)
    .returning("name")
    .executeTakeFirst();
  return row !== undefined;
}

/** Lets another node have it at once. */
export async function freeLease(db: Db, name: string, leaseId: string): Promise<void> {
  await db
    .updateTable("segno_event_cursors")
    .set({ lease_id: null, lease_until: 0 })
    .where("name", "=", name)
    .where("lease_id", "=", leaseId)
    .execute();
}

/** Puts a receiver elsewhere, from outside: whoever works for it loses its lease. @returns false when it is not known */
export async function placeCursor(db: Db, name: string, change: CursorChange): Promise<boolean> {
  const row = await db
    .updateTable("segno_event_cursors")
    .set({ failures: 0, next_attempt_at: 0, ...change, lease_id: null, lease_until: 0 })
    .where("name", "=", name)
    .returning("name")
    .executeTakeFirst();
  return row !== undefined;
}

export async function markSeen(db: Db, names: readonly string[], nowMs: number): Promise<void> {
  if (names.length === 0) return;
  await db.updateTable("segno_event_cursors").set({ seen_at: nowMs }).where("name", "in", names).execute();
}

export async function deleteCursor(db: Db, name: string): Promise<boolean> {
  const result = await db.deleteFrom("segno_event_cursors").where("name", "=", name).executeTakeFirst();
  return result.numDeletedRows > 0n;
}
