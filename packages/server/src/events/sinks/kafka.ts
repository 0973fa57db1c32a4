import type { EventSink, OutgoingEvent, Refusal } from "../sink.js";
import { away } from "./away.js";
import { choiceOf, type SinkChoice } from "./choice.js";
import { inPortions } from "./in-portions.js";
import { checkChoice, createOptionFaults } from "./option-faults.js";
import { untilAborted } from "./until-aborted.js";

export type { EventFilter, EventSink, OutgoingEvent, Refusal } from "../sink.js";
export type { SinkChoice } from "./choice.js";

/** A message as Segno hands it to the producer. */
export interface KafkaMessage {
  /** The topic given. */
  topic: string;
  /** The event's subject, so that a partition keeps the order of one subject; absent where an event has none. */
  key?: string;
  /** The CloudEvent. */
  value: string;
  /** By the Kafka protocol binding of CloudEvents. */
  headers: Record<string, string>;
}
/** What Segno needs of a `Producer` of `@platformatic/kafka` made with `stringSerializers`. */
export interface KafkaProducer {
  /** Sends and waits for the brokers. */
  send(options: { messages: KafkaMessage[]; acks: number; autocreateTopics: boolean }): Promise<unknown>;
}
/** Options of `kafkaSink`. */
export interface KafkaSinkOptions extends SinkChoice {
  /** A `Producer` of `@platformatic/kafka` with `serializers: stringSerializers`. */
  readonly producer: KafkaProducer;
  /** Where the events go. It must exist: Segno makes no topics. */
  readonly topic: string;
}

/** A broker measures the whole batch of a partition, by default against a mebibyte. */
const maxPortionBytes = 512 * 1024;
const allInSync = -1;

/**
 * Sends events to a topic of Kafka and waits until every in-sync replica has them. The key is the event's subject: a
 * partition keeps the order of one subject. The value is the CloudEvent, the headers are those of the Kafka protocol
 * binding of CloudEvents (structured mode with the metadata headers: `ce_id`, `ce_type`). Kafka does not drop what comes
 * again: a consumer does, by `ce_id`. An event that is bigger than the topic allows is refused for good.
 *
 * Not checked: the topic's retention and replication. The producer stays the application's.
 * @throws TypeError at once, naming every option that is wrong
 * @example
 * ```ts
 * import { Producer, stringSerializers } from "@platformatic/kafka";
 * import { kafkaSink } from "@segno/server/events/kafka";
 * const producer = new Producer({
 *   clientId: "segno",
 *   bootstrapBrokers: ["127.0.0.1:9092"],
 *   serializers: stringSerializers,
 * });
 * const sink = kafkaSink({ producer, topic: "identity-events" });
 * ```
 */
export function kafkaSink(options: KafkaSinkOptions): EventSink {
  const { producer, topic } = options;
  const faults = createOptionFaults("kafkaSink");
  checkChoice(faults, { name: "kafka", ...options });
  faults.require(/^[\w.-]{1,249}$/.test(topic), "`topic` is the name of a topic");
  faults.throwIfAny();

  /** Halves what is too big for the topic, until it is one event that is. */
  async function send(events: readonly OutgoingEvent[], signal: AbortSignal): Promise<Refusal[]> {
    signal.throwIfAborted();
    const messages = events.map((event) => messageOf(event, topic));
    try {
      await producer.send({ messages, acks: allInSync, autocreateTopics: false });
      return [];
    } catch (error) {
      if (!isTooBig(error)) throw explained(error, topic);
      const [first] = events;
      if (first === undefined) return [];
      if (events.length === 1) return [{ id: first.event.id, reason: "message_too_large", isFinal: true }];
      const half = Math.ceil(events.length / 2);
      return [...(await send(events.slice(0, half), signal)), ...(await send(events.slice(half), signal))];
    }
  }

  return {
    ...choiceOf(options, "kafka"),
    deliver: (events, signal) =>
      untilAborted(signal, async () => {
        const refusals: Refusal[] = [];
        for (const portion of inPortions(events, maxPortionBytes)) refusals.push(...(await send(portion, signal)));
        return refusals;
      }),
  };
}

/** The attributes of the event that also stand in headers, as they are in the body. */
const attributes = ["specversion", "id", "type", "source", "time", "subject"] as const;

function messageOf({ event, cloudEvent }: OutgoingEvent, topic: string): KafkaMessage {
  const read = JSON.parse(cloudEvent) as Readonly<Record<string, unknown>>;
  const headers: Record<string, string> = { "content-type": "application/cloudevents+json; charset=UTF-8" };
  for (const name of attributes) {
    const value = read[name];
    if (typeof value === "string") headers[`ce_${name}`] = value;
  }
  return { topic, ...(event.subject === null ? {} : { key: event.subject }), value: cloudEvent, headers };
}

/** Errors of the client hold what each broker and partition said, one in the other. */
function says(error: unknown, ids: ReadonlySet<string>, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 6) return false;
  if ("apiId" in error && typeof error.apiId === "string" && ids.has(error.apiId)) return true;
  const inner = error instanceof AggregateError ? (error.errors as unknown[]) : [];
  return [...inner, error.cause].some((cause) => says(cause, ids, depth + 1));
}

const tooBig: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);
const noTopic: ReadonlySet<string> = new Set(["UNKNOWN_TOPIC_OR_PARTITION", "INVALID_TOPIC_EXCEPTION"]);
const isTooBig = (error: unknown): boolean => says(error, tooBig);

function explained(error: unknown, topic: string): Error {
  // the client puts its own words in place of what the broker answered
  if (says(error, noTopic) || (error instanceof Error && error.message.startsWith("Unknown topic")))
    return away(
      `topic_missing: ${topic}`,
      `Kafka: the topic ${topic} is missing. Create it; nothing is lost meanwhile.`,
    );
  const code = error instanceof Error && "code" in error ? String(error.code) : "no_answer";
  return away(code, `Kafka: the brokers did not take the events (${code}).`);
}
