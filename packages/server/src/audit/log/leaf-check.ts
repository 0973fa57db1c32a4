import type { ProblemList } from "./log-problem.js";

/** What leaves are held against besides their hashes. */
export interface LeafExpectations {
  /** The time a leaf carries, in milliseconds since 1970; undefined where it carries none; null where it is malformed. */
  readonly timeOf: (leaf: Uint8Array) => number | undefined | null;
  /** How far a leaf's time may lie before that of an earlier one, in milliseconds. */
  readonly clockToleranceMs: number;
  /** Classes whose leaves may be gone, by name: after how many days. */
  readonly retention: ReadonlyMap<string, number>;
  readonly nowMs: number;
  readonly problems: ProblemList;
}

/** Looks at leaves in order. */
export interface LeafCheck {
  see(leaf: Uint8Array, index: number): void;
  /** Whether a leaf whose hash is not in the tree stands for one whose time was over. */
  isExpired(leaf: Uint8Array, index: number): boolean;
  readonly expired: ReadonlyMap<string, number>;
  /** Ends what is still open. */
  end(size: number): void;
}

const dayMs = 86_400_000;

export function createLeafCheck(expected: LeafExpectations): LeafCheck {
  const { timeOf, clockToleranceMs, retention, nowMs, problems } = expected;
  const expired = new Map<string, number>();
  let latestMs = Number.NEGATIVE_INFINITY;
  let behindSince: number | undefined;
  const endRun = (to: number): void => {
    if (behindSince === undefined) return;
    const reason = `times go back behind ${new Date(latestMs).toISOString()} by more than ${clockToleranceMs / 1000} s: a clock was set back`;
    problems.add({ code: "clock_regression", from: behindSince, to, reason });
    behindSince = undefined;
  };
  return {
    expired,
    see(leaf, index) {
      const ms = timeOf(leaf);
      if (ms === null)
        problems.add({ code: "leaf_malformed", from: index, to: index + 1, reason: "the leaf is no JSON with a time" });
      if (ms === undefined || ms === null) return;
      if (ms < latestMs - clockToleranceMs) behindSince ??= index;
      else endRun(index);
      latestMs = Math.max(latestMs, ms);
    },
    isExpired(leaf, index) {
      const name = expiredClass(leaf);
      if (name === undefined) return false;
      expired.set(name, (expired.get(name) ?? 0) + 1);
      const days = retention.get(name);
      // it cannot be older than those before it
      const isDue = days !== undefined && Math.max(latestMs, 0) + days * dayMs <= nowMs + clockToleranceMs;
      if (!isDue) {
        const why = days === undefined ? "no retention was given for it" : `${days} days are not over`;
        const reason = `the leaf is said to have expired by class ${name}, but ${why}`;
        problems.add({ code: "leaf_expired", from: index, to: index + 1, reason });
      }
      return true;
    },
    end: endRun,
  };
}

/** `{"expired":"CLASS"}`: what stands where a leaf was whose time is over. */
function expiredClass(leaf: Uint8Array): string | undefined {
  if (leaf.length > 100) return undefined;
  return /^\{"expired":"([a-z0-9][a-z0-9-]{0,39})"\}$/.exec(Buffer.from(leaf).toString("utf8"))?.[1];
}

/** The time of a leaf as the engine writes them: `event.time` or `time`, RFC 3339; none where there is neither. */
export function jsonLeafTime(leaf: Uint8Array): number | undefined | null {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(leaf.buffer, leaf.byteOffset, leaf.length).toString("utf8"));
  } catch {
    return null;
  }
  const { event, time = (event as { readonly time?: unknown } | undefined)?.time } = (value ?? {}) as {
    readonly event?: unknown;
    readonly time?: unknown;
  };
  if (time === undefined) return undefined;
  const ms = typeof time === "string" ? Date.parse(time) : Number.NaN;
  return Number.isNaN(ms) ? null : ms;
}
