import type { Clock } from "@segno/core";

/** Stops asking what does not answer, and finds out when it does again. */
export interface Breaker {
  /** Whether a call may go out. While open, one call in `restMs` may: it finds out. */
  pass(): boolean;
  isOpen(): boolean;
  /** @returns true when this opened it */
  open(): boolean;
  /** @returns how long it had been open, undefined when it was not */
  close(): number | undefined;
}

export function createBreaker(clock: Clock, restMs: number): Breaker {
  let openedAtMs: number | undefined;
  let restingSinceMs = 0;
  return {
    pass() {
      if (openedAtMs === undefined) return true;
      const restedMs = clock.nowMs() - restingSinceMs;
      // a clock that was set back must not keep it open
      if (restedMs >= 0 && restedMs < restMs) return false;
      restingSinceMs = clock.nowMs();
      return true;
    },
    isOpen: () => openedAtMs !== undefined,
    open() {
      restingSinceMs = clock.nowMs();
      if (openedAtMs !== undefined) return false;
      openedAtMs = clock.nowMs();
      return true;
    },
    close() {
      if (openedAtMs === undefined) return undefined;
      const openMs = Math.max(0, clock.nowMs() - openedAtMs);
      openedAtMs = undefined;
      return openMs;
    },
  };
}
