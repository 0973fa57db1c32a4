import type { EventSink, OutgoingEvent } from "@segno/server";
import { webhookSink } from "@segno/server/events";
import type { NodeClock } from "./clock.ts";

/** Where a node sends its events. */
export type SinkOptions =
  | {
      readonly kind: "webhook";
      readonly url: string;
      readonly secret: string;
      /** Says that the receiver has what it never got, as a sink that fires and forgets would. */
      readonly isForgetful?: boolean;
    }
  | {
      /** Tells the parent what it gets. */
      readonly kind: "told";
      /** Falls over when it meets an event at a multiple of this position. */
      readonly poisonEvery?: number;
      /** Takes nothing more once it has met one, as a receiver that reads a queue in order would. */
      readonly stopsAtPoison?: boolean;
    };

/** What a sink of the kind `told` says of an event it got. */
export interface ToldEvent {
  readonly position: number;
  readonly cloudEvent: string;
  /** How long after it happened, milliseconds of the node's clock. */
  readonly lateMs: number;
}

export function sinkOf(options: SinkOptions, clock: NodeClock, tell: (told: unknown) => void): EventSink {
  return options.kind === "webhook" ? webhookOf(options, clock) : tellingSink(options, clock, tell);
}

function webhookOf(options: SinkOptions & { readonly kind: "webhook" }, clock: NodeClock): EventSink {
  const { url, secret, isForgetful = false } = options;
  const sink = webhookSink({
    name: "hook",
    url,
    secrets: [secret],
    allowHttpOnLocalhost: true,
    clock,
    timeoutMs: 5_000,
  });
  if (!isForgetful) return sink;
  return { ...sink, deliver: (events, signal) => sink.deliver(events, signal).catch(() => []) };
}

function tellingSink(
  { poisonEvery = 0, stopsAtPoison = false }: SinkOptions & { readonly kind: "told" },
  clock: NodeClock,
  tell: (told: unknown) => void,
): EventSink {
  let isStopped = false;
  let met = 0;
  return {
    name: "told",
    async deliver(events) {
      const isPoisoned = poisonEvery > 0 && events.some(({ position }) => position % poisonEvery === 0);
      if (isPoisoned) {
        met += 1;
        isStopped = stopsAtPoison;
        tell({ met });
      }
      if (isPoisoned || isStopped) throw new Error("fell over");
      tell({ events: events.map((each) => toldOf(each, clock)) });
    },
  };
}

function toldOf({ event, cloudEvent, position }: OutgoingEvent, clock: NodeClock): ToldEvent {
  return { position, cloudEvent, lateMs: clock.nowMs() - Date.parse(String(event.time)) };
}
