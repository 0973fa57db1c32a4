// Topics of a real Kafka broker.
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { expect, it } from "vitest";
import { type KafkaPeer, kafkaPeer } from "../../../test/peers.js";
import { type PageSink, runPageBlock } from "../../../test/page-code.js";
import {
  arrivedOf,
  comingsOf,
  type OpenSink,
  type ReceivedEvent,
  type SinkReceiver,
  sinkContract,
} from "../../../test/sink-contract.js";
import { outgoingEvent, outgoingEvents } from "../../../test/sink-events.js";
import type { OutgoingEvent } from "../sink.js";
import { kafkaSink } from "./kafka.js";

const peer = await kafkaPeer();
const server = () => peer as KafkaPeer;
const client = () => ({ clientId: "segno-test", bootstrapBrokers: [server().address] });

async function open(topic = "identity"): Promise<OpenSink> {
  const producer = new Producer({ ...client(), serializers: stringSerializers });
  return { sink: kafkaSink({ producer, topic }), end: () => producer.close() };
}

interface ReadEvent extends ReceivedEvent {
  readonly key: string | undefined;
  readonly partition: number;
}

let groups = 0;

/** What somebody reads who consumes the topic from its start. */
async function read(topic: string): Promise<ReadEvent[]> {
  groups += 1;
  const consumer = new Consumer({ ...client(), groupId: `reader-${groups}`, deserializers: stringDeserializers });
  try {
    const ends = await consumer.listOffsets({ topics: [topic] });
    let left = (ends.get(topic) ?? []).reduce((sum, offset) => sum + Number(offset), 0);
    if (left === 0) return [];
    const read: ReadEvent[] = [];
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false, maxWaitTime: 50 });
    for await (const { headers, key, value, partition } of stream) {
      const head = Object.fromEntries(headers);
      read.push({
        id: head["ce_id"] ?? "",
        type: (head["ce_type"] ?? "").replace(/^dev\.segno\.(.*)\.v\d+$/, "$1"),
        body: value,
        headers: head,
        key,
        partition,
      });
      left -= 1;
      if (left === 0) break;
    }
    return read;
  } finally {
    await consumer.close(true);
  }
}

async function start(): Promise<SinkReceiver | { readonly missing: string }> {
  if ("missing" in peer) return peer;
  const admin = new Admin(client());
  await admin.createTopics({ topics: ["identity", "identity-events"], partitions: 3, replicas: 1 });
  await admin.createTopics({
    topics: ["small"],
    partitions: 1,
    replicas: 1,
    configs: [{ name: "max.message.bytes", value: "3000" }],
  });
  await admin.close();
  return { open: () => open(), received: () => read("identity"), ...comingsOf(peer), stop: peer.stop };
}

await sinkContract({ name: "Kafka", start, isDeduplicating: false, isPausable: true, limitMs: 4_000 }, (receiver) => {
  const deliverOn = (sink: OpenSink["sink"]) => (batch: readonly OutgoingEvent[]) =>
    sink.deliver(batch, AbortSignal.timeout(4_000));
  const once = async (topic: string, batch: readonly OutgoingEvent[]) => {
    const { sink, end } = await open(topic);
    return deliverOn(sink)(batch).finally(end);
  };

  it("does what the page about it says", async () => {
    process.env["KAFKA_BROKER"] = server().address;
    const { sink, stop } = (await runPageBlock("concepts/event-brokers.md", "kafka.ts")) as unknown as PageSink;
    const batch = outgoingEvents(10);
    await deliverOn(sink)(batch);
    await stop();
    expect((await read("identity-events")).map(({ id }) => id).toSorted()).toEqual(batch.map(({ event }) => event.id));
  });

  it("says what the protocol binding of CloudEvents says; a subject stays in its partition", async () => {
    const batch = [outgoingEvent({ subject: "usr_a" }), outgoingEvent({ subject: null }), ...outgoingEvents(9)];
    await once("identity", batch);
    const arrived = (await arrivedOf(receiver(), batch)) as readonly ReadEvent[];
    const [first, second] = batch.map(({ event }) => arrived.find(({ id }) => id === event.id));
    expect(first).toMatchObject({
      key: "usr_a",
      headers: {
        "content-type": "application/cloudevents+json; charset=UTF-8",
        ce_specversion: "1.0",
        ce_id: batch[0]?.event.id,
        ce_type: `dev.segno.${batch[0]?.event.type}.v1`,
        ce_source: "https://app.example.com",
        ce_time: batch[0]?.event.time,
        ce_subject: "usr_a",
      },
    });
    expect(second?.headers).not.toHaveProperty("ce_subject");
    for (const subject of ["usr_0", "usr_1", "usr_2"]) {
      const partitions = new Set(arrived.filter(({ key }) => key === subject).map(({ partition }) => partition));
      expect(partitions.size).toBe(1);
    }
  });

  it("refuses what is too big for the topic alone, and splits a batch that is", async () => {
    const [big, ...small] = [outgoingEvent({ bytes: 5_000 }), ...outgoingEvents(20, { subject: "usr_s" })];
    const answer = await once("small", [...small.slice(0, 7), big as OutgoingEvent, ...small.slice(7)]);
    expect(answer).toEqual([{ id: big?.event.id, reason: "message_too_large", isFinal: true }]);
    expect((await read("small")).map(({ id }) => id)).toEqual(small.map(({ event }) => event.id));
  });

  it("says once for a batch that the topic is missing, and makes none", async () => {
    await expect(once("nowhere", outgoingEvents(20))).rejects.toMatchObject({
      message: "Kafka: the topic nowhere is missing. Create it; nothing is lost meanwhile.",
      code: "topic_missing: nowhere",
    });
    const admin = new Admin(client());
    expect(await admin.listTopics()).not.toContain("nowhere");
    await admin.close();
  });

  it("refuses a name that no topic can have", () => {
    const producer = { send: async () => {} };
    for (const topic of ["", "a b", "ä", "x".repeat(250)])
      expect(() => kafkaSink({ producer, topic })).toThrow("`topic`");
  });
});
