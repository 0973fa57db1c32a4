import type { EventSink, OutgoingEvent, Refusal } from "../sink.js";
import { away } from "./away.js";
import { handOverBySubject } from "./by-subject.js";
import { choiceOf, type SinkChoice } from "./choice.js";
import { checkChoice, createOptionFaults } from "./option-faults.js";
import { untilAborted } from "./until-aborted.js";

export type { EventFilter, EventSink, OutgoingEvent, Refusal } from "../sink.js";
export type { SinkChoice } from "./choice.js";

/** What Segno needs of the headers of NATS. */
export interface NatsHeaders {
  /** Sets one header. */
  set(name: string, value: string): void;
}
/** How one message is published. */
export interface JetStreamMessage<Headers extends NatsHeaders> {
  /** For `Nats-Msg-Id`: JetStream drops a message whose id it has seen in the stream's `duplicate_window`. */
  readonly msgID: string;
  /** Made by the `headers` given. */
  readonly headers: Headers;
  /** How long the acknowledgement may take, in milliseconds. */
  readonly timeout: number;
  /** What must hold for the message to be taken. */
  readonly expect: { readonly streamName?: string };
}
/** What Segno needs of the client that `jetstream(connection)` of `@nats-io/jetstream` makes. */
export interface JetStreamPublisher<Headers extends NatsHeaders> {
  /** Publishes and waits until the stream has the message. */
  publish(subject: string, payload: string, message: JetStreamMessage<Headers>): Promise<unknown>;
}
/** Options of `natsSink`. */
export interface NatsSinkOptions<Headers extends NatsHeaders> extends SinkChoice {
  /** `jetstream(connection)`. The connection should never give up: `maxReconnectAttempts: -1`. */
  readonly jetstream: JetStreamPublisher<Headers>;
  /** The function `headers` of `@nats-io/transport-node` or `@nats-io/nats-core`. */
  readonly headers: () => Headers;
  /** Stands before the event's type in the subject. Default `segno`: the subject of a sign-in is `segno.login.success`. */
  readonly prefix?: string;
  /** The stream that must take the events. Default: whichever stream has the subject. */
  readonly stream?: string;
}

/** Longer than an engine lets a call take, so that only the signal ends it; short, so that no timer outlives it for long. */
const ackTimeoutMs = 15_000;

/**
 * Sends events to a stream of NATS JetStream and waits for its acknowledgements: events of one subject one after the
 * other, those of different subjects at once. The payload is the CloudEvent (NATS protocol binding of CloudEvents,
 * structured mode); the event's id is the `Nats-Msg-Id`, by which JetStream drops what is sent again within the stream's
 * `duplicate_window`. An event that is bigger than the server or the stream allows is refused for good.
 *
 * Not checked: that the stream keeps messages as long as its readers need. The connection stays the application's.
 * @throws TypeError at once, naming every option that is wrong
 * @example
 * ```ts
 * import { jetstream } from "@nats-io/jetstream";
 * import { connect, headers } from "@nats-io/transport-node";
 * import { natsSink } from "@segno/server/events/nats";
 * const connection = await connect({ servers: "nats://127.0.0.1:4222", maxReconnectAttempts: -1 });
 * const sink = natsSink({ jetstream: jetstream(connection), headers, stream: "IDENTITY" });
 * ```
 */
export function natsSink<Headers extends NatsHeaders>(options: NatsSinkOptions<Headers>): EventSink {
  const { jetstream, headers, prefix = "segno", stream } = options;
  const faults = createOptionFaults("natsSink");
  checkChoice(faults, { name: "nats", ...options });
  const isPrefix = /^[\w-]+(\.[\w-]+)*$/.test(prefix);
  faults.require(isPrefix, '`prefix` is names of letters, digits, "-" and "_", with dots between them');
  faults.throwIfAny();
  let isThere = false;

  /** @returns undefined when the stream has it */
  async function publish({ event, cloudEvent }: OutgoingEvent): Promise<Omit<Refusal, "id"> | undefined> {
    const subject = `${prefix}.${event.type}`;
    const head = headers();
    head.set("Content-Type", "application/cloudevents+json; charset=UTF-8");
    const expect = stream === undefined ? {} : { streamName: stream };
    try {
      await jetstream.publish(subject, cloudEvent, { msgID: event.id, headers: head, timeout: ackTimeoutMs, expect });
      return undefined;
    } catch (error) {
      const reason = refusalOf(error);
      if (reason !== undefined) return { reason, isFinal: true };
      throw explained(error, subject, stream);
    }
  }

  async function publishAll(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<readonly Refusal[]> {
    const hand = (event: OutgoingEvent) => {
      signal.throwIfAborted();
      return publish(event);
    };
    // a client that is not connected keeps what it is given: after a failure that is one event, not a batch
    const first = isThere ? [] : await handOverBySubject(events.slice(0, 1), 1, hand);
    return [...first, ...(await handOverBySubject(isThere ? events : events.slice(1), events.length, hand))];
  }

  return {
    ...choiceOf(options, "nats"),
    async deliver(events, signal) {
      try {
        const refusals = await untilAborted(signal, () => publishAll(events, signal));
        isThere = true;
        return refusals;
      } catch (error) {
        isThere = false;
        throw error;
      }
    },
  };
}

/** JetStream's number for a message that is bigger than the stream allows. */
const messageTooBig = 10054;

function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === "InvalidArgumentError" && error.message.includes("max_payload")) return "max_payload";
  return numberOf(error) === messageTooBig ? "max_msg_size" : undefined;
}

/** JetStream's numbers for: no such stream, another stream than the expected one, no JetStream for this account. */
const wrongStream = new Set([10039, 10059, 10060, 10076]);

/** What an operator can act on, in place of the words of a client. */
function explained(error: unknown, subject: string, stream: string | undefined): Error {
  const name = error instanceof Error ? error.name : "";
  const wanted = stream === undefined ? "a stream" : `the stream ${stream}`;
  if (name === "JetStreamNotEnabled" || wrongStream.has(numberOf(error) ?? 0))
    return away(
      `stream_missing: ${stream ?? ""} ${subject}`,
      `NATS: ${wanted} with the subject ${subject} is missing. Create it; nothing is lost meanwhile.`,
    );
  if (name === "ClosedConnectionError" || name === "DrainingConnectionError")
    return away(
      "connection_closed",
      "NATS: the connection is closed for good. Connect with `maxReconnectAttempts: -1`.",
    );
  const code = `${numberOf(error) ?? (name || "no_answer")}`;
  return away(code, `NATS: the stream did not take the events (${code}).`);
}

function numberOf(error: unknown): number | undefined {
  const code: unknown = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "number" ? code : undefined;
}
