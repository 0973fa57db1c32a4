import { systemClock } from "@segno/core";
import type { EventSink } from "../sink.js";
import { handOverBySubject } from "./by-subject.js";
import { choiceOf } from "./choice.js";
import { createHttpPost, type HttpSinkOptions } from "./http-post.js";
import { createOptionFaults, isCount } from "./option-faults.js";
import { parseWebhookSecrets, webhookSignature } from "./webhook-signature.js";

/** Options of `webhookSink`. */
export interface WebhookSinkOptions extends HttpSinkOptions {
  /**
   * What requests are signed with: `whsec_` and 24 to 64 random bytes in base64, made for this receiver alone. Every request
   * is signed with each of them, five at most. To rotate: add the new one here, then at the receiver, then drop the old one.
   */
  readonly secrets: readonly string[];
  /** How many requests at the same time, each of another subject. 1 to 50, default 8. */
  readonly parallel?: number;
}

/**
 * Posts each event to one address as Standard Webhooks 1.0 asks: `webhook-id` is the event's id, `webhook-timestamp` the time
 * of this try, `webhook-signature` a `v1` signature by each secret. The body is the CloudEvent as it was committed
 * (`application/cloudevents+json`); its type also stands in `segno-event-type`. Events of one subject follow each other; those of
 * different subjects travel at the same time.
 *
 * Any 2xx takes the event, whatever the answer's body says. 410 refuses it for good, other 4xx refuse it for now; 408, 425,
 * 429, 3xx, 5xx and no answer mean that the receiver is away. `Retry-After` of 429 and 503 is kept, for an hour at most. The
 * address is reached as the text on event sinks says: `https` with a verified certificate, no private address unless listed.
 *
 * Not checked: that the receiver verifies signatures, or drops ids that it has seen; delivery is at least once.
 * @throws TypeError at once, naming every option that is wrong and no secret
 * @example
 * import { webhookSink } from "@segno/server/events";
 * const sink = webhookSink({
 *   name: "fraud",
 *   url: "https://hooks.example.com/segno",
 *   secrets: [process.env.FRAUD_WEBHOOK_SECRET ?? ""],
 *   types: ["login.*", "risk.*"],
 * });
 */
export function webhookSink(options: WebhookSinkOptions): EventSink {
  const { clock = systemClock, parallel = 8 } = options;
  const faults = createOptionFaults("webhookSink");
  const secrets = parseWebhookSecrets(options.secrets) ?? [];
  faults.require(secrets.length > 0, "`secrets` is 1 to 5 different `whsec_` secrets of 24 to 64 bytes in base64");
  faults.require(isCount(parallel, 50), "`parallel` is a whole number from 1 to 50");
  const http = createHttpPost(options, faults, parallel);
  return {
    ...choiceOf(options, options.name),
    async deliver(events, signal) {
      signal.throwIfAborted();
      return await handOverBySubject(events, parallel, async ({ event, cloudEvent }) => {
        const timestamp = `${Math.floor(clock.nowMs() / 1_000)}`;
        const headers = {
          "content-type": "application/cloudevents+json; charset=utf-8",
          "user-agent": "segno",
          "segno-event-type": event.type,
          "webhook-id": event.id,
          "webhook-timestamp": timestamp,
          "webhook-signature": webhookSignature(secrets, { id: event.id, timestamp, body: cloudEvent }),
        };
        return await http.post(cloudEvent, headers, signal);
      });
    },
    close: async () => http.close(),
  };
}
