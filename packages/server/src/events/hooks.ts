import { SegnoError, type SegnoEvent } from "@segno/core";
import { backOffMs } from "./back-off.js";
import type { ConsumerParts } from "./consumer.js";
import { addCursors, readCursor } from "./cursors-store.js";
import { parseCloudEvent } from "./envelope.js";
import type { FailureRow } from "./failures-store.js";
import { dropWaitingAfter, hasFailures, readAllWaiting, readFailuresById, readReplayed } from "./failures-store.js";
import { createHookRecord } from "./hook-record.js";
import { type AnyListener, createLane, type Lane } from "./lane.js";
import { createLeaseHolder } from "./lease.js";
import type { OpenFailure } from "./open-failures.js";
import { readRows, type SequencedRow } from "./store.js";

export interface HookOptions {
  /** How long one call of a subscriber may take before it counts as failed. Default 10 000. */
  readonly listenerTimeoutMs?: number;
  /** After how many failures an event is set aside. Default 12. */
  readonly maxAttempts?: number;
}

/** The subscribers in this process: one receiver of events for all nodes, and a place of its own for each of them here. */
export interface Hooks {
  hasListeners(): boolean;
  add(type: string, listener: AnyListener): () => void;
  /** Lets every subscriber go on from its place, without waiting for any of them. */
  run(): Promise<void>;
  /** Waits until they have done what is due. @returns how many events they have got to since the last call */
  settle(): Promise<number>;
  stop(): Promise<void>;
}

/** The place of all subscribers: no sink can be called so. */
export const hooksName = "in-process";

const pageSize = 100;
const mostPages = 8;
/** What a subscriber may have failed on before it reads no further. */
const mostOpen = 10_000;
const longestWaitMs = 300_000;

export function createHooks(parts: ConsumerParts, options: HookOptions = {}): Hooks {
  const { clock, random, store, log } = parts;
  const { listenerTimeoutMs: timeoutMs = 10_000, maxAttempts = 12 } = options;
  const lanes = new Set<Lane>();
  const lease = createLeaseHolder(parts, hooksName);
  const record = createHookRecord(parts, { name: hooksName, lease, lanes, maxAttempts });
  const pages = new Map<number, Promise<readonly SequencedRow[]>>();
  const parsed = new WeakMap<object, SegnoEvent>();
  /** Counts the leases: what began under an earlier one must not go on. */
  let era = 0;
  /** More waits than is in memory: first that, then what is new. */
  let isPartial = false;
  let furthest = 0;
  let gotTo = 0;

  const isOver = (begun: number) => begun !== era || !lease.isHeld();

  /** Subscribers that are at the same place share what is read. */
  function readPage(after: number): Promise<readonly SequencedRow[]> {
    const known = pages.get(after);
    if (known !== undefined) return known;
    const page = readRows(store.db, after, pageSize);
    pages.set(after, page);
    const [oldest] = pages.keys();
    if (pages.size > mostPages && oldest !== undefined) pages.delete(oldest);
    // a page that is not full yet may be longer the next time
    void page.then(
      (rows) => rows.length < pageSize && pages.delete(after),
      () => pages.delete(after),
    );
    return page;
  }

  function eventOf(row: Pick<SequencedRow, "payload">): SegnoEvent | undefined {
    const known = parsed.get(row);
    if (known !== undefined) return known;
    try {
      const event = parseCloudEvent(row.payload);
      parsed.set(row, event);
      return event;
    } catch {
      return undefined;
    }
  }

  const failed = (id: string, subject: string | null, attempts: number): OpenFailure => ({
    id,
    subject,
    attempts,
    nextTryMs: clock.nowMs() + backOffMs(random, attempts, longestWaitMs),
  });

  async function takeRows(lane: Lane, rows: readonly SequencedRow[], begun: number): Promise<void> {
    const missed: SequencedRow[] = [];
    for (const row of rows) {
      if (isOver(begun)) return;
      if (row.position > furthest) {
        furthest = row.position;
        gotTo += 1;
      }
      if (!lane.wants(row.type)) continue;
      const event = eventOf(row);
      if (event === undefined) {
        log.error("An event is not known to this release: its subscribers were not called.", { eventId: row.id });
        continue;
      }
      const isBehind = lane.failures.blocks(row.subject);
      if (!isBehind && (await lane.call(event))) continue;
      if (isOver(begun)) return;
      lane.failures.set(
        isBehind ? { id: row.id, subject: row.subject, attempts: 0, nextTryMs: 0 } : failed(row.id, row.subject, 1),
      );
      missed.push(row);
    }
    if (missed.length > 0) await record.add(lane, missed);
    lane.place = rows.at(-1)?.position ?? lane.place;
    record.movedOn();
  }

  /** @returns how many were tried */
  async function tryAgain(lane: Lane, begun: number): Promise<number> {
    const due = lane.failures.due(clock.nowMs(), pageSize);
    if (due.length === 0) return 0;
    const ids = due.map(({ id }) => id);
    const rows = new Map((await readFailuresById(store.db, hooksName, ids)).map((row) => [row.event_id, row]));
    const stopped = new Set<string>();
    const again: OpenFailure[] = [];
    const done: string[] = [];
    const dead: string[] = [];
    for (const { id, subject, attempts } of due) {
      if (isOver(begun)) return 0;
      if (subject !== null && stopped.has(subject)) continue;
      const row = rows.get(id);
      const event = row === undefined ? undefined : eventOf(row);
      // a row that is gone was dropped by an operator
      if (event === undefined || (await lane.call(event))) done.push(id);
      else if (attempts + 1 >= maxAttempts) dead.push(id);
      else {
        again.push(failed(id, subject, attempts + 1));
        if (subject !== null) stopped.add(subject);
      }
    }
    if (isOver(begun)) return 0;
    for (const failure of again) lane.failures.set(failure);
    for (const id of [...done, ...dead]) lane.failures.delete(id);
    await record.settle(lane, { again, done, dead });
    return due.length;
  }

  async function work(lane: Lane): Promise<void> {
    const begun = era;
    for (;;) {
      lane.isWoken = false;
      const tried = await tryAgain(lane, begun);
      if (isOver(begun) || !lanes.has(lane)) return;
      const isFull = isPartial || lane.failures.size >= mostOpen;
      const rows = isFull ? [] : await readPage(lane.place);
      if (rows.length > 0) await takeRows(lane, rows, begun);
      if (isOver(begun) || !lanes.has(lane)) return;
      if (rows.length === 0 && tried === 0 && !lane.isWoken) return;
    }
  }

  function start(lane: Lane): void {
    lane.isWoken = true;
    lane.running ??= work(lane)
      .catch((error: unknown) => {
        if (!(error instanceof SegnoError && error.code === "conflict"))
          log.warn("What subscribers did was not written down. Their events will be delivered again.");
        era += 1;
        lane.isWoken = false;
      })
      .finally(() => {
        lane.running = undefined;
        // woken under a new lease, while a call of the one before had not come back
        if (lane.isWoken && lanes.has(lane) && lease.isHeld()) start(lane);
      });
  }

  /** What waits from before is tried with every subscriber that wants it: who had it already is not known any more. */
  async function adopt(rows: readonly FailureRow[]): Promise<void> {
    const unwanted: string[] = [];
    for (const row of rows) {
      const wanting = [...lanes].filter((lane) => lane.wants(row.type));
      if (wanting.length === 0) unwanted.push(row.event_id);
      for (const lane of wanting) {
        const { event_id: id, subject, attempts, next_attempt_at: nextTryMs } = row;
        lane.failures.set({ id, subject, attempts, nextTryMs });
        record.own(lane, id);
      }
    }
    await record.drop(unwanted);
  }

  async function begin(position: number): Promise<void> {
    era += 1;
    record.reset(position);
    for (const lane of lanes) {
      lane.place = position;
      lane.failures.clear();
    }
    // what lies further on is read from the log again, in its order: not every subscriber may have got there
    await dropWaitingAfter(store.db, hooksName, position);
    await adoptAll();
  }

  async function adoptAll(): Promise<void> {
    const waiting = await readAllWaiting(store.db, hooksName, mostOpen);
    isPartial = waiting.length === mostOpen;
    await adopt(waiting);
  }

  /** An idle process renews nothing. */
  async function hasWork(position: number): Promise<boolean> {
    if ([...lanes].some(({ running }) => running !== undefined)) return true;
    return (await readRows(store.db, position, 1)).length > 0 || (await hasFailures(store.db, hooksName));
  }

  let begunEra = -1;
  async function run(): Promise<void> {
    if (lanes.size === 0) return;
    const known = await readCursor(store.db, hooksName);
    if (known === undefined) return addCursors(store.db, [hooksName], clock.nowMs());
    if (!(await hasWork(known.position))) return;
    const taken = await lease.take(known);
    if (taken === undefined) return;
    if (taken.isNew || begunEra !== era) {
      await begin(taken.cursor.position);
      begunEra = era;
    } else {
      const replayed = await readReplayed(store.db, hooksName, pageSize);
      await adopt(replayed.filter(({ event_id: id }) => !record.isOwned(id)));
      if (isPartial && [...lanes].every(({ failures }) => failures.size === 0)) await adoptAll();
    }
    for (const lane of lanes) start(lane);
  }

  return {
    hasListeners: () => lanes.size > 0,
    add(type, listener) {
      const lane = createLane({ type, listener, timeoutMs, place: record.place() });
      lanes.add(lane);
      return () => {
        lanes.delete(lane);
        void record.settle(lane, { again: [], done: lane.failures.ids(), dead: [] }).catch(() => undefined);
      };
    },
    run,
    async settle() {
      await Promise.all([...lanes].flatMap(({ running }) => running ?? []));
      await record.flush().catch(unlessLost);
      const count = gotTo;
      gotTo = 0;
      return count;
    },
    async stop() {
      await record.flush().catch(() => undefined);
      era += 1;
      lanes.clear();
      await lease.free().catch(() => undefined);
    },
  };
}

/** A lease that ran out meanwhile: the place is written under the next one, here or by the node that has it. */
function unlessLost(error: unknown): void {
  if (!(error instanceof SegnoError && error.code === "conflict")) throw error;
}
