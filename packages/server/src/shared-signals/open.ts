import type { Engine } from "../engine.js";
import type { EventSink, OutgoingEvent } from "../events/index.js";
import type { Keyrings } from "../keys/index.js";
import { claimsOf } from "./claims-of.js";
import type { PollDelivery, PushDelivery, SharedSignals, SignalStream } from "./options.js";
import { createPollSink } from "./poll-stream.js";
import { createPushStream, type PushStream } from "./push-stream.js";
import { createSetSigner, type SignSet } from "./sign-set.js";

/** The streams of this process. */
export interface RunningSignals {
  /** One receiver of events for each stream. */
  readonly sinks: readonly EventSink[];
  readonly sign: SignSet;
  readonly pushTo: (stream: string) => PushStream | undefined;
}

interface SignalParts {
  readonly config: Pick<Engine["config"], "issuer">;
  readonly clock: Engine["clock"];
  readonly store: Engine["store"];
  /** There once the first event is delivered. */
  readonly keyrings: () => Keyrings;
}

/** Makes a receiver of events of each stream. Nothing is signed or sent before events are delivered. */
export function openSharedSignals({ streams }: Pick<SharedSignals, "streams">, parts: SignalParts): RunningSignals {
  const { issuer } = parts.config;
  const sign: SignSet = (claims) => createSetSigner(parts.keyrings(), parts)(claims);
  const claimsFor = ({ id, audience }: SignalStream, event: OutgoingEvent) =>
    claimsOf(event.event, { issuer, stream: id, audience });
  const polls = streams
    .filter(isPoll)
    .map((stream) => createPollSink(stream, parts, (event) => claimsFor(stream, event)));
  const pushes = new Map(
    streams.filter(isPush).map((stream) => [
      stream.id,
      createPushStream(stream, async (event) => {
        const claims = claimsFor(stream, event);
        return claims === undefined ? undefined : await sign(claims);
      }),
    ]),
  );
  return {
    sinks: [...[...pushes.values()].map(({ sink }) => sink), ...polls],
    sign,
    pushTo: (stream) => pushes.get(stream),
  };
}

function isPoll(stream: SignalStream): stream is SignalStream & { readonly delivery: Required<PollDelivery> } {
  return stream.delivery.method === "poll";
}

function isPush(stream: SignalStream): stream is SignalStream & { readonly delivery: PushDelivery } {
  return stream.delivery.method === "push";
}
