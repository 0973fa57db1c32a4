import { SegnoError } from "@segno/core";
import type { Engine } from "../engine.js";
import { parseCloudEvent } from "../events/index.js";
import { type FunnelCut, type FunnelReport, reportOf } from "./compute-funnel.js";
import { selectFunnelRows } from "./store.js";
import { createTally } from "./tally.js";

/** What a funnel is asked for. */
export interface FunnelQuery {
  /** From when on, RFC 3339. Default: a day ago. No further back than events are kept (`events.keepDays`). */
  readonly since?: string;
  /** One row for each method, device class or variant. Default: one row. */
  readonly by?: FunnelCut;
}

const dayMs = 86_400_000;
const portion = 1_000;
const cuts: readonly (string | undefined)[] = ["method", "device", "variant", undefined];

/**
 * Adoption, completion, time to success, abandonment, failure classes and latency of sign-ins, from the events that are kept.
 * @throws SegnoError `invalid_input` for a time or a cut that is none
 */
export async function readFunnel(engine: Engine, query: FunnelQuery = {}): Promise<FunnelReport> {
  const nowMs = engine.clock.nowMs();
  const sinceMs = query.since === undefined ? nowMs - dayMs : Date.parse(query.since);
  if (Number.isNaN(sinceMs))
    throw new SegnoError("invalid_input", "since: must be a time such as 2026-11-20T00:00:00Z");
  if (!cuts.includes(query.by)) throw new SegnoError("invalid_input", "by: must be method, device or variant");
  const tally = createTally();
  for (let after = ""; ; ) {
    const rows = await selectFunnelRows(engine.store.db, { sinceMs, after, limit: portion });
    for (const { payload } of rows) tally.add(parseCloudEvent(payload));
    const last = rows.at(-1);
    if (last === undefined || rows.length < portion) break;
    after = last.id;
  }
  return reportOf(tally, { nowMs, by: query.by });
}
