import type { ConsumerParts } from "./consumer.js";
import { addFailures, changeFailure, deleteFailures } from "./failures-store.js";
import type { Lane } from "./lane.js";
import type { LeaseHolder } from "./lease.js";
import type { OpenFailure } from "./open-failures.js";
import type { SequencedRow } from "./store.js";

/** What became of events that a subscriber had failed on. */
export interface Retried {
  readonly again: readonly OpenFailure[];
  readonly done: readonly string[];
  /** It was tried often enough. */
  readonly dead: readonly string[];
}

/** What the subscribers of this process have in common in the database: the place of the last of them, and failures. */
export interface HookRecord {
  /** The place that is written down. */
  place(): number;
  reset(position: number): void;
  /** Notes that a subscriber waits for an event that is in the table already. */
  own(lane: Lane, id: string): void;
  isOwned(id: string): boolean;
  add(lane: Lane, rows: readonly SequencedRow[]): Promise<void>;
  settle(lane: Lane, retried: Retried): Promise<void>;
  /** Deletes failures that nobody here waits for. */
  drop(ids: readonly string[]): Promise<void>;
  /** Writes the place down soon. */
  movedOn(): void;
  /** Writes it down now. */
  flush(): Promise<void>;
}

export function createHookRecord(
  { store, clock, log }: Pick<ConsumerParts, "store" | "clock" | "log">,
  options: {
    readonly name: string;
    readonly lease: LeaseHolder;
    readonly lanes: ReadonlySet<Lane>;
    readonly maxAttempts: number;
  },
): HookRecord {
  const { name, lease, lanes, maxAttempts } = options;
  /** Who still waits for an event. Its row goes with the last of them. */
  const owners = new Map<string, Set<Lane>>();
  /** Some subscriber was tried with it often enough. */
  const givenUp = new Set<string>();
  let written = 0;
  let isScheduled = false;
  let writing: Promise<void> = Promise.resolve();

  /** One at a time: whether a row can go is decided when nothing else is being written. */
  function inTurn(write: () => Promise<void>): Promise<void> {
    const done = writing.then(write);
    writing = done.catch(() => undefined);
    return done;
  }

  function own(lane: Lane, id: string): void {
    const having = owners.get(id) ?? new Set();
    owners.set(id, having.add(lane));
  }

  async function writePlace(): Promise<void> {
    const lowest = Math.min(...[...lanes].map(({ place }) => place));
    if (lanes.size === 0 || lowest <= written) return;
    await lease.write(store.db, { position: lowest, accepted_at: clock.nowMs(), last_error: null });
    written = lowest;
  }

  /** @returns what nobody waits for any more */
  function release(lane: Lane, ids: readonly string[]): readonly string[] {
    return ids.filter((id) => {
      const having = owners.get(id);
      having?.delete(lane);
      if (having !== undefined && having.size > 0) return false;
      owners.delete(id);
      return true;
    });
  }

  return {
    place: () => written,
    reset(position) {
      written = position;
      owners.clear();
      givenUp.clear();
    },
    own,
    isOwned: (id) => owners.has(id),
    add: (lane, rows) =>
      inTurn(async () => {
        const nowMs = clock.nowMs();
        for (const { id } of rows) own(lane, id);
        const failures = rows.map(({ id, type, subject, payload, position }) => {
          const { attempts = 0, nextTryMs = nowMs } = lane.failures.get(id) ?? {};
          const reason = attempts === 0 ? "waits behind an earlier event" : "a subscriber failed";
          const what = { consumer: name, event_id: id, position, type, subject, payload };
          return { ...what, attempts, next_attempt_at: nextTryMs, reason, failed_at: nowMs, dead_at: null };
        });
        await store.transaction(async (trx) => {
          await lease.write(trx, {});
          await addFailures(trx, failures);
        });
      }),
    settle: (lane, { again, done, dead }) =>
      inTurn(async () => {
        for (const id of dead) givenUp.add(id);
        const free = release(lane, [...done, ...dead]);
        const aside = free.filter((id) => givenUp.has(id));
        const nowMs = clock.nowMs();
        const reason = "a subscriber failed";
        await store.transaction(async (trx) => {
          await lease.write(trx, {});
          for (const { id, attempts, nextTryMs } of again) {
            const later = { event_id: id, attempts, next_attempt_at: nextTryMs, reason, dead_at: null };
            await changeFailure(trx, name, later);
          }
          const change = { attempts: maxAttempts, next_attempt_at: nowMs, reason, dead_at: nowMs };
          for (const id of aside) {
            await changeFailure(trx, name, { ...change, event_id: id });
          }
          await deleteFailures(
            trx,
            name,
            free.filter((id) => !givenUp.has(id)),
          );
        });
        for (const id of aside) {
          givenUp.delete(id);
          log.error("An event was set aside: a subscriber keeps failing on it.", { eventId: id });
        }
      }),
    drop: (ids) => (ids.length === 0 ? Promise.resolve() : inTurn(() => deleteFailures(store.db, name, ids))),
    movedOn() {
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(() => {
        isScheduled = false;
        void inTurn(writePlace).catch(() => undefined);
      });
    },
    flush: () => inTurn(writePlace),
  };
}
