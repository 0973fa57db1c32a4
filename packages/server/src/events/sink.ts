import type { SegnoEvent, SegnoEventType } from "@segno/core";

/** A type of event, or a family of them such as `login.*`. */
export type EventFilter = SegnoEventType | `${string}.*`;

/** One event on its way out. */
export interface OutgoingEvent {
  readonly event: SegnoEvent;
  /** The same as CloudEvents 1.0 JSON, the very bytes that were committed: what goes over a wire and is signed. */
  readonly cloudEvent: string;
  /** Its place in the one order of all events. Higher is later; there are no gaps and none is used twice. */
  readonly position: number;
}

/** An event that the receiver has but does not want as it is. */
export interface Refusal {
  /** The event's id. */
  readonly id: string;
  /** For the operator: a status or an error's code. Never what the receiver wrote, and no personal data. */
  readonly reason: string;
  /** True when no retry will help: the event is set aside at once. */
  readonly isFinal?: boolean;
}

/**
 * A receiver of events outside this process. Delivery is at least once, in order per subject, one call at a time over all
 * nodes; `event.id` is stable, so a receiver drops what it has seen.
 */
export interface EventSink {
  /** Names its place in the order of events, kept over restarts and releases. `[a-z][a-z0-9-]{0,39}`, unique per engine. */
  readonly name: string;
  /** Only these. Default: all. */
  readonly types?: readonly EventFilter[];
  /** Only events of these tenants. Default: all, and those of none. */
  readonly tenants?: readonly string[];
  /** The most events in one call. Default 100. */
  readonly batchSize?: number;
  /**
   * Hands the events over, oldest first. Resolving means: the receiver has all of them, but for the refusals answered.
   * Rejecting means: the receiver is away; everything is offered again later. `signal` aborts at the time limit.
   */
  deliver(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<readonly Refusal[] | void>;
  /** Lets go of what it holds; called once, when the engine closes. */
  close?(): Promise<void>;
}
