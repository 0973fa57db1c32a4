import type { SegnoEvent } from "@segno/core";
import { createOpenFailures, type OpenFailures } from "./open-failures.js";

export type AnyListener = (event: SegnoEvent) => unknown;

/** One subscriber with its own place in the order of events: what it does slowly or wrongly stays its own affair. */
export interface Lane {
  wants(type: string): boolean;
  /** Calls the listener. @returns false when it threw, rejected or did not settle in time */
  call(event: SegnoEvent): Promise<boolean>;
  /** Everything up to here was taken, or is among its failures. */
  place: number;
  /** What it has failed on, and what waits behind that. */
  readonly failures: OpenFailures;
  /** Its work, while there is any. */
  running: Promise<void> | undefined;
  isWoken: boolean;
}

export interface LaneOptions {
  readonly type: string;
  readonly listener: AnyListener;
  readonly timeoutMs: number;
  readonly place: number;
}

export function createLane({ type, listener, timeoutMs, place }: LaneOptions): Lane {
  return {
    wants: (name) => type === "*" || type === name,
    call: (event) => settlesInTime(() => listener(event), timeoutMs),
    place,
    failures: createOpenFailures(),
    running: undefined,
    isWoken: false,
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
