import type { SegnoEvent } from "@segno/core";

/** What a hunt found: one suspicion, with the events it rests on. */
export interface Finding {
  readonly hunt: string;
  /** The account, client or network it is about: `user:…`, `client:…`, `network:…`. */
  readonly about: string;
  /** RFC 3339: the first and the last event of it. */
  readonly from: string;
  readonly until: string;
  /** In few words, without personal data. */
  readonly what: string;
  /** At most twenty of the events it rests on, the first ones first. */
  readonly eventIds: readonly string[];
}

/** A saved query over stored events, which come in the order they were committed. */
export interface Hunt {
  readonly name: string;
  /** One sentence: what it looks for. */
  readonly summary: string;
  /** What an operator does about a finding: a runbook's name. */
  readonly runbook: string;
  /** Begins a look. What it holds is bounded by its time window. */
  start(): HuntInProgress;
}

/** A look under way. */
export interface HuntInProgress {
  see(event: SegnoEvent): void;
  findings(): readonly Finding[];
}

/** Its time in milliseconds. */
export const timeOf = (event: SegnoEvent): number => Date.parse(event.time);

/** The finding that these events make. */
export function findingOf(hunt: string, about: string, what: string, events: readonly SegnoEvent[]): Finding {
  return {
    hunt,
    about,
    from: events[0]?.time ?? "",
    until: events.at(-1)?.time ?? "",
    what,
    eventIds: events.slice(0, 20).map(({ id }) => id),
  };
}
