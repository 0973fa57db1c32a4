import type { SegnoEventData } from "@segno/core";
import type { Actor, Db, EventLog } from "../engine.js";
import type { KeyRow } from "./key-material.js";

/** Key events name no request: the machinery did it. */
const actor: Actor = { requestId: "keys" };

/** What every key event says of its key. */
export interface KeyFacts {
  readonly kid: string;
  readonly alg: string;
  readonly custody: string;
  readonly state: string;
  readonly purpose: string;
}

export function facts(row: Pick<KeyRow, "kid" | "algorithm" | "state" | "custody" | "purpose">): KeyFacts {
  return { kid: row.kid, alg: row.algorithm, custody: row.custody, state: row.state, purpose: row.purpose };
}

type KeyEvent = "key.created" | "key.rotated" | "key.retired" | "key.used" | "key.compromised" | "key.destroyed";

/** Writes a key event through the caller's transaction. */
export async function announce<Type extends KeyEvent>(
  parts: { readonly events: EventLog },
  trx: Db,
  type: Type,
  data: SegnoEventData<Type>,
  by: Actor = actor,
): Promise<void> {
  await parts.events.append(trx, type, by, data);
}
