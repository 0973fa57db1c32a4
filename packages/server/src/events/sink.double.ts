import type { SegnoEvent } from "@segno/core";
import type { EventSink, OutgoingEvent, Refusal } from "./sink.js";

/** A receiver that does as it is told, and remembers what it took. */
export interface SinkDouble extends EventSink {
  readonly taken: SegnoEvent[];
  readonly calls: (readonly string[])[];
  /** Rejects every call. */
  isAway: boolean;
  /** Rejects every call that holds one of these. */
  readonly poison: Set<string>;
  /** Refuses these, and what comes after them of the same subject. */
  readonly refused: Map<string, Omit<Refusal, "id">>;
  /** What was taken, each event once: the first time counts. */
  once(): readonly SegnoEvent[];
}

/** Events go by what their `reason` says. */
export const reasonOf = (event: SegnoEvent): string =>
  event.type === "session.revoked" ? event.data.reason : event.type;

export function createSinkDouble(options: Partial<EventSink> & { readonly name: string }): SinkDouble {
  const taken: SegnoEvent[] = [];
  const calls: (readonly string[])[] = [];
  const poison = new Set<string>();
  const refused: SinkDouble["refused"] = new Map();
  const double: SinkDouble = {
    taken,
    calls,
    isAway: false,
    poison,
    refused,
    once: () => [...new Map(taken.toReversed().map((event) => [event.id, event])).values()].toReversed(),
    async deliver(events: readonly OutgoingEvent[]) {
      calls.push(events.map(({ event }) => reasonOf(event)));
      if (double.isAway) throw new TypeError("connect ECONNREFUSED 10.0.0.7 with secret");
      if (events.some(({ event }) => poison.has(reasonOf(event)))) throw new TypeError("cannot read it");
      const refusals: Refusal[] = [];
      const stopped = new Set<string>();
      for (const { event } of events) {
        const refusal = refused.get(reasonOf(event));
        if (refusal !== undefined) refusals.push({ id: event.id, ...refusal });
        else if (event.subject !== null && stopped.has(event.subject))
          refusals.push({ id: event.id, reason: "behind" });
        else taken.push(event);
        if (refusal !== undefined && refusal.isFinal !== true && event.subject !== null) stopped.add(event.subject);
      }
      return refusals;
    },
    ...options,
  };
  return double;
}

/** Positions in which an event comes before an earlier one of its subject. */
export function outOfOrder(events: readonly SegnoEvent[]): readonly string[] {
  const last = new Map<string, number>();
  const found: string[] = [];
  for (const event of events) {
    const number = Number(reasonOf(event));
    const before = last.get(event.subject ?? "") ?? -1;
    if (number < before) found.push(`${event.subject}: ${number} after ${before}`);
    last.set(event.subject ?? "", number);
  }
  return found;
}
