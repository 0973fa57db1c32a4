import { SegnoError } from "@segno/core";
import { announce, facts } from "./announce.js";
import { isOwn, type KeyRow, noSignal, remoteKeyOf } from "./key-material.js";
import { retirableAtMs, retireSeconds } from "./overlap.js";
import { ensureKeys, type KeyParts } from "./rotate.js";
import { findKeyRow, listEndedKeys, listLiveKeys, markDestroyed, retireKeys, withdrawKey } from "./store.js";

/** Retires every key whose last token has expired. A data key stays: nobody knows what it sealed. */
export async function retireExpired(parts: KeyParts): Promise<void> {
  if (parts.purpose === "data") return;
  const nowMs = parts.clock.nowMs();
  const rows = await listLiveKeys(parts.store.db, parts.purpose);
  if (!rows.some((row) => row.state === "verify_only" && retirableAtMs(row) <= nowMs)) return;
  await parts.store.transaction(async (trx) => {
    const before = nowMs - retireSeconds * 1000;
    const retired = await retireKeys(trx, { purpose: parts.purpose, nowMs, expiredBeforeMs: before });
    for (const row of retired) await announce(parts, trx, "key.retired", facts(row));
  });
}

/**
 * Retires one key now. A spare may always go, another one is made. A key that signs has to be rotated first, and a key
 * whose tokens may still be unexpired stays.
 * @throws SegnoError `not_found`; `conflict` with `detail.secondsLeft` while a token may need it
 */
export async function retireKey(parts: KeyParts, kid: string): Promise<void> {
  const nowMs = parts.clock.nowMs();
  const row = await findKeyRow(parts.store.db, kid);
  if (row === undefined || row.purpose !== parts.purpose) throw new SegnoError("not_found", "There is no such key.");
  if (parts.purpose === "data" && row.state === "verify_only")
    throw new SegnoError("conflict", "What this key sealed would be lost with it.", { detail: { kid } });
  refuseNeeded(row, nowMs);
  const isRetired = await parts.store.transaction(async (trx) => {
    const retired = await withdrawKey(trx, { kid, nowMs, state: "retired", from: row.state });
    if (retired !== undefined) await announce(parts, trx, "key.retired", facts(retired));
    return retired !== undefined;
  });
  if (!isRetired) throw new SegnoError("conflict", "The key changed its state meanwhile.", { detail: { kid } });
  if (row.state === "published") await ensureKeys(parts);
}

function refuseNeeded(row: KeyRow, nowMs: number): void {
  const { kid, state } = row;
  if (state === "signing") throw new SegnoError("conflict", "The key signs. Rotate first.", { detail: { kid, state } });
  if (state !== "published" && state !== "verify_only")
    throw new SegnoError("conflict", "The key is not in the key set any more.", { detail: { kid, state } });
  const secondsLeft = state === "published" ? 0 : Math.ceil((retirableAtMs(row) - nowMs) / 1000);
  if (secondsLeft > 0) {
    const message = `Unexpired tokens may need the key for ${secondsLeft} s more.`;
    throw new SegnoError("conflict", message, { detail: { kid, state, secondsLeft } });
  }
}

/** Has the custody end the keys that left the key set, where it can. */
export async function destroyEnded(parts: KeyParts): Promise<void> {
  const { custody } = parts;
  if (custody.mode !== "remote" || custody.destroy === undefined) return;
  for (const row of await listEndedKeys(parts.store.db, parts.purpose)) {
    if (!isOwn(parts, row)) continue;
    await custody.destroy(remoteKeyOf(parts, row), noSignal);
    await parts.store.transaction(async (trx) => {
      const destroyed = await markDestroyed(trx, row.kid, parts.clock.nowMs());
      if (destroyed !== undefined) await announce(parts, trx, "key.destroyed", facts(destroyed));
    });
  }
}
