import { SegnoError } from "@segno/core";
import type { Db, Engine } from "../engine.js";
import { type CursorChange, type CursorRow, freeLease, takeLease, writeCursor } from "./cursors-store.js";

/** This node's hold on a receiver's place in the order of events. */
export interface LeaseHolder {
  /**
   * The place, when this node has it or gets it. Asks the database only when there is something to get or to renew.
   * `isNew` tells that another node may have had it meanwhile.
   * @param known the place as it was read a moment ago
   */
  take(known: CursorRow): Promise<{ readonly cursor: CursorRow; readonly isNew: boolean } | undefined>;
  /**
   * Writes under the lease and makes it last longer; call it in the transaction of whatever depends on it.
   * @throws SegnoError `conflict` when the lease was lost: the transaction must not commit
   */
  write(trx: Db, change: CursorChange): Promise<void>;
  isHeld(): boolean;
  /** Makes it last longer when half of it is over. @returns false when it was lost */
  renew(): Promise<boolean>;
  /** Lets another node have it at once. */
  free(): Promise<void>;
}

export const leaseMs = 30_000;

export function createLeaseHolder(
  { store, clock, newId }: Pick<Engine, "store" | "clock" | "newId">,
  name: string,
): LeaseHolder {
  let held: { readonly leaseId: string; untilMs: number } | undefined;

  const isHeld = () => held !== undefined && held.untilMs > clock.nowMs();

  async function write(trx: Db, change: CursorChange): Promise<void> {
    const nowMs = clock.nowMs();
    const mine = held;
    const lasting = { lease_until: nowMs + leaseMs, seen_at: nowMs };
    if (
      mine !== undefined &&
      (await writeCursor(trx, { name, leaseId: mine.leaseId, nowMs }, { ...lasting, ...change }))
    ) {
      // a transaction that fails leaves it shorter than it is thought to be here: a third of it is never counted on
      mine.untilMs = nowMs + (leaseMs * 2) / 3;
      return;
    }
    if (mine !== undefined) mine.untilMs = 0;
    throw new SegnoError("conflict", "Another node delivers these events now.");
  }

  return {
    async take(known) {
      const nowMs = clock.nowMs();
      const isMine = held !== undefined && known.lease_id === held.leaseId;
      if (isMine && held !== undefined && held.untilMs - nowMs > leaseMs / 3) return { cursor: known, isNew: false };
      if (!isMine && known.lease_id !== null && known.lease_until > nowMs) {
        held = undefined;
        return undefined;
      }
      // one that ran out goes on where it was, as long as nobody else has had it meanwhile
      const heldId = isMine ? held?.leaseId : undefined;
      const leaseId = heldId ?? newId();
      const cursor = await takeLease(store.db, { name, leaseId, nowMs, untilMs: nowMs + leaseMs, heldId });
      held = cursor === undefined ? undefined : { leaseId, untilMs: nowMs + (leaseMs * 2) / 3 };
      return cursor === undefined ? undefined : { cursor, isNew: heldId === undefined };
    },
    write,
    isHeld,
    async renew() {
      if (held === undefined) return false;
      if (held.untilMs - clock.nowMs() > leaseMs / 3) return true;
      return await write(store.db, {}).then(
        () => true,
        (error: unknown) => {
          if (error instanceof SegnoError && error.code === "conflict") return false;
          throw error;
        },
      );
    },
    async free() {
      const mine = held;
      held = undefined;
      if (mine !== undefined) await freeLease(store.db, name, mine.leaseId);
    },
  };
}
