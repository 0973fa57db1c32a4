import { SegnoError } from "@segno/core";
import type { Engine } from "../engine.js";
import { backOffMs } from "./back-off.js";
import { createSinkCaller } from "./call-sink.js";
import { addCursors, type CursorRow, readCursor } from "./cursors-store.js";
import { addFailures, changeFailure, deleteFailures, readDue, readWaiting } from "./failures-store.js";
import { filterOf } from "./filter.js";
import { createLeaseHolder } from "./lease.js";
import { type CallResult, offer, orderKeyOf } from "./offer.js";
import { type Batch, composeBatch, type Settled, settleBatch } from "./batch.js";
import type { EventSink, OutgoingEvent } from "./sink.js";
import { readRows } from "./store.js";

export type ConsumerParts = Pick<Engine, "clock" | "random" | "newId" | "store" | "log">;

export interface ConsumerOptions {
  /** How long one call may take. Default 15 000: shorter than what is left of a lease. */
  readonly sinkTimeoutMs?: number;
  /** After how many refusals an event is a dead letter. Default 12. */
  readonly maxAttempts?: number;
}

/** One sink and its place. */
export interface Consumer {
  readonly name: string;
  /** Delivers what is due, if this node has the lease or gets it. One run at a time. @returns how many events were taken */
  run(): Promise<number>;
  stop(): Promise<void>;
}

const longestAwayMs = 60_000;

export function createConsumer(parts: ConsumerParts, sink: EventSink, options: ConsumerOptions = {}): Consumer {
  const { clock, random, store, log } = parts;
  const { sinkTimeoutMs = 15_000, maxAttempts = 12 } = options;
  const { name, batchSize = 100 } = sink;
  const lease = createLeaseHolder(parts, name);
  const caller = createSinkCaller(sink, sinkTimeoutMs);
  const isWanted = filterOf(sink);
  /**
   * Where the last try ended that met one subject alone, or none but those that were refused before: the events may be at
   * fault, and another one would tell.
   */
  let lone: { readonly keys: ReadonlySet<string>; readonly upTo: number } | undefined;
  let isStopped = false;
  let running: Promise<number> | undefined;
  let isWoken = false;

  async function call(events: readonly OutgoingEvent[]): Promise<CallResult> {
    if (isStopped || !(await lease.renew()))
      throw new SegnoError("conflict", "Another node delivers these events now.");
    return await caller.call(events);
  }

  /** The first event later than all that were tried that is of another subject, and may go before its turn. */
  async function findOther(keys: ReadonlySet<string>, after: number): Promise<OutgoingEvent | undefined> {
    const batch = composeBatch({ due: [], rows: await readRows(store.db, after, batchSize), waiting: [], isWanted });
    const others = batch.events.filter((each) => !keys.has(orderKeyOf(each)));
    const subjects = others.flatMap(({ event }) => event.subject ?? []);
    const waiting = new Set((await readWaiting(store.db, name, [...new Set(subjects)])).map(({ subject }) => subject));
    return others.find(({ event }) => event.subject === null || !waiting.has(event.subject));
  }

  async function read(cursor: CursorRow): Promise<Batch> {
    const due = await readDue(store.db, name, clock.nowMs(), batchSize);
    const rows = await readRows(store.db, cursor.position, batchSize);
    const subjects = [...new Set(rows.flatMap(({ subject }) => subject ?? []))];
    const waiting = await readWaiting(store.db, name, subjects);
    return composeBatch({ due, rows, waiting, isWanted });
  }

  /** @returns how many events were taken or set aside; 0 when there is no more to do now */
  async function round(): Promise<number> {
    if (isStopped || caller.isStuck()) {
      await lease.free();
      return 0;
    }
    const known = await readCursor(store.db, name);
    if (known === undefined) {
      await addCursors(store.db, [name], clock.nowMs());
      return 1;
    }
    const isResting = known.next_attempt_at > clock.nowMs();
    if (isResting && (lone === undefined || (await findOther(lone.keys, lone.upTo)) === undefined)) return 0;
    if (!(await hasWork(known))) return 0;
    const taken = await lease.take(known);
    if (taken === undefined) return 0;
    if (taken.isNew) lone = undefined;
    return await deliver(taken.cursor);
  }

  async function hasWork({ position }: CursorRow): Promise<boolean> {
    const [row] = await readRows(store.db, position, 1);
    return row !== undefined || (await readDue(store.db, name, clock.nowMs(), 1)).length > 0;
  }

  async function deliver(cursor: CursorRow): Promise<number> {
    const batch = await read(cursor);
    const upTo = batch.upTo ?? cursor.position;
    const keys = new Set(batch.events.map(orderKeyOf));
    const suspects = suspectsOf(batch);
    const isLone = keys.size === 1 || (keys.size > 0 && [...keys].every((key) => suspects.has(key)));
    const other = isLone && cursor.failures > 0 ? await findOther(keys, upTo) : undefined;
    const offered = other === undefined ? batch.events : [...batch.events, other];
    const result = await offer(offered, { call, atOnce: batchSize, patience: 3 + 2 * cursor.failures, suspects });
    if (result.isAway) {
      lone = isLone && other === undefined ? { keys, upTo } : undefined;
      await rest(cursor, result.fault ?? "rejected");
      return 0;
    }
    lone = undefined;
    const nowMs = clock.nowMs();
    const nextTryMs = (attempts: number) => nowMs + backOffMs(random, attempts, 300_000);
    const settled = settleBatch(batch, result, { consumer: name, nowMs, maxAttempts, nextTryMs });
    await record(settled, upTo, result.accepted.size > 0 ? nowMs : cursor.accepted_at);
    return batch.size;
  }

  async function record(settled: Settled, position: number, accepted_at: number | null): Promise<void> {
    await store.transaction(async (trx) => {
      const last_error = settled.lastReason ?? null;
      await lease.write(trx, { position, failures: 0, next_attempt_at: 0, last_error, accepted_at });
      await addFailures(trx, settled.added);
      for (const change of settled.changed) await changeFailure(trx, name, change);
      await deleteFailures(trx, name, settled.done);
    });
    for (const { event_id, reason } of settled.dead)
      log.error("An event was set aside: its sink refuses it.", { sink: name, eventId: event_id, reason });
  }

  async function rest(cursor: CursorRow, fault: string): Promise<void> {
    const failures = cursor.failures + 1;
    const next_attempt_at = clock.nowMs() + backOffMs(random, failures, longestAwayMs);
    await lease.write(store.db, { failures, next_attempt_at, last_error: fault });
    if (failures === 1) log.warn("A sink takes no events. They wait for it.", { sink: name, reason: fault });
  }

  async function runAll(): Promise<number> {
    let count = 0;
    do {
      isWoken = false;
      for (let more = await round(); more > 0; more = await round()) count += more;
    } while (isWoken && !isStopped);
    return count;
  }

  return {
    name,
    run() {
      isWoken = true;
      running ??= runAll()
        .catch((error: unknown) => {
          if (!(error instanceof SegnoError && error.code === "conflict"))
            log.warn("A sink's events could not be read or written down. It is tried again.", { sink: name });
          return 0;
        })
        .finally(() => {
          running = undefined;
        });
      return running;
    },
    async stop() {
      isStopped = true;
      await caller.stop();
      await running;
      await lease.free().catch(() => undefined);
      await sink.close?.();
    },
  };
}

/** The subjects of events that were refused before, while others were taken. */
function suspectsOf({ events, tried }: Batch): ReadonlySet<string> {
  return new Set(events.filter(({ event }) => (tried.get(event.id)?.attempts ?? 0) > 0).map(orderKeyOf));
}
