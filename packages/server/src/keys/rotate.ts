import type { SegnoEventData } from "@segno/core";
import type { Actor, Db, Engine } from "../engine.js";
import { generateKey, type KeyRow, openKey } from "./key-material.js";
import { demoteKey, insertKey, listLiveKeys, promoteKey, retireKeys, withdrawKey } from "./store.js";

export type KeyParts = Pick<Engine, "config" | "clock" | "random" | "store" | "secrets" | "log" | "events">;

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
 */
export async function ensureKeys(parts: KeyParts): Promise<void> {
  const rows = await listLiveKeys(parts.store.db);
  if (rows.some((row) => row.state === "signing") && rows.some((row) => row.state === "published")) return;
  const first = await generateKey(parts, { nowMs: parts.clock.nowMs(), isSigning: true });
  const spare = await generateKey(parts, { nowMs: parts.clock.nowMs(), isSigning: false });
  await unlessLost(
    parts.store.transaction(async (trx) => {
      if (!(await promoteWaiting(parts, trx)) && (await insertKey(trx, first))) {
        await announce(parts, trx, "key.created", facts(first));
      }
      if (await insertKey(trx, spare)) await announce(parts, trx, "key.created", facts(spare));
    }),
  );
}

/** With no signing key and a spare at hand, the spare signs. @returns whether a key signs now */
async function promoteWaiting(parts: KeyParts, trx: Db): Promise<boolean> {
  const rows = await listLiveKeys(trx);
  if (rows.some((row) => row.state === "signing")) return true;
  const spare = rows.find((row) => row.state === "published");
  if (spare === undefined) return false;
  await promote(parts, trx, { spare, publishedBeforeMs: Number.MAX_SAFE_INTEGER });
  return true;
}

/**
 * Timed rotation: when the signing key's time is over and the spare has been published long enough, the spare signs
 * and a new spare is published. The first statement decides which node does it.
 * @returns whether this node did
 */
export async function rotateWhenDue(parts: KeyParts): Promise<boolean> {
  const { keys } = parts.config;
  const nowMs = parts.clock.nowMs();
  const rows = await listLiveKeys(parts.store.db);
  const signing = rows.find((row) => row.state === "signing");
  const spare = rows.find((row) => row.state === "published");
  if (signing?.signing_at === undefined || signing.signing_at === null || spare === undefined) return false;
  if (nowMs < signing.signing_at + keys.signingSeconds * 1000) return false;
  const publishedBeforeMs = nowMs - keys.publishSeconds * 1000;
  if (spare.published_at > publishedBeforeMs) return false;
  return await swap(parts, { signing, spare, publishedBeforeMs });
}

/**
 * Rotation at once, for an operator: the spare signs however long it has been published, and a new spare is made.
 * The old key stays in the key set until its last token has expired. A spare that does not open any more (its secret
 * is gone) is withdrawn and a new key signs unpublished; verifiers then fetch the key set on the unknown kid.
 */
export async function rotateAtOnce(parts: KeyParts): Promise<boolean> {
  await ensureKeys(parts);
  const rows = await listLiveKeys(parts.store.db);
  const signing = rows.find((row) => row.state === "signing");
  const spare = rows.find((row) => row.state === "published");
  if (signing === undefined || spare === undefined) return false;
  if (opens(parts, spare)) return await swap(parts, { signing, spare, publishedBeforeMs: Number.MAX_SAFE_INTEGER });
  const fresh = await generateKey(parts, { nowMs: parts.clock.nowMs(), isSigning: false });
  await parts.store.transaction(async (trx) => {
    const withdrawn = await withdrawKey(trx, { kid: spare.kid, nowMs: parts.clock.nowMs(), state: "retired" });
    if (withdrawn !== undefined) await announce(parts, trx, "key.retired", facts(withdrawn));
    if (await insertKey(trx, fresh)) await announce(parts, trx, "key.created", facts(fresh));
  });
  return await swap(parts, { signing, spare: fresh, publishedBeforeMs: Number.MAX_SAFE_INTEGER });
}

/** Takes a key out of use and out of the key set. When it was signing, the spare signs in the same transaction. */
export async function withdrawCompromised(parts: KeyParts, kid: string): Promise<boolean> {
  const isWithdrawn = await parts.store.transaction(async (trx) => {
    const row = await withdrawKey(trx, { kid, nowMs: parts.clock.nowMs(), state: "compromised" });
    if (row === undefined) return false;
    await announce(parts, trx, "key.retired", facts(row));
    await promoteWaiting(parts, trx);
    return true;
  });
  if (isWithdrawn) await ensureKeys(parts);
  return isWithdrawn;
}

/** Retires every key whose last token has expired. */
export async function retireExpired(parts: KeyParts): Promise<void> {
  const nowMs = parts.clock.nowMs();
  const rows = await listLiveKeys(parts.store.db);
  const before = nowMs - retireToleranceMs;
  if (!rows.some((row) => row.state === "verify_only" && (row.latest_exp ?? 0) <= before)) return;
  await parts.store.transaction(async (trx) => {
    for (const row of await retireKeys(trx, nowMs, before)) await announce(parts, trx, "key.retired", facts(row));
  });
}

interface Swap {
  readonly signing: KeyRow;
  readonly spare: KeyRow;
  readonly publishedBeforeMs: number;
}

class LostRace extends Error {}

async function swap(parts: KeyParts, { signing, spare, publishedBeforeMs }: Swap): Promise<boolean> {
  const next = await generateKey(parts, { nowMs: parts.clock.nowMs(), isSigning: false });
  const isDone = await unlessLost(
    parts.store.transaction(async (trx) => {
      if (!(await demoteKey(trx, signing.kid, parts.clock.nowMs()))) return false;
      await promote(parts, trx, { spare, publishedBeforeMs, previousKid: signing.kid });
      if (await insertKey(trx, next)) await announce(parts, trx, "key.created", facts(next));
      return true;
    }),
  );
  return isDone === true;
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

function opens(parts: KeyParts, row: KeyRow): boolean {
  try {
    openKey(parts, row);
    return true;
  } catch {
    return false;
  }
}

export function facts(row: Pick<KeyRow, "kid" | "algorithm" | "state">): {
  kid: string;
  alg: string;
  custody: string;
  state: string;
} {
  return { kid: row.kid, alg: row.algorithm, custody: "local", state: row.state };
}

export async function announce<Type extends "key.created" | "key.rotated" | "key.retired" | "key.used">(
  parts: KeyParts,
  trx: Db,
  type: Type,
  data: SegnoEventData<Type>,
): Promise<void> {
  await parts.events.append(trx, type, actor, data);
}
