import { SegnoError } from "@segno/core";
import type { Engine } from "../engine.js";
import { readEventsBetween } from "../events/index.js";
import type { Finding } from "./hunt.js";
import { runHunts } from "./run-hunts.js";

/** What to look through. */
export interface HuntQuery {
  /** Names of hunts. Default: all. */
  readonly hunts?: readonly string[];
  /** From when on, RFC 3339. Default: a day ago. No further back than events are kept (`events.keepDays`). */
  readonly since?: string;
}

const dayMs = 86_400_000;

/**
 * Looks through the events that are kept. Reads them in portions and holds what lies within the hunts' windows.
 * @throws SegnoError `invalid_input` for a name or a time that is none
 */
export async function huntStored(
  engine: Pick<Engine, "store" | "clock">,
  query: HuntQuery = {},
): Promise<readonly Finding[]> {
  const untilMs = engine.clock.nowMs() + 1;
  const fromMs = query.since === undefined ? untilMs - dayMs : Date.parse(query.since);
  if (Number.isNaN(fromMs)) throw new SegnoError("invalid_input", "since: must be a time such as 2026-11-20T00:00:00Z");
  return await runHunts(readEventsBetween(engine.store.db, { fromMs, untilMs }), query.hunts);
}
