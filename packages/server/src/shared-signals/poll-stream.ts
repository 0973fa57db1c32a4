import type { Engine } from "../engine.js";
import type { EventSink, OutgoingEvent } from "../events/index.js";
import { eventTypesOf } from "./claims-of.js";
import type { PollDelivery, SignalStream } from "./options.js";
import { consumerOf } from "./push-stream.js";
import { addWaiting, countWaiting, type WaitingSignal } from "./store.js";

const usualBatch = 100;

/** The claims for an event; undefined for one that is not told. */
export type ClaimsFor = (event: OutgoingEvent) => Readonly<Record<string, unknown>> | undefined;

/**
 * Lays down what a receiver fetches. When as much waits as may, the stream counts as away: what happens meanwhile stays in the
 * event log, where it can be seen how far the stream is behind.
 */
export function createPollSink(
  { id, events, delivery }: Pick<SignalStream, "id" | "events"> & { readonly delivery: Required<PollDelivery> },
  { store }: Pick<Engine, "store">,
  claimsFor: ClaimsFor,
): EventSink {
  return {
    name: consumerOf(id),
    types: eventTypesOf(events),
    batchSize: Math.min(usualBatch, delivery.maxWaiting),
    async deliver(batch) {
      const signals = batch.flatMap((event): WaitingSignal[] => {
        const claims = claimsFor(event);
        if (claims === undefined) return [];
        const { position } = event;
        return [{ stream: id, jti: String(claims["jti"]), position, claims: JSON.stringify(claims) }];
      });
      if ((await countWaiting(store.db, id)) + signals.length > delivery.maxWaiting)
        throw Object.assign(new Error("The receiver has not fetched what waits for it."), { code: "not_fetched" });
      await addWaiting(store.db, signals);
    },
  };
}
