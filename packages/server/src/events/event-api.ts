import { SegnoError } from "@segno/core";
import type { Engine } from "../engine.js";
import { deleteCursor, placeCursor, readCursors } from "./cursors-store.js";
import { parseCloudEvent } from "./envelope.js";
import {
  addFailures,
  countFailures,
  dropAfter,
  dropDead,
  forgetFailures,
  readDead,
  replayedReason,
  reviveDead,
} from "./failures-store.js";
import { findPosition, type ListOptions, listRows } from "./list.js";
import { giveOutPositions } from "./sequence.js";
import type { OutgoingEvent } from "./sink.js";
import { readRowsById } from "./store.js";

/** Events as they are kept, and how to go on. */
export interface EventPage {
  /** Oldest first. */
  readonly events: readonly OutgoingEvent[];
  /** Everything up to here was looked at: the next `afterPosition`. */
  readonly position: number;
}

/** A receiver of events: a sink, the subscribers in process (`in-process`), or the audit log. */
export interface EventConsumer {
  readonly name: string;
  /** Everything up to here was taken, or is among its failures. */
  readonly position: number;
  /** How many events are after that. */
  readonly lag: number;
  /** Events it refused that are tried again, and those that wait behind them. */
  readonly waiting: number;
  /** Events that were set aside. */
  readonly deadLetters: number;
  /** How often in a row it was away; 0 while it takes events. */
  readonly failures: number;
  /** A status or an error's code, never what a receiver wrote. Null when the last try went well. */
  readonly lastError: string | null;
  /** Milliseconds since the epoch; null while nothing keeps it from being tried. */
  readonly nextTryAtMs: number | null;
  /** When it took events last. */
  readonly acceptedAtMs: number | null;
  /** When a node that has this receiver said so last. After 30 days nobody waits for it any more. */
  readonly seenAtMs: number;
}

/** An event that a receiver did not take. */
export interface DeadLetter {
  readonly sink: string;
  readonly id: string;
  readonly type: string;
  readonly subject: string | null;
  readonly position: number;
  readonly attempts: number;
  readonly reason: string;
  readonly deadAtMs: number;
  readonly cloudEvent: string;
}

/** What is sent again. */
export type ReplayOptions =
  /** These events, from its dead letters or from what is kept. */
  | { readonly sink: string; readonly ids: readonly string[] }
  /** Everything since then that is kept. Milliseconds since the epoch. */
  | { readonly sink: string; readonly sinceMs: number }
  /** All its dead letters. */
  | { readonly sink: string; readonly dead: true };

/**
 * The events that are kept and who receives them, for whoever runs the service. Events tell who did what: whether the caller
 * may see them is the application's decision.
 */
export interface EventApi {
  /**
   * Events that are kept, oldest first: after a position, since a time, or the newest. At most 100, or `limit` up to 1000.
   * @throws SegnoError `invalid_input`
   */
  list(options?: ListOptions): Promise<EventPage>;
  /** Every receiver that is known, and how far it is. */
  consumers(): Promise<readonly EventConsumer[]>;
  /** Events that were set aside, oldest first, at most 100, or `limit` up to 1000. @throws SegnoError `invalid_input` */
  deadLetters(options?: { readonly sink?: string; readonly limit?: number }): Promise<readonly DeadLetter[]>;
  /**
   * Sends events again. A receiver that drops ids it has seen is not harmed. Never skips anything: a later time than the
   * receiver's own place changes nothing.
   * @returns how many events are sent again
   * @throws SegnoError `not_found` when no such receiver is known; `invalid_input`
   */
  replay(options: ReplayOptions): Promise<{ readonly count: number }>;
  /** Deletes dead letters, those named or all of a receiver. @throws SegnoError `not_found` */
  drop(options: { readonly sink: string; readonly ids?: readonly string[] }): Promise<{ readonly count: number }>;
  /**
   * Forgets a receiver that is no more, with its dead letters: nothing is kept for it. One that a node still has begins anew
   * with the oldest event that is kept. @returns false when it was not known
   */
  forget(options: { readonly sink: string }): Promise<boolean>;
}

const mostIds = 500;

export function createEventApi(
  run: () => Promise<{ readonly engine: Pick<Engine, "store" | "clock" | "events"> }>,
): EventApi {
  return {
    async list(options = {}) {
      const { engine } = await run();
      const head = await giveOutPositions(engine);
      const { rows, position } = await listRows(engine.store.db, options, head);
      const events = rows.flatMap((row) => {
        const event = readable(row.payload);
        return event === undefined ? [] : [{ event, cloudEvent: row.payload, position: row.position }];
      });
      return { events, position };
    },
    async consumers() {
      const { engine } = await run();
      const { db } = engine.store;
      const head = await giveOutPositions(engine);
      const failures = new Map((await countFailures(db)).map((row) => [row.consumer, row]));
      const nowMs = engine.clock.nowMs();
      return (await readCursors(db)).map((row) => ({
        name: row.name,
        position: row.position,
        lag: head - row.position,
        waiting: failures.get(row.name)?.waiting ?? 0,
        deadLetters: failures.get(row.name)?.dead ?? 0,
        failures: row.failures,
        lastError: row.last_error,
        nextTryAtMs: row.next_attempt_at > nowMs ? row.next_attempt_at : null,
        acceptedAtMs: row.accepted_at,
        seenAtMs: row.seen_at,
      }));
    },
    async deadLetters({ sink, limit = 100 } = {}) {
      const { engine } = await run();
      if (!(Number.isInteger(limit) && limit >= 1 && limit <= 1_000))
        throw new SegnoError("invalid_input", "limit must be a whole number between 1 and 1000.");
      const rows = await readDead(engine.store.db, { consumer: sink, after: 0, limit });
      return rows.map((row) => ({
        sink: row.consumer,
        id: row.event_id,
        type: row.type,
        subject: row.subject,
        position: row.position,
        attempts: row.attempts,
        reason: row.reason,
        deadAtMs: row.dead_at ?? row.failed_at,
        cloudEvent: row.payload,
      }));
    },
    async replay(options) {
      const { engine } = await run();
      await requireConsumer(engine, options.sink);
      const count = await replay(engine, options);
      engine.events.nudge();
      return { count };
    },
    async drop({ sink, ids }) {
      const { engine } = await run();
      await requireConsumer(engine, sink);
      return { count: await dropDead(engine.store.db, sink, ids === undefined ? undefined : checkedIds(ids)) };
    },
    async forget({ sink }) {
      const { engine } = await run();
      return await engine.store.transaction(async (trx) => {
        await forgetFailures(trx, sink);
        return await deleteCursor(trx, sink);
      });
    },
  };
}

type Parts = Pick<Engine, "store" | "clock">;

async function requireConsumer({ store }: Parts, name: string): Promise<void> {
  if ((await readCursors(store.db)).every((row) => row.name !== name))
    throw new SegnoError("not_found", "No receiver of events is known by this name.");
}

async function replay(parts: Parts, options: ReplayOptions): Promise<number> {
  const { store, clock } = parts;
  if ("ids" in options) return await replayIds(parts, options.sink, checkedIds(options.ids));
  if ("dead" in options) return (await reviveDead(store.db, options.sink, clock.nowMs(), undefined)).length;
  if (!Number.isFinite(options.sinceMs))
    throw new SegnoError("invalid_input", "sinceMs must be milliseconds since the epoch.");
  return await replaySince(parts, options.sink, options.sinceMs);
}

async function replayIds({ store, clock }: Parts, consumer: string, ids: readonly string[]): Promise<number> {
  const nowMs = clock.nowMs();
  return await store.transaction(async (trx) => {
    const revived = new Set(await reviveDead(trx, consumer, nowMs, ids));
    const kept = await readRowsById(
      trx,
      ids.filter((id) => !revived.has(id)),
    );
    const rows = kept.map(({ id, position, type, subject, payload }) => {
      const what = { consumer, event_id: id, position, type, subject, payload };
      return { ...what, attempts: 0, next_attempt_at: nowMs, reason: replayedReason, failed_at: nowMs, dead_at: null };
    });
    await addFailures(trx, rows);
    return revived.size + rows.length;
  });
}

/** What lies after the new place is read from the log again, so it is no failure any more. */
async function replaySince(parts: Parts, name: string, sinceMs: number): Promise<number> {
  const head = await giveOutPositions(parts);
  const from = (await findPosition(parts.store.db, sinceMs, head)) - 1;
  return await parts.store.transaction(async (trx) => {
    const current = (await readCursors(trx)).find((row) => row.name === name)?.position ?? 0;
    const position = Math.min(from, current);
    await placeCursor(trx, name, { position });
    await dropAfter(trx, name, position);
    return head - position;
  });
}

function checkedIds(ids: readonly string[]): readonly string[] {
  if (!Array.isArray(ids) || ids.length === 0 || ids.length > mostIds || !ids.every((id) => typeof id === "string"))
    throw new SegnoError("invalid_input", `ids must be between 1 and ${mostIds} ids of events.`);
  return ids;
}

/** A row of a release that is newer than this one is left out. */
function readable(payload: string): OutgoingEvent["event"] | undefined {
  try {
    return parseCloudEvent(payload);
  } catch {
    return undefined;
  }
}
