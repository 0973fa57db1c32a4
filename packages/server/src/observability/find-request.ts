import { SegnoError, type SegnoEvent } from "@segno/core";
import type { Engine } from "../engine.js";
import { readEventsBetween } from "../events/index.js";
import { isNamedBy, minutesOf, parseSupportCode } from "../http/index.js";

/** A request that a support code names, and what is known of the way it was part of. */
export interface FoundRequest {
  readonly requestId: string;
  /** The trace it was part of, where the page or a tracer named one. */
  readonly traceId: string | null;
  /** Its own events, and those of the other requests of its trace: the steps of one sign-in. Oldest first. */
  readonly events: readonly SegnoEvent[];
}

/** Longer than events are kept. */
const keptMs = 90 * 86_400_000;
const minuteMs = 60_000;
/** An attempt lives for ten minutes: its first steps may be so much older. A page's clock may be off by as much. */
const aroundMs = 11 * minuteMs;

/**
 * Finds the request of a support code among the events that are kept. Looks at some twenty minutes of them: those around the
 * minute that the code names, this time and as often as such minutes come round (every 22 days).
 * @returns mostly one, by chance two, none when the request wrote no event or they are gone
 * @throws SegnoError `invalid_input` for what is no support code
 */
export async function findRequests(
  { store, clock }: Pick<Engine, "store" | "clock">,
  text: string,
): Promise<readonly FoundRequest[]> {
  const code = parseSupportCode(text);
  if (code === undefined) throw new SegnoError("invalid_input", "A support code has eight digits, such as 7K3M-9QXA.");
  const found: FoundRequest[] = [];
  const nowMs = clock.nowMs();
  for (const minuteAtMs of minutesOf(code, nowMs, nowMs - keptMs)) {
    const span = { fromMs: minuteAtMs - aroundMs, untilMs: minuteAtMs + aroundMs };
    const named = new Map<string, string | null>();
    for await (const { requestId, traceId } of readEventsBetween(store.db, span)) {
      if (requestId === null || named.has(requestId)) continue;
      if (isNamedBy(code, { requestId, ...(traceId === null ? {} : { traceId }) })) named.set(requestId, traceId);
    }
    if (named.size > 0) found.push(...(await withEvents({ store }, span, named)));
  }
  return found;
}

type Span = { readonly fromMs: number; readonly untilMs: number };

async function withEvents(
  { store }: Pick<Engine, "store">,
  span: Span,
  named: ReadonlyMap<string, string | null>,
): Promise<readonly FoundRequest[]> {
  const ways = new Map<string, { requestId: string; traceId: string | null; events: SegnoEvent[] }>();
  // several requests of one trace are one way
  for (const [requestId, traceId] of named)
    if (!ways.has(traceId ?? requestId)) ways.set(traceId ?? requestId, { requestId, traceId, events: [] });
  for await (const event of readEventsBetween(store.db, span)) {
    const way = ways.get(event.traceId ?? "") ?? ways.get(event.requestId ?? "");
    way?.events.push(event);
  }
  return [...ways.values()];
}
