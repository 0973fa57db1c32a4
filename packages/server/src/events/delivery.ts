import type { SegnoEvent } from "@segno/core";
import type { Engine } from "../engine.js";
import { parseCloudEvent } from "./envelope.js";
import { type AnyListener, createLane, type Lane, type LaneOutcome } from "./lane.js";
import {
  deleteDelivered,
  extendLeases,
  leaseEvents,
  markDelivered,
  type OutboxRow,
  parkedAtMs,
  putBack,
  unpark,
} from "./store.js";

export interface DeliveryOptions {
  /** How long one call of a subscriber may take before it counts as failed. Default 10 000. */
  readonly listenerTimeoutMs?: number;
  /** After how many failures a row is moved aside. Default 12. */
  readonly maxAttempts?: number;
}

export interface Delivery {
  hasListeners(): boolean;
  addListener(type: string, listener: AnyListener): () => void;
  /** Leases what is due and hands it to the subscribers without waiting for them. @returns how many rows were leased */
  pump(): Promise<number>;
  drain(): Promise<number>;
  retryParked(): Promise<number>;
  stop(): Promise<void>;
}

const leaseMs = 30_000;
const batchSize = 100;
const maxInFlight = 300;
const keepDeliveredMs = 86_400_000;
const sweepEveryMs = 600_000;
const maxRemembered = 10_000;

/** Leases outbox rows, offers each to every subscriber's own lane, and writes down what became of it. */
export function createDelivery(
  parts: Pick<Engine, "clock" | "random" | "store" | "log">,
  options: DeliveryOptions,
): Delivery {
  const { clock, store, log } = parts;
  const { listenerTimeoutMs: timeoutMs = 10_000, maxAttempts = 12 } = options;
  const lanes = new Set<Lane>();
  const inFlight = new Map<string, Promise<void>>();
  /** Which subscribers already have a row that another one failed on. */
  const already = new Map<string, Set<Lane>>();
  /** Delivered, but not yet written down. */
  const acknowledged = new Set<string>();
  let acknowledging: Promise<void> = Promise.resolve();
  let leasedUntilMs = 0;
  let sweptAtMs = 0;
  let deliveredCount = 0;
  let pumping: Promise<number> | undefined;

  async function handOver(row: OutboxRow): Promise<void> {
    let event: SegnoEvent;
    try {
      event = parseCloudEvent(row.payload);
    } catch {
      return park(row);
    }
    const having = already.get(row.id) ?? new Set<Lane>();
    const asked = [...lanes].filter((lane) => lane.wants(event.type) && !having.has(lane));
    const outcomes = await Promise.all(
      asked.map(async (lane): Promise<LaneOutcome> => {
        const outcome = await lane.offer(event);
        if (outcome === "delivered") having.add(lane);
        return outcome;
      }),
    );
    if (outcomes.every((outcome) => outcome === "delivered")) {
      already.delete(row.id);
      acknowledged.add(row.id);
      deliveredCount += 1;
      return;
    }
    if (!outcomes.includes("failed")) return postpone(row, having);
    if (row.attempts + 1 < maxAttempts) return retryLater(row, having);
    for (const lane of asked) lane.release(event);
    await park(row);
  }

  async function postpone(row: OutboxRow, having: Set<Lane>): Promise<void> {
    remember(row.id, having);
    await putBack(store.db, { id: row.id, attempts: row.attempts, nextAttemptAtMs: clock.nowMs() + jittered(1_000) });
  }

  async function retryLater(row: OutboxRow, having: Set<Lane>): Promise<void> {
    remember(row.id, having);
    const waitMs = jittered(Math.min(1_000 * 2 ** row.attempts, 300_000));
    await putBack(store.db, { id: row.id, attempts: row.attempts + 1, nextAttemptAtMs: clock.nowMs() + waitMs });
  }

  async function park(row: OutboxRow): Promise<void> {
    already.delete(row.id);
    log.error("An event was moved aside: a subscriber keeps failing on it.", { eventId: row.id, type: row.type });
    await putBack(store.db, { id: row.id, attempts: row.attempts + 1, nextAttemptAtMs: parkedAtMs });
  }

  function remember(id: string, having: Set<Lane>): void {
    const oldest = already.keys().next();
    if (already.size >= maxRemembered && oldest.done !== true) already.delete(oldest.value);
    already.set(id, having);
  }

  /** Between half and all of the time given, so that nodes and rows do not come back in step. */
  function jittered(ms: number): number {
    return Math.ceil(ms * (0.5 + (parts.random.bytes(1)[0] ?? 0) / 512));
  }

  /** One at a time; resolves when everything delivered before the call is written down. */
  function acknowledge(): Promise<void> {
    const write = async (): Promise<void> => {
      const ids = [...acknowledged];
      await markDelivered(store.db, ids, clock.nowMs());
      for (const id of ids) acknowledged.delete(id);
    };
    const done = acknowledging.then(write);
    acknowledging = done.catch(() => undefined);
    return done;
  }

  async function leaseAndOffer(): Promise<number> {
    await acknowledge();
    const nowMs = clock.nowMs();
    if (inFlight.size > 0 && leasedUntilMs - nowMs < leaseMs / 2)
      await extendLeases(store.db, [...inFlight.keys()], nowMs + leaseMs);
    if (nowMs - sweptAtMs >= sweepEveryMs) {
      sweptAtMs = nowMs;
      await deleteDelivered(store.db, nowMs - keepDeliveredMs);
    }
    leasedUntilMs = nowMs + leaseMs;
    let leased = 0;
    while (lanes.size > 0 && inFlight.size < maxInFlight) {
      const lease = {
        nowMs: clock.nowMs(),
        untilMs: clock.nowMs() + leaseMs,
        limit: batchSize,
        ownIds: [...inFlight.keys(), ...acknowledged],
      };
      const rows = await leaseEvents(store.db, lease);
      leased += rows.length;
      for (const row of rows) if (!inFlight.has(row.id) && !acknowledged.has(row.id)) track(row);
      if (rows.length < batchSize) break;
    }
    return leased;
  }

  function track(row: OutboxRow): void {
    const work = handOver(row)
      .catch(() =>
        log.warn("An event's delivery was not written down. It will be delivered again.", { eventId: row.id }),
      )
      .finally(() => {
        inFlight.delete(row.id);
        if (inFlight.size === 0 || acknowledged.size >= batchSize)
          setImmediate(() => void acknowledge().catch(() => undefined));
      });
    inFlight.set(row.id, work);
  }

  function pump(): Promise<number> {
    pumping ??= leaseAndOffer().finally(() => {
      pumping = undefined;
    });
    return pumping;
  }

  async function drain(): Promise<number> {
    const before = deliveredCount;
    for (;;) {
      const leased = await pump();
      await Promise.all(inFlight.values());
      await acknowledge();
      if (leased === 0 && inFlight.size === 0) return deliveredCount - before;
    }
  }

  return {
    hasListeners: () => lanes.size > 0,
    addListener(type, listener) {
      const lane = createLane({ type, listener, timeoutMs });
      lanes.add(lane);
      return () => void lanes.delete(lane);
    },
    pump,
    drain,
    retryParked: () => unpark(store.db, clock.nowMs()),
    async stop() {
      lanes.clear();
      await pumping?.catch(() => 0);
      await acknowledge().catch(() => undefined);
      // what subscribers still work on is free for the next start at once
      await extendLeases(store.db, [...inFlight.keys()], 0).catch(() => undefined);
    },
  };
}
