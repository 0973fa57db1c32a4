import { SegnoError, type SegnoEventType } from "@segno/core";
import { isAudited } from "./is-audited.js";
import type { Backlog } from "./store.js";

/** Keeps events from being written that the log would not get to in time. */
export interface BacklogGate {
  /** Counts one event that is about to be written. @throws SegnoError `audit_unavailable` when too many wait */
  enter(type: SegnoEventType): void;
  /** What the store says waits now. */
  set(backlog: Backlog): void;
  latest(): Backlog;
}

/** The log itself waits for keys: to refuse what they tell would leave it behind for ever. */
const isLetThrough = (type: SegnoEventType) => !isAudited(type) || type.startsWith("key.");

/**
 * A log that may fall behind without end is none: beyond the bound, what would be audited is refused before it is done. What
 * this process wrote since the store was asked last is counted along; what other nodes wrote is not, so with N nodes the
 * bound is passed by what they write within a second.
 */
export function createBacklogGate(maxBacklog: number): BacklogGate {
  let latest: Backlog = { waiting: 0, oldestMs: null };
  let written = 0;
  return {
    enter(type) {
      if (isLetThrough(type)) return;
      if (latest.waiting + written >= maxBacklog)
        throw new SegnoError("audit_unavailable", "The audit log is too far behind to take another event.", {
          retryAfterSeconds: 5,
        });
      written += 1;
    },
    set(backlog) {
      latest = backlog;
      written = 0;
    },
    latest: () => latest,
  };
}
