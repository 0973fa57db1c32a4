import type { Actor, Db, Engine } from "../engine.js";
import { describeAttempt } from "./describe-attempt.js";
import { hashSecret } from "./hash.js";
import { type AttemptKind, type AttemptRow, insertAttempt, voidAttempts } from "./store.js";

/** How long an attempt can be finished. */
export const attemptSeconds = 600;

export interface StartAttempt {
  readonly kind: AttemptKind;
  /** The browser handle, from cookie or header: the attempt can only be finished by whoever holds it. */
  readonly browser: string;
  readonly userId?: string | undefined;
  readonly sessionId?: string | undefined;
  /**
   * Normalised address. Older attempts of the same kind for it in the same browser end here (T-108). Those of other
   * browsers live on, each of use in its own browser alone: else anybody could end the owner's.
   */
  readonly identifier?: string | undefined;
  readonly challenge?: string | undefined;
  readonly codeMac?: string | undefined;
  readonly linkHash?: string | undefined;
  readonly data?: Readonly<Record<string, string | null>> | undefined;
  /** The page armed it in the background: most of these are never answered. */
  readonly isAutofill?: boolean | undefined;
  /** Chosen by the caller when something must be bound to it before it is stored. */
  readonly id?: string | undefined;
}

/** Opens an attempt for 10 minutes and ends older ones of this browser for the same address. The store sweeps them a day after their end. */
export async function startAttempt(engine: Engine, trx: Db, input: StartAttempt, actor: Actor): Promise<AttemptRow> {
  const nowMs = engine.clock.nowMs();
  const browserHash = hashSecret(input.browser);
  if (input.identifier !== undefined) {
    await voidAttempts(trx, { kind: input.kind, identifier: input.identifier, browserHash, nowMs });
  }
  const row: AttemptRow = {
    id: input.id ?? engine.newId(),
    kind: input.kind,
    browser_hash: browserHash,
    user_id: input.userId ?? null,
    session_id: input.sessionId ?? null,
    identifier: input.identifier ?? null,
    challenge: input.challenge ?? null,
    code_mac: input.codeMac ?? null,
    link_hash: input.linkHash ?? null,
    data: JSON.stringify({ ...input.data, ...(input.isAutofill === true ? { autofill: "true" } : {}) }),
    tries: 0,
    created_at: nowMs,
    expires_at: nowMs + attemptSeconds * 1000,
    consumed_at: null,
    abandoned_at: null,
  };
  await insertAttempt(trx, row);
  await engine.events.append(trx, "attempt.started", actor, { attemptId: row.id, ...describeAttempt(row) });
  return row;
}

/** One string of an attempt's `data`. */
export function attemptData(row: AttemptRow, key: string): string | undefined {
  const data: unknown = JSON.parse(row.data);
  if (typeof data !== "object" || data === null || !Object.hasOwn(data, key)) return undefined;
  const value = (data as Record<string, unknown>)[key];
  return typeof value === "string" ? value : undefined;
}
