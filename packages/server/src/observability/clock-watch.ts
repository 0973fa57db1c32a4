import { systemClock } from "@segno/core";
import type { Engine } from "../engine.js";
import type { HealthCheck, HealthState } from "../http/index.js";
import { readDatabaseClock } from "../storage/index.js";

/** Verifiers forgive five seconds by default: with a clock that is off by as much, what one node signs another refuses. */
const toleratedMs = 5_000;
/** The way to the database and back, at most, for which a skew of exactly five seconds is still seen. */
const wayMs = 250;
/** What another server said longer ago says nothing about now. */
const heardForMs = 600_000;

type Parts = Pick<Engine, "store" | "clock" | "fetch">;

/** Compares this machine's clock with the database's, and with those of servers it happens to fetch from. */
export interface ClockWatch {
  /** The same, but that it looks at the `Date` of answers. */
  readonly fetch: Engine["fetch"];
  /** Checks for readiness; none where there is nothing to compare with. */
  checks(): Readonly<Record<string, HealthCheck>>;
}

/**
 * A database that disagrees takes the node out of service: every node shares it, so it is what they agree by. A server that was
 * fetched from is often a client's own, and could put us out of service with a wrong `Date`: what it says degrades only.
 * A clock that was put in is no machine's, and is compared with none.
 */
export function createClockWatch({ store, clock, fetch }: Parts): ClockWatch {
  let heard: { readonly atMs: number; readonly isOff: boolean } | undefined;

  const watched: Engine["fetch"] = async (input, init) => {
    const beforeMs = clock.nowMs();
    const answer = await fetch(input, init);
    const aheadMs = aheadOf(answer, beforeMs, clock.nowMs());
    if (aheadMs !== undefined) heard = { atMs: clock.nowMs(), isOff: Math.abs(aheadMs) >= toleratedMs };
    return answer;
  };

  async function ofDatabase(): Promise<HealthState> {
    const beforeMs = clock.nowMs();
    const theirsMs = await readDatabaseClock(store);
    if (theirsMs === undefined) return "ok";
    const afterMs = clock.nowMs();
    // the answer was made somewhere between: this is the least it can be off, and some of the way may hide a little more
    const offMs = Math.max(theirsMs - afterMs, beforeMs - theirsMs, 0);
    return offMs >= toleratedMs - wayMs ? "failing" : "ok";
  }

  return {
    fetch: watched,
    checks() {
      if (clock !== systemClock) return {};
      const isHeard = heard !== undefined && Math.abs(clock.nowMs() - heard.atMs) < heardForMs;
      return {
        ...(store.dialect === "sqlite" ? {} : { clock: ofDatabase }),
        ...(isHeard ? { otherClocks: async () => (heard?.isOff === true ? "degraded" : "ok") } : {}),
      };
    },
  };
}

/** How far the server is ahead; undefined where it does not say, or a cache answered for it. A `Date` is cut to seconds. */
function aheadOf(answer: Response, beforeMs: number, afterMs: number): number | undefined {
  const dateMs = Date.parse(answer.headers.get("date") ?? "");
  if (Number.isNaN(dateMs) || answer.headers.get("age") !== null) return undefined;
  if (dateMs > afterMs) return dateMs - afterMs;
  return Math.min(0, dateMs + 1_000 - beforeMs);
}
