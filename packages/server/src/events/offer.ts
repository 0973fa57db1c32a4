import type { OutgoingEvent, Refusal } from "./sink.js";

/** A call that was answered holds the refusals; one that rejected or took too long tells why. */
export type CallResult = { readonly refusals: readonly Refusal[] } | { readonly fault: string };

/** What became of the events offered. Those that are in none of these sets were not taken: they wait behind an earlier one. */
export interface OfferResult {
  readonly accepted: ReadonlySet<string>;
  readonly refused: ReadonlyMap<string, Refusal>;
  /** True when nothing was taken by any call, so that nothing is known about single events. */
  readonly isAway: boolean;
  readonly fault: string | undefined;
}

export interface OfferOptions {
  readonly call: (events: readonly OutgoingEvent[]) => Promise<CallResult>;
  /** The most events in one call. */
  readonly atOnce: number;
  /** How many calls may fail in a row, none being taken, before the receiver counts as away. */
  readonly patience: number;
  /** Subjects of which an event was refused before: offered after all others, so that they cannot hold those up. Default none. */
  readonly suspects?: ReadonlySet<string>;
}

/** Events of one subject keep their order; one without a subject depends on no other. */
export function orderKeyOf({ event }: OutgoingEvent): string {
  return event.subject === null ? `event ${event.id}` : `subject ${event.subject}`;
}

/**
 * Offers events, and finds the one on which a whole call fails: what was rejected is offered again in two halves that have no
 * subject in common, as long as some call is taken. An event that is rejected alone, while others are taken, counts as refused.
 */
export async function offer(events: readonly OutgoingEvent[], how: OfferOptions): Promise<OfferResult> {
  const accepted = new Set<string>();
  const refused = new Map<string, Refusal>();
  /** Subjects of which an event was not taken: nothing later of them is offered. */
  const stopped = new Set<string>();
  let isAway = true;
  let failedCalls = 0;
  let fault: string | undefined;
  const hasGivenUp = () => isAway && failedCalls >= how.patience;

  function settle(part: readonly OutgoingEvent[], refusals: readonly Refusal[]): void {
    isAway = false;
    const answered = new Map(refusals.map((refusal) => [refusal.id, refusal]));
    for (const each of part) {
      const refusal = answered.get(each.event.id);
      if (refusal === undefined) accepted.add(each.event.id);
      else refuse(each, refusal);
    }
  }

  function refuse(each: OutgoingEvent, refusal: Refusal): void {
    refused.set(each.event.id, refusal);
    if (refusal.isFinal !== true) stopped.add(orderKeyOf(each));
  }

  /** @returns what is to be offered of it after this */
  async function attempt(part: readonly OutgoingEvent[], count: number): Promise<readonly Part[]> {
    const events = part.filter((each) => !stopped.has(orderKeyOf(each)));
    if (events.length === 0) return [];
    const isOneSubject = new Set(events.map(orderKeyOf)).size === 1;
    const now = isOneSubject ? events.slice(0, Math.min(count, how.atOnce)) : events;
    const rest = events.slice(now.length);
    if (now.length > how.atOnce) return halvesOf(events);
    const result = await how.call(now);
    if ("refusals" in result) {
      settle(now, result.refusals);
      return [{ events: rest, count }];
    }
    failedCalls += 1;
    fault = result.fault;
    const [only] = now;
    if (now.length > 1) return isOneSubject ? [{ events, count: Math.ceil(now.length / 2) }] : halvesOf(events);
    if (only !== undefined) refuse(only, { id: only.event.id, reason: result.fault });
    return [];
  }

  // the other half comes before the halves of this one: a receiver that is there is found soon
  const isSuspect = (each: OutgoingEvent) => how.suspects?.has(orderKeyOf(each)) === true;
  const parts: Part[] = [events.filter((each) => !isSuspect(each)), events.filter(isSuspect)]
    .filter(({ length }) => length > 0)
    .map((part) => ({ events: part, count: part.length }));
  for (let part = parts.shift(); part !== undefined && !hasGivenUp(); part = parts.shift()) {
    parts.push(...(await attempt(part.events, part.count)));
  }
  return { accepted, refused, isAway: isAway && events.length > 0, fault };
}

/** Events to offer; of one subject at most so many at once. */
interface Part {
  readonly events: readonly OutgoingEvent[];
  readonly count: number;
}

function halvesOf(events: readonly OutgoingEvent[]): readonly Part[] {
  const keys = [...new Set(events.map(orderKeyOf))];
  const first = new Set(keys.slice(0, Math.ceil(keys.length / 2)));
  const halves = [
    events.filter((each) => first.has(orderKeyOf(each))),
    events.filter((each) => !first.has(orderKeyOf(each))),
  ];
  return halves.map((half) => ({ events: half, count: half.length }));
}
