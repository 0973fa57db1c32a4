/** A span of time; parts add up. */
export interface ClockStep {
  readonly days?: number;
  readonly hours?: number;
  readonly minutes?: number;
  readonly seconds?: number;
  readonly milliseconds?: number;
}

/** Time that stands still until told: fits the engine's `clock` option. */
export interface VirtualClock {
  /** Milliseconds since the epoch. */
  nowMs(): number;
  /** Moves forward (or back, with negative parts: clocks do that) and returns the new time. */
  advance(step: ClockStep): number;
  /** Jumps to a time in milliseconds since the epoch. */
  set(epochMs: number): void;
}

/** 2026-01-01T00:00:00Z. */
const defaultStartMs = 1_767_225_600_000;

/**
 * A clock that only moves when a test moves it.
 * @param startMs milliseconds since the epoch; default 2026-01-01T00:00:00Z
 *
 * @example
 * const clock = createVirtualClock();
 * clock.advance({ minutes: 5, seconds: 1 }); // every access token issued before is now expired
 */
export function createVirtualClock(startMs: number = defaultStartMs): VirtualClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    advance(step) {
      const seconds =
        (step.days ?? 0) * 86_400 + (step.hours ?? 0) * 3_600 + (step.minutes ?? 0) * 60 + (step.seconds ?? 0);
      nowMs += seconds * 1_000 + (step.milliseconds ?? 0);
      return nowMs;
    },
    set(epochMs) {
      nowMs = epochMs;
    },
  };
}
