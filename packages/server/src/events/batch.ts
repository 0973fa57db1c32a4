import { parseCloudEvent } from "./envelope.js";
import type { FailureChange, FailureRow } from "./failures-store.js";
import { type OfferResult, orderKeyOf } from "./offer.js";
import type { OutgoingEvent } from "./sink.js";
import type { SequencedRow } from "./store.js";

type EventRow = Pick<SequencedRow, "id" | "type" | "subject" | "payload" | "position">;

/** What one round offers, and what it sets behind without offering it. */
export interface Batch {
  /** Oldest first within a subject. */
  readonly events: readonly OutgoingEvent[];
  /** Those of the events that were tried before. */
  readonly tried: ReadonlyMap<string, FailureRow>;
  /** Later than an event of the same subject that still waits. */
  readonly behind: readonly EventRow[];
  /** Rows that hold no event this release knows. */
  readonly unreadable: readonly EventRow[];
  /** The last position that is dealt with; undefined when there was no row. */
  readonly upTo: number | undefined;
  /** How many rows it is about, also those that nobody wants. */
  readonly size: number;
}

export function composeBatch(parts: {
  readonly due: readonly FailureRow[];
  readonly rows: readonly SequencedRow[];
  readonly waiting: readonly Pick<FailureRow, "subject">[];
  readonly isWanted: (row: SequencedRow) => boolean;
}): Batch {
  const { due, rows } = parts;
  const held = new Set(parts.waiting.map(({ subject }) => subject));
  const events: OutgoingEvent[] = [];
  const behind: EventRow[] = [];
  const unreadable: EventRow[] = [];
  const add = (row: EventRow): void => {
    try {
      events.push({ event: parseCloudEvent(row.payload), cloudEvent: row.payload, position: row.position });
    } catch {
      unreadable.push(row);
    }
  };
  for (const row of due) add({ ...row, id: row.event_id });
  for (const row of rows) {
    if (!parts.isWanted(row)) continue;
    if (row.subject !== null && held.has(row.subject)) behind.push(row);
    else add(row);
  }
  const tried = new Map(due.map((row) => [row.event_id, row]));
  return { events, tried, behind, unreadable, upTo: rows.at(-1)?.position, size: due.length + rows.length };
}

/** What a round changes in the table of failures. */
export interface Settled {
  readonly added: readonly FailureRow[];
  readonly changed: readonly FailureChange[];
  readonly done: readonly string[];
  readonly dead: readonly Pick<FailureRow, "event_id" | "reason">[];
  readonly lastReason: string | undefined;
}

export interface SettleOptions {
  readonly consumer: string;
  readonly nowMs: number;
  readonly maxAttempts: number;
  /** When to try again after so many attempts. */
  readonly nextTryMs: (attempts: number) => number;
}

/** The first event of a subject that was refused is tried again later; the others of it wait behind, without a try counted. */
export function settleBatch(batch: Batch, result: OfferResult, options: SettleOptions): Settled {
  const { consumer, nowMs, maxAttempts, nextTryMs } = options;
  const added: FailureRow[] = [];
  const changed: FailureChange[] = [];
  const dead: Pick<FailureRow, "event_id" | "reason">[] = [];
  const stopped = new Set<string>();
  const base = ({ id, type, subject, payload, position }: EventRow) => ({
    consumer,
    event_id: id,
    position,
    type,
    subject,
    payload,
    failed_at: nowMs,
  });
  const waits = { attempts: 0, next_attempt_at: nowMs, reason: "waits behind an earlier event", dead_at: null };
  let lastReason: string | undefined;

  for (const each of batch.events) {
    const { event } = each;
    if (result.accepted.has(event.id)) continue;
    const key = orderKeyOf(each);
    const before = batch.tried.get(event.id);
    const refusal = result.refused.get(event.id);
    const isFinal = refusal?.isFinal === true;
    let change: FailureChange | undefined;
    if (refusal !== undefined && (isFinal || !stopped.has(key))) {
      const attempts = (before?.attempts ?? 0) + 1;
      const isDead = isFinal || attempts >= maxAttempts;
      lastReason = refusal.reason;
      const dead_at = isDead ? nowMs : null;
      change = { event_id: event.id, attempts, next_attempt_at: nextTryMs(attempts), reason: lastReason, dead_at };
      if (isDead) dead.push(change);
      else stopped.add(key);
    } else {
      stopped.add(key);
      if (before === undefined) change = { event_id: event.id, ...waits };
    }
    if (change === undefined) continue;
    if (before !== undefined) changed.push(change);
    else added.push({ ...base(rowOf(each)), ...change });
  }
  for (const row of batch.behind) added.push({ ...base(row), ...waits });
  for (const row of batch.unreadable) {
    const change = { event_id: row.id, attempts: 1, next_attempt_at: nowMs, reason: "unreadable", dead_at: nowMs };
    if (batch.tried.has(row.id)) changed.push(change);
    else added.push({ ...base(row), ...change });
    dead.push({ event_id: row.id, reason: "unreadable" });
  }
  const done = [...batch.tried.keys()].filter((id) => result.accepted.has(id));
  return { added, changed, done, dead, lastReason };
}

function rowOf({ event, cloudEvent, position }: OutgoingEvent): EventRow {
  return { id: event.id, type: event.type, subject: event.subject, payload: cloudEvent, position };
}
