import {
  createHttpPost,
  createOptionFaults,
  type EventSink,
  handOverBySubject,
  type HttpPost,
} from "../events/index.js";
import type { OutgoingEvent } from "../events/index.js";
import { eventTypesOf } from "./claims-of.js";
import type { PushDelivery, SignalStream } from "./options.js";

/** Makes the token for an event; undefined for one that is not told. */
export type TokenOf = (event: OutgoingEvent) => Promise<string | undefined>;

/** Posts tokens to one receiver. */
export interface PushStream {
  readonly sink: EventSink;
  /** One token outside the order of events. @returns what the receiver said no to, undefined when it has it */
  readonly send: (token: string, signal: AbortSignal) => Promise<string | undefined>;
}

const parallel = 8;
/** As much of a refusal as is read for its `err`. */
const maxAnswerBytes = 16_384;

/** Nothing in the stream's configuration will make this event acceptable (RFC 8935 section 2.4). */
const aboutTheToken = "invalid_request";

/** Errors that a receiver may name (RFC 8935 section 2.4, SSF 1.0 section 8.1.4.2): nothing else it writes is kept. */
const knownErrors: readonly string[] = [
  aboutTheToken,
  "invalid_key",
  "invalid_issuer",
  "invalid_audience",
  "authentication_failed",
  "access_denied",
  "invalid_state",
];

export function isKnownError(err: string): boolean {
  return knownErrors.includes(err);
}

/** The name of the stream among the receivers of events. */
export function consumerOf(stream: string): string {
  return `ssf-${stream}`;
}

/**
 * A receiver by push: each event of the stream is one POST of one token, in order per subject. 2xx takes it, 400 refuses it
 * for the reason that the answer names; the rest is as webhooks have it.
 */
export function createPushStream(
  { id, events, delivery }: Pick<SignalStream, "id" | "events"> & { readonly delivery: PushDelivery },
  tokenOf: TokenOf,
): PushStream {
  const http = openPush(id, delivery);
  const { authorization } = delivery;
  const headers = {
    "content-type": "application/secevent+jwt",
    accept: "application/json",
    "user-agent": "segno",
    ...(authorization === undefined ? {} : { authorization }),
  };
  return {
    sink: {
      name: consumerOf(id),
      types: eventTypesOf(events),
      async deliver(batch, signal) {
        signal.throwIfAborted();
        return await handOverBySubject(batch, parallel, async (event) => {
          const token = await tokenOf(event);
          if (token === undefined) return undefined;
          const rejection = await http.post(token, headers, signal);
          return rejection === undefined ? undefined : { ...rejection, isFinal: rejection.reason === aboutTheToken };
        });
      },
      close: async () => http.close(),
    },
    send: async (token, signal) => (await http.post(token, headers, signal))?.reason,
  };
}

/** @throws TypeError naming what is wrong with the options */
export function openPush(id: string, delivery: PushDelivery): HttpPost {
  const faults = createOptionFaults(`sharedSignals.streams.${id}`);
  const { authorization } = delivery;
  faults.require(
    authorization === undefined || /^[\x21-\x7e][\x20-\x7e]{0,4095}$/.test(authorization),
    "`authorization` is the value of a header",
  );
  return createHttpPost({ ...delivery, name: consumerOf(id) }, faults, parallel, { maxAnswerBytes, reasonOf: errorOf });
}

function errorOf(body: Uint8Array): string | undefined {
  try {
    const answer: unknown = JSON.parse(Buffer.from(body).toString("utf8"));
    const err = typeof answer === "object" && answer !== null && "err" in answer ? answer.err : undefined;
    return typeof err === "string" && isKnownError(err) ? err : undefined;
  } catch {
    return undefined;
  }
}
