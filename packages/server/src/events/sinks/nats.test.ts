// Streams of a real NATS server with JetStream.
import { jetstream, jetstreamManager, StorageType } from "@nats-io/jetstream";
import { connect, headers, type MsgHdrs, nanos } from "@nats-io/transport-node";
import { expect, it } from "vitest";
import { type NatsPeer, natsPeer } from "../../../test/peers.js";
import { type PageSink, runPageBlock } from "../../../test/page-code.js";
import {
  arrivedOf,
  comingsOf,
  type OpenSink,
  type ReceivedEvent,
  type SinkReceiver,
  sinkContract,
  untilDelivered,
} from "../../../test/sink-contract.js";
import { outgoingEvent, outgoingEvents } from "../../../test/sink-events.js";
import type { OutgoingEvent } from "../sink.js";
import { type NatsSinkOptions, natsSink } from "./nats.js";

type Options = Partial<NatsSinkOptions<MsgHdrs>>;

const peer = await natsPeer();
const server = () => peer as NatsPeer;

const connection = () => connect({ servers: server().url, maxReconnectAttempts: -1, reconnectTimeWait: 50 });

async function open(options: Options = {}): Promise<OpenSink> {
  const own = await connection();
  const sink = natsSink({ jetstream: jetstream(own, { timeout: 1_000 }), headers, stream: "IDENTITY", ...options });
  return { sink, end: () => own.close() };
}

/** What somebody reads who consumes the stream from its start. */
async function read(stream: string): Promise<ReceivedEvent[]> {
  const own = await connection();
  try {
    const consumer = await jetstream(own).consumers.get(stream);
    const { num_pending: left } = await consumer.info(true);
    if (left === 0) return [];
    const read: ReceivedEvent[] = [];
    for await (const message of await consumer.fetch({ max_messages: left, expires: 5_000 })) {
      const head = Object.fromEntries([...(message.headers ?? [])].map(([name, values]) => [name, values.join()]));
      read.push({
        id: head["Nats-Msg-Id"] ?? "",
        type: message.subject.replace(/^segno\./, ""),
        body: message.string(),
        headers: { ...head, subject: message.subject },
      });
    }
    return read;
  } finally {
    await own.close();
  }
}

async function start(): Promise<SinkReceiver | { readonly missing: string }> {
  if ("missing" in peer) return peer;
  const own = await connection();
  const manager = await jetstreamManager(own);
  const config = { storage: StorageType.File, duplicate_window: nanos(120_000) };
  await manager.streams.add({ ...config, name: "IDENTITY", subjects: ["segno.>"] });
  await manager.streams.add({ ...config, name: "SMALL", subjects: ["small.>"], max_msg_size: 2_000 });
  await own.close();
  return { open, received: () => read("IDENTITY"), ...comingsOf(peer), stop: peer.stop };
}

await sinkContract({ name: "NATS JetStream", start, isDeduplicating: true, isPausable: true }, (receiver) => {
  const deliverOn = (sink: OpenSink["sink"]) => (batch: readonly OutgoingEvent[]) =>
    sink.deliver(batch, AbortSignal.timeout(3_000));
  const once = async (options: Options, batch: readonly OutgoingEvent[]) => {
    const { sink, end } = await open(options);
    return deliverOn(sink)(batch).finally(end);
  };

  it("does what the page about it says", async () => {
    process.env["NATS_URL"] = server().url;
    const manager = await connection();
    await (await jetstreamManager(manager)).streams.delete("IDENTITY");
    await manager.close();
    await runPageBlock("concepts/event-brokers.md", "make-nats-stream.ts");
    const { sink, stop } = (await runPageBlock("concepts/event-brokers.md", "nats.ts")) as unknown as PageSink;
    const batch = outgoingEvents(10);
    await deliverOn(sink)(batch);
    await deliverOn(sink)(batch);
    await stop();
    expect(await arrivedOf(receiver(), batch)).toHaveLength(10);
  });

  it("marks the payload as a CloudEvent, as its protocol binding says", async () => {
    const event = outgoingEvent();
    await once({}, [event]);
    const [arrived] = await arrivedOf(receiver(), [event]);
    expect(arrived?.headers).toMatchObject({
      "Content-Type": "application/cloudevents+json; charset=UTF-8",
      "Nats-Msg-Id": event.event.id,
      subject: `segno.${event.event.type}`,
    });
  });

  it("killed in the middle of a batch: nothing is lost, nothing is there twice, each subject is in order", async () => {
    const { sink, end } = await open();
    const batch = outgoingEvents(500);
    await deliverOn(sink)(batch.slice(0, 1));
    const broken = deliverOn(sink)(batch).catch((error: unknown) => error);
    await until(async () => (await arrivedOf(receiver(), batch)).length > 1, broken);
    await server().kill();
    expect(await broken).toBeInstanceOf(Error);
    await server().restart();
    const before = (await arrivedOf(receiver(), batch)).length;
    expect(before).toBeLessThan(500);
    await untilDelivered(deliverOn(sink), batch);
    await end();
    const arrived = await arrivedOf(receiver(), batch);
    expect(arrived).toHaveLength(500);
    for (const subject of ["usr_0", "usr_1", "usr_2"]) {
      const ids = batch.filter(({ event }) => event.subject === subject).map(({ event }) => event.id);
      expect(arrived.map(({ id }) => id).filter((id) => ids.includes(id))).toEqual(ids);
    }
  });

  it("says once for a batch, and not for each event, that the stream is missing", async () => {
    let published = 0;
    const own = await connection();
    const inner = jetstream(own);
    const counted: NatsSinkOptions<MsgHdrs>["jetstream"] = {
      publish(subject, payload, message) {
        published += 1;
        return inner.publish(subject, payload, message);
      },
    };
    const sink = natsSink({ jetstream: counted, headers, prefix: "nowhere" });
    await expect(deliverOn(sink)(outgoingEvents(20))).rejects.toThrow(
      /^NATS: a stream with the subject nowhere\.[\w.]+ is missing/,
    );
    expect(published).toBe(1);
    await own.close();
  });

  it("does not let another stream take the events", async () => {
    await expect(once({ stream: "SMALL" }, outgoingEvents(3))).rejects.toThrow(/the stream SMALL .* is missing/);
    await expect(once({ stream: "GONE" }, outgoingEvents(3))).rejects.toMatchObject({
      code: expect.stringMatching(/^stream_missing: GONE segno\.[\w.]+$/),
    });
  });

  it("refuses what is too big for the stream alone", async () => {
    const [small, big] = [outgoingEvent(), outgoingEvent({ bytes: 5_000 })];
    const answer = await once({ prefix: "small", stream: "SMALL" }, [big, small]);
    expect(answer).toEqual([{ id: big.event.id, reason: "max_msg_size", isFinal: true }]);
    expect((await read("SMALL")).map(({ id }) => id)).toEqual([small.event.id]);
  });

  it("says what to do about a connection that gave up", async () => {
    const { sink, end } = await open();
    await end();
    await expect(deliverOn(sink)(outgoingEvents(1))).rejects.toThrow("maxReconnectAttempts: -1");
  });

  it("refuses a prefix that is no subject", () => {
    const client = { publish: async () => {} };
    for (const prefix of ["", "a b", "a.", ">", "*"])
      expect(() => natsSink({ jetstream: client, headers, prefix })).toThrow("`prefix`");
  });
});

async function until(isTrue: () => Promise<boolean>, orEnded: Promise<unknown>): Promise<void> {
  let hasEnded = false;
  void orEnded.then(() => {
    hasEnded = true;
  });
  while (!hasEnded && !(await isTrue())) await new Promise((resolve) => setImmediate(resolve));
}
