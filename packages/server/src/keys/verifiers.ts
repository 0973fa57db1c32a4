import type { Db, Engine } from "../engine.js";
import { verifierMemorySeconds } from "./overlap.js";

/** Somebody who fetches the key set. */
export interface VerifierSight {
  /** What the verifier calls itself; taken on trust, so it may delay a rotation and nothing else. */
  readonly name: string | undefined;
  /** The resolved client address. Stored as a keyed digest. */
  readonly address: string;
  /** Whether it has the set of this node: it named its ETag, or it named none and gets it now. */
  readonly holdsCurrent: boolean;
}

/** A verifier as `status` tells of it. */
export interface KnownVerifier {
  /** The name it gave itself, null for one that gave none. */
  readonly name: string | null;
  readonly seenAtMs: number;
  /** The newest moment of which it is known to hold the key set. */
  readonly holdsAtMs: number;
}

/** Who fetches the key set, and what they hold. */
export interface Verifiers {
  /** Never waits and never fails: a fetch must not depend on it. `setAtMs`: when this node read the set from the store. */
  note(sight: VerifierSight, setAtMs: number): void;
  flush(): Promise<void>;
}

type VerifiersParts = Pick<Engine, "clock" | "store" | "secrets">;

const writeEveryMs = 60_000;
/** Rows in the table, and sights in memory between two writes. Further ones are not noted. */
export const maxVerifiers = 1_000;

interface Sight {
  readonly id: string;
  readonly name: string | null;
  seenAtMs: number;
  holdsAtMs: number;
  writtenAtMs: number;
  isWritten: boolean;
}

const nameShape = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/;

export function createVerifiers(parts: VerifiersParts): Verifiers {
  const { clock, store, secrets } = parts;
  const sights = new Map<string, Sight>();

  function idOf({ name, address }: VerifierSight): { id: string; name: string | null } {
    if (name !== undefined && nameShape.test(name)) return { id: `name:${name}`, name };
    return { id: `address:${secrets.mac("keys.verifier", address)}`, name: null };
  }

  return {
    note(given, setAtMs) {
      const { id, name } = idOf(given);
      const nowMs = clock.nowMs();
      const known = sights.get(id);
      const sight = known ?? { id, name, seenAtMs: 0, holdsAtMs: 0, writtenAtMs: 0, isWritten: true };
      if (known === undefined) {
        if (sights.size >= maxVerifiers) return;
        sights.set(id, sight);
      }
      sight.seenAtMs = nowMs;
      if (given.holdsCurrent) sight.holdsAtMs = Math.max(sight.holdsAtMs, setAtMs);
      sight.isWritten = false;
    },
    async flush() {
      const nowMs = clock.nowMs();
      const due = [...sights.values()].filter(
        (sight) => !sight.isWritten && Math.abs(nowMs - sight.writtenAtMs) >= writeEveryMs,
      );
      for (const sight of due) {
        sight.isWritten = true;
        sight.writtenAtMs = nowMs;
      }
      for (const [id, sight] of sights) {
        if (sight.isWritten && nowMs - sight.seenAtMs > verifierMemorySeconds * 1000) sights.delete(id);
      }
      if (due.length > 0) await store.transaction((trx) => writeSights(trx, due, nowMs));
    },
  };
}

async function writeSights(trx: Db, sights: readonly Sight[], nowMs: number): Promise<void> {
  await trx
    .deleteFrom("segno_verifiers")
    .where("seen_at", "<", nowMs - 7 * verifierMemorySeconds * 1000)
    .execute();
  const { count } = await trx
    .selectFrom("segno_verifiers")
    .select((eb) => eb.fn.countAll<number | string>().as("count"))
    .executeTakeFirstOrThrow();
  const hasRoom = Number(count) + sights.length <= maxVerifiers;
  for (const { id, name, seenAtMs, holdsAtMs } of sights) {
    const later = await trx
      .updateTable("segno_verifiers")
      .set((eb) => ({
        seen_at: seenAtMs,
        holds_at: eb.case().when("holds_at", "<", holdsAtMs).then(holdsAtMs).else(eb.ref("holds_at")).end(),
      }))
      .where("id", "=", id)
      .returning("id")
      .executeTakeFirst();
    if (later !== undefined || !hasRoom) continue;
    await trx
      .insertInto("segno_verifiers")
      .values({ id, name, seen_at: seenAtMs, holds_at: holdsAtMs })
      .onConflict((conflict) => conflict.doNothing())
      .execute();
  }
}

/** Everybody seen in the last day. */
export async function listVerifiers(db: Db, nowMs: number): Promise<readonly KnownVerifier[]> {
  const rows = await db
    .selectFrom("segno_verifiers")
    .select(["name", "seen_at", "holds_at"])
    .where("seen_at", ">=", nowMs - verifierMemorySeconds * 1000)
    .orderBy("name")
    .orderBy("seen_at")
    .execute();
  return rows.map((row) => ({ name: row.name, seenAtMs: row.seen_at, holdsAtMs: row.holds_at }));
}
