/** The clock of a node: the machine's, moved by what the row asks for, and faster where it says so. */
export interface NodeClock {
  nowMs(): number;
  advance(ms: number): void;
}

export interface ClockOptions {
  /** When time began to run faster, milliseconds since the epoch: the same for every node of a row. */
  readonly sinceMs: number;
  /** How many seconds pass in one. */
  readonly speed: number;
}

export function createNodeClock(options: ClockOptions = { sinceMs: 0, speed: 1 }): NodeClock {
  let offsetMs = 0;
  return {
    nowMs: () => {
      const now = Date.now();
      return now + (now - options.sinceMs) * (options.speed - 1) * (options.sinceMs === 0 ? 0 : 1) + offsetMs;
    },
    advance(ms) {
      offsetMs += ms;
    },
  };
}
