import { SegnoError } from "@segno/core";
import type { Db, Engine } from "../engine.js";
import { announce, facts } from "./announce.js";
import {
  custodyId,
  type CustodyParts,
  discardKey,
  generateKey,
  isOwn,
  type KeyRow,
  type OpenedKey,
} from "./key-material.js";
import { leastPublishSeconds, verifierPatienceSeconds } from "./overlap.js";
import { cadenceSeconds } from "./purposes.js";
import { demoteKey, insertKey, listLiveKeys, promoteKey, withdrawKey } from "./store.js";
import { listVerifiers } from "./verifiers.js";

export type KeyParts = Pick<Engine, "config" | "clock" | "random" | "store" | "log" | "events"> &
  CustodyParts & {
    /** Opens a key for signing. @throws SegnoError `key_unavailable` */
    readonly open: (row: KeyRow) => Promise<OpenedKey>;
  };

/** A rotation that took place. */
export interface Rotation {
  /** The key that signs now. */
  readonly kid: string;
  readonly previousKid: string;
  /** False when the spare did not open, so that a fresh key signs: verifiers fetch it when they meet its first token. */
  readonly wasPublished: boolean;
}

/** How an operator rotates. */
export interface RotateOptions {
  /** Move to the configured custody, although the signing key lies in another one. Default false. */
  readonly changeCustody?: boolean;
  /** Do not wait until every cache must know the spare. Default false. */
  readonly atOnce?: boolean;
}

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
  if (nowMs < signing.signing_at + cadenceSeconds(parts.config, parts.purpose) * 1000) return false;
  const publishedBeforeMs = nowMs - keys.publishSeconds * 1000;
  if (nowMs < (await maySignAtMs(parts, spare))) return false;
  // a node configured otherwise rotates nothing: it could not sign with what it promotes
  if (!isOwn(parts, signing) || !(await opens(parts, spare))) return false;
  return await swap(parts, { signing, spare, publishedBeforeMs });
}

/**
 * When a spare may sign: published for `keys.publishSeconds`, and fetched by every verifier that was seen lately. One that
 * stays away is waited for a day longer.
 */
export async function maySignAtMs(parts: KeyParts, spare: KeyRow): Promise<number> {
  const atMs = spare.published_at + parts.config.keys.publishSeconds * 1000;
  if (parts.purpose !== "access_token") return atMs;
  const known = await listVerifiers(parts.store.db, parts.clock.nowMs());
  const isBehind = known.some((verifier) => verifier.holdsAtMs < spare.published_at);
  return isBehind ? atMs + verifierPatienceSeconds * 1000 : atMs;
}

/**
 * Rotation by an operator: the spare signs, and a new spare is made. Refused while caches may not know the spare, unless
 * `atOnce` says that this does not matter.
 * The old key stays in the key set until its last token has expired. A spare that does not open any more (its secret
 * is gone) is withdrawn and a new key signs unpublished; verifiers then fetch the key set on the unknown kid.
 * @returns what changed; undefined when another node was first
 * @throws SegnoError `conflict` when the signing key lies in another custody, or the spare is too young, and that was not
 * asked for (`detail` says what and how long);
 * `key_unavailable` when the custody makes or opens no key now
 */
export async function rotateKey(parts: KeyParts, options: RotateOptions = {}): Promise<Rotation | undefined> {
  await ensureKeys(parts);
  const rows = await listLiveKeys(parts.store.db, parts.purpose);
  const signing = rows.find((row) => row.state === "signing");
  const spare = rows.find((row) => row.state === "published");
  if (signing === undefined || spare === undefined) return undefined;
  if (!isOwn(parts, signing) && options.changeCustody !== true) {
    throw new SegnoError(
      "conflict",
      "The signing key lies in another custody. Say changeCustody to move to this one.",
      {
        detail: { kid: signing.kid, custody: signing.custody, configured: custodyId(parts.custody) },
      },
    );
  }
  if (await opens(parts, spare)) {
    if (options.atOnce !== true && options.changeCustody !== true) refuseYoung(parts, spare);
    const isDone = await swap(parts, { signing, spare, publishedBeforeMs: Number.MAX_SAFE_INTEGER });
    return isDone ? { kid: spare.kid, previousKid: signing.kid, wasPublished: true } : undefined;
  }
  const isWithdrawn = await parts.store.transaction(async (trx) => {
    const withdrawn = await withdrawKey(trx, { kid: spare.kid, nowMs: parts.clock.nowMs(), state: "retired" });
    if (withdrawn !== undefined) await announce(parts, trx, "key.retired", facts(withdrawn));
    return withdrawn !== undefined;
  });
  const fresh = isWithdrawn ? await addKey(parts, { isSigning: false }) : undefined;
  if (fresh === undefined) return undefined;
  const isDone = await swap(parts, { signing, spare: fresh, publishedBeforeMs: Number.MAX_SAFE_INTEGER });
  return isDone ? { kid: fresh.kid, previousKid: signing.kid, wasPublished: false } : undefined;
}

function refuseYoung(parts: KeyParts, spare: KeyRow): void {
  // nobody holds a set of keys that are not public
  if (parts.purpose === "data") return;
  const leftMs = spare.published_at + leastPublishSeconds * 1000 - parts.clock.nowMs();
  if (leftMs <= 0) return;
  const secondsLeft = Math.ceil(leftMs / 1000);
  throw new SegnoError(
    "conflict",
    `The spare key may sign in ${secondsLeft} s: caches may hold a key set without it.`,
    {
      detail: { kid: spare.kid, secondsLeft },
    },
  );
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

export async function promote(
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

/** Whether a key can be put to use: a remote one is asked for a signature over nothing of use. */
async function opens(parts: KeyParts, row: KeyRow): Promise<boolean> {
  if (!isOwn(parts, row)) return false;
  try {
    const key = await parts.open(row);
    if (key.mode === "remote") await key.sign(probe);
    return true;
  } catch {
    return false;
  }
}
