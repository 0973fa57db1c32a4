import type { Db, Engine } from "../../engine.js";
import { type DataKey, dataKeyBytes, openDataKey } from "./data-key.js";
import { destroyKeysBefore, insertKeys, selectKeys, type SubjectKeyRow } from "./store.js";

type Parts = Pick<Engine, "clock" | "random" | "newId" | "dataSealer">;

/** Subjects begin like ids; what nobody in particular did is sealed under the key of its day. */
const strangerPrefix = "stranger:";

/** Whose key seals an event's personal data. */
export function keyOwnerOf(event: { readonly subject: string | null; readonly createdAtMs: number }): string {
  return event.subject ?? `${strangerPrefix}${new Date(event.createdAtMs).toISOString().slice(0, 10)}`;
}

/**
 * The data keys of these owners, made where there is none yet. An owner whose key was destroyed has none, for ever.
 * @throws SegnoError `key_unavailable` when a secret that wraps one is not listed any more
 */
export async function openSubjectKeys(
  parts: Parts,
  trx: Db,
  owners: readonly string[],
): Promise<ReadonlyMap<string, DataKey>> {
  const wanted = [...new Set(owners)];
  let rows = await selectKeys(trx, wanted);
  const known = new Set(rows.map(({ subject }) => subject));
  const missing = wanted.filter((owner) => !known.has(owner));
  if (missing.length > 0) {
    const made: SubjectKeyRow[] = [];
    for (const subject of missing) made.push(await newKey(parts, trx, subject));
    await insertKeys(trx, made);
    // what stands there now: somebody may have made it, or destroyed it, at the same moment
    rows = await selectKeys(trx, wanted);
  }
  const keys = new Map<string, DataKey>();
  for (const row of rows) {
    const key = await unwrap(parts, row, trx);
    if (key !== undefined) keys.set(row.subject, key);
  }
  return keys;
}

/** Undefined for a key that was destroyed. */
export async function unwrap(
  { dataSealer }: Pick<Parts, "dataSealer">,
  row: SubjectKeyRow,
  trx?: Db,
): Promise<DataKey | undefined> {
  if (row.destroyed_at !== null) return undefined;
  return openDataKey(row.id, await dataSealer.openData(row.wrapped, contextOf(row), trx));
}

const contextOf = ({ subject, id }: Pick<SubjectKeyRow, "subject" | "id">) => `segno_subject_keys ${subject} ${id}`;

async function newKey({ clock, random, newId, dataSealer }: Parts, trx: Db, subject: string): Promise<SubjectKeyRow> {
  const id = newId();
  const wrapped = await dataSealer.sealData(random.bytes(dataKeyBytes), contextOf({ subject, id }), trx);
  return { subject, id, wrapped, created_at: clock.nowMs(), destroyed_at: null };
}

/** Ends the keys of days longer ago than `days`. @returns how many */
export async function endStrangerKeys({ store, clock }: Engine, days: number): Promise<number> {
  const nowMs = clock.nowMs();
  return await destroyKeysBefore(store.db, { prefix: strangerPrefix, beforeMs: nowMs - days * 86_400_000, nowMs });
}
