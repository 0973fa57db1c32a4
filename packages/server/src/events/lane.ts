import type { SegnoEvent } from "@segno/core";

/** What became of one event at one subscriber. */
export type LaneOutcome =
  | "delivered"
  /** It threw, rejected or did not settle in time: try again later. */
  | "failed"
  /** Not tried: the subscriber is stuck on another event, or an earlier one of this subject failed here. */
  | "postponed";

export type AnyListener = (event: SegnoEvent) => unknown;

/** One subscriber with its own queue: what it does slowly or wrongly stays its own affair. */
export interface Lane {
  wants(type: string): boolean;
  offer(event: SegnoEvent): Promise<LaneOutcome>;
  /** Forgets a failed event that was moved aside, so that later ones of its subject go on. */
  release(event: SegnoEvent): void;
}

export interface LaneOptions {
  readonly type: string;
  readonly listener: AnyListener;
  readonly timeoutMs: number;
}

/** A call that takes longer than this makes the rest of the queue go back to the store. */
const stuckAfterMs = 1_000;

interface Offer {
  readonly event: SegnoEvent;
  readonly settle: (outcome: LaneOutcome) => void;
}

/** Calls the listener one event at a time, in the order offered; never out of order within a subject. */
export function createLane({ type, listener, timeoutMs }: LaneOptions): Lane {
  const queue: Offer[] = [];
  let isRunning = false;
  let isStuck = false;
  /** Failed events by subject: nothing later of that subject is tried before they are through. */
  const failedBySubject = new Map<string, Set<string>>();

  function isBlocked(event: SegnoEvent): boolean {
    const failed = event.subject === null ? undefined : failedBySubject.get(event.subject);
    return failed !== undefined && [...failed].some((id) => id < event.id);
  }

  function note(event: SegnoEvent, outcome: LaneOutcome): LaneOutcome {
    if (event.subject === null) return outcome;
    const failed = failedBySubject.get(event.subject) ?? new Set();
    if (outcome === "failed") failed.add(event.id);
    else failed.delete(event.id);
    if (failed.size > 0) failedBySubject.set(event.subject, failed);
    else failedBySubject.delete(event.subject);
    return outcome;
  }

  async function attempt(event: SegnoEvent): Promise<LaneOutcome> {
    if (isBlocked(event)) return "postponed";
    const watchdog = setTimeout(() => {
      isStuck = true;
      for (const offer of queue.splice(0)) offer.settle("postponed");
    }, stuckAfterMs);
    const isDelivered = await settlesInTime(() => listener(event), timeoutMs);
    clearTimeout(watchdog);
    isStuck = false;
    return note(event, isDelivered ? "delivered" : "failed");
  }

  async function run(): Promise<void> {
    isRunning = true;
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) next.settle(await attempt(next.event));
    isRunning = false;
  }

  return {
    wants: (name) => type === "*" || type === name,
    offer(event) {
      if (isStuck) return Promise.resolve("postponed");
      return new Promise((settle) => {
        queue.push({ event, settle });
        if (!isRunning) void run();
      });
    },
    release: (event) => void note(event, "delivered"),
  };
}

/** True when the work returned, or its promise was fulfilled, within the time given. */
async function settlesInTime(work: () => unknown, timeoutMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const result = work();
    if (!(result instanceof Promise)) return true;
    const tooLate = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), timeoutMs);
    });
    return await Promise.race([result.then(() => true), tooLate]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
