import { SegnoError, type SegnoEventData } from "@segno/core";
import type { Actor, Db, Engine } from "../engine.js";
import {
  custodyId,
  type CustodyParts,
  discardKey,
  generateKey,
  isOwn,
  type KeyRow,
  type OpenedKey,
} from "./key-material.js";
import { demoteKey, insertKey, listLiveKeys, promoteKey, retireKeys, withdrawKey } from "./store.js";

export type KeyParts = Pick<Engine, "config" | "clock" | "random" | "store" | "log" | "events"> &
  CustodyParts & {
    /** Opens a key for signing. @throws SegnoError `key_unavailable` */
    readonly open: (row: KeyRow) => Promise<OpenedKey>;
  };

export interface RotateOptions {
  /** Move to the configured custody, although the signing key lies in another one. */
  readonly changeCustody?: boolean;
}

/** Key events name no request: the machinery did it. */
const actor: Actor = { requestId: "keys" };

/**
 * How long after its last token expired a key stays published: the widest clock tolerance of our verifiers (60 s) and
 * the minute another node may still sign with a key it has not seen rotated.
 */
export const retireToleranceMs = 120_000;

/**
 * Sees to it that one key signs and one spare is published. On an empty table the first key signs at once, without
 * having been published first: there is no verifier yet that could hold an older key set. Any number of nodes may do
 * this together; the unique indexes let one through.
 * @throws SegnoError `key_unavailable` when the custody makes no key now
 */
export async function ensureKeys(parts: KeyParts): Promise<void> {
  const rows = await listLiveKeys(parts.store.db, parts.purpose);
  const has = (state: KeyRow["state"]): boolean => rows.some((row) => row.state === state);
  if (!has("signing") && !(await promoteWaiting(parts))) await addKey(parts, { isSigning: true });
  if (!has("signing") || !has("published")) await addKey(parts, { isSigning: false });
}

/** Makes a key where there is none in that state. @returns its row, undefined when another node was first */
async function addKey(parts: KeyParts, as: { readonly isSigning: boolean }): Promise<KeyRow | undefined> {
  const state = as.isSigning ? "signing" : "published";
  if ((await listLiveKeys(parts.store.db, parts.purpose)).some((row) => row.state === state)) return undefined;
  const row = await generateKey(parts, { nowMs: parts.clock.nowMs(), ...as });
  const isAdded = await parts.store.transaction(async (trx) => {
    if (!(await insertKey(trx, row))) return false;
    await announce(parts, trx, "key.created", facts(row));
    return true;
  });
  if (isAdded) return row;
  await discardKey(parts, row);
  return undefined;
}

/** With no signing key and a spare at hand, the spare signs. @returns whether a key signs now */
async function promoteWaiting(parts: KeyParts): Promise<boolean> {
  const isDone = await unlessLost(
    parts.store.transaction(async (trx) => {
      const rows = await listLiveKeys(trx, parts.purpose);
      if (rows.some((row) => row.state === "signing")) return true;
      const spare = rows.find((row) => row.state === "published" && isOwn(parts, row));
      if (spare === undefined) return false;
      await promote(parts, trx, { spare, publishedBeforeMs: Number.MAX_SAFE_INTEGER });
      return true;
    }),
  );
  return isDone !== false;
}

/**
 * Timed rotation: when the signing key's time is over and the spare has been published long enough, the spare signs
 * and a new spare is published. The first statement decides which node does it.
 * @returns whether this node did
 */
export async function rotateWhenDue(parts: KeyParts): Promise<boolean> {
  const { keys } = parts.config;
  const nowMs = parts.clock.nowMs();
  const rows = await listLiveKeys(parts.store.db, parts.purpose);
  const signing = rows.find((row) => row.state === "signing");
  const spare = rows.find((row) => row.state === "published");
  if (signing?.signing_at === undefined || signing.signing_at === null || spare === undefined) return false;
  if (nowMs < signing.signing_at + keys.signingSeconds * 1000) return false;
  const publishedBeforeMs = nowMs - keys.publishSeconds * 1000;
  // a node configured otherwise rotates nothing: it could not sign with what it promotes
  if (spare.published_at > publishedBeforeMs || !isOwn(parts, signing) || !(await opens(parts, spare))) return false;
  return await swap(parts, { signing, spare, publishedBeforeMs });
}

/**
 * Rotation at once, for an operator: the spare signs however long it has been published, and a new spare is made.
 * The old key stays in the key set until its last token has expired. A spare that does not open any more (its secret
 * is gone) is withdrawn and a new key signs unpublished; verifiers then fetch the key set on the unknown kid.
 * @throws SegnoError `conflict` when the signing key lies in another custody and that was not asked for;
 * `key_unavailable` when the custody makes or opens no key now
 */
export async function rotateAtOnce(parts: KeyParts, options: RotateOptions = {}): Promise<boolean> {
  await ensureKeys(parts);
  const rows = await listLiveKeys(parts.store.db, parts.purpose);
  const signing = rows.find((row) => row.state === "signing");
  const spare = rows.find((row) => row.state === "published");
  if (signing === undefined || spare === undefined) return false;
  if (!isOwn(parts, signing) && options.changeCustody !== true) {
    throw new SegnoError(
      "conflict",
      "The signing key lies in another custody. Say changeCustody to move to this one.",
      {
        detail: { kid: signing.kid, custody: signing.custody, configured: custodyId(parts.custody) },
      },
    );
  }
  const publishedBeforeMs = Number.MAX_SAFE_INTEGER;
  if (await opens(parts, spare)) return await swap(parts, { signing, spare, publishedBeforeMs });
  const isWithdrawn = await parts.store.transaction(async (trx) => {
    const withdrawn = await withdrawKey(trx, { kid: spare.kid, nowMs: parts.clock.nowMs(), state: "retired" });
    if (withdrawn !== undefined) await announce(parts, trx, "key.retired", facts(withdrawn));
    return withdrawn !== undefined;
  });
  const fresh = isWithdrawn ? await addKey(parts, { isSigning: false }) : undefined;
  return fresh !== undefined && (await swap(parts, { signing, spare: fresh, publishedBeforeMs }));
}

/** Takes a key out of use and out of the key set. When it was signing, the spare signs in the same transaction. */
export async function withdrawCompromised(parts: KeyParts, kid: string): Promise<boolean> {
  const isWithdrawn = await parts.store.transaction(async (trx) => {
    const row = await withdrawKey(trx, { kid, nowMs: parts.clock.nowMs(), state: "compromised" });
    if (row === undefined) return false;
    await announce(parts, trx, "key.retired", facts(row));
    const spare = (await listLiveKeys(trx, parts.purpose)).find((each) => each.state === "published");
    const isWanted = row.signing_at !== null && row.verify_only_at === null;
    if (isWanted && spare !== undefined && isOwn(parts, spare))
      await promote(parts, trx, { spare, publishedBeforeMs: Number.MAX_SAFE_INTEGER, previousKid: kid });
    return true;
  });
  if (isWithdrawn) await ensureKeys(parts);
  return isWithdrawn;
}

/** Retires every key whose last token has expired. */
export async function retireExpired(parts: KeyParts): Promise<void> {
  const nowMs = parts.clock.nowMs();
  const rows = await listLiveKeys(parts.store.db, parts.purpose);
  const before = nowMs - retireToleranceMs;
  if (!rows.some((row) => row.state === "verify_only" && (row.latest_exp ?? 0) <= before)) return;
  await parts.store.transaction(async (trx) => {
    const retired = await retireKeys(trx, { purpose: parts.purpose, nowMs, expiredBeforeMs: before });
    for (const row of retired) await announce(parts, trx, "key.retired", facts(row));
  });
}

interface Swap {
  readonly signing: KeyRow;
  readonly spare: KeyRow;
  readonly publishedBeforeMs: number;
}

class LostRace extends Error {}

async function swap(parts: KeyParts, { signing, spare, publishedBeforeMs }: Swap): Promise<boolean> {
  const isDone = await unlessLost(
    parts.store.transaction(async (trx) => {
      if (!(await demoteKey(trx, signing.kid, parts.clock.nowMs()))) return false;
      await promote(parts, trx, { spare, publishedBeforeMs, previousKid: signing.kid });
      return true;
    }),
  );
  if (isDone !== true) return false;
  // by itself: a custody that makes no key now must not undo a rotation that took place. The next minute tries again
  await ensureKeys(parts).catch(() => parts.log.warn("No new spare key could be made. It will be tried again."));
  return true;
}

/** Another node was first: its transaction stands, ours was rolled back. */
async function unlessLost<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof LostRace) return undefined;
    throw error;
  }
}

async function promote(
  parts: KeyParts,
  trx: Db,
  input: { readonly spare: KeyRow; readonly publishedBeforeMs: number; readonly previousKid?: string },
): Promise<void> {
  const { spare, publishedBeforeMs, previousKid } = input;
  if (!(await promoteKey(trx, { kid: spare.kid, nowMs: parts.clock.nowMs(), publishedBeforeMs }))) throw new LostRace();
  const previous = previousKid === undefined ? {} : { previousKid };
  await announce(parts, trx, "key.rotated", { ...facts(spare), state: "signing", ...previous });
}

const probe = "segno.probe";

/** Whether a key signs: a remote one is asked for a signature over nothing of use. */
async function opens(parts: KeyParts, row: KeyRow): Promise<boolean> {
  try {
    const key = await parts.open(row);
    if (key.mode === "remote") await key.sign(probe);
    return true;
  } catch {
    return false;
  }
}

export function facts(row: Pick<KeyRow, "kid" | "algorithm" | "state" | "custody">): {
  kid: string;
  alg: string;
  custody: string;
  state: string;
} {
  return { kid: row.kid, alg: row.algorithm, custody: row.custody, state: row.state };
}

export async function announce<Type extends "key.created" | "key.rotated" | "key.retired" | "key.used">(
  parts: Pick<KeyParts, "events">,
  trx: Db,
  type: Type,
  data: SegnoEventData<Type>,
): Promise<void> {
  await parts.events.append(trx, type, actor, data);
}
