// Streams of a real Redis, through both client libraries.
import { Cluster, Redis } from "ioredis";
import { createClient, createCluster } from "redis";
import { afterAll, describe, expect, it } from "vitest";
import { durableRedisPeer, type LivingRedisPeer, redisClusterPeer } from "../../../test/peers.js";
import { type PageSink, runPageBlock } from "../../../test/page-code.js";
import {
  arrivedOf,
  comingsOf,
  type OpenSink,
  type SinkReceiver,
  sinkContract,
  untilDelivered,
} from "../../../test/sink-contract.js";
import { outgoingEvents } from "../../../test/sink-events.js";
import type { OutgoingEvent } from "../sink.js";
import { type RedisStreamSinkOptions, redisStreamSink } from "./redis-streams.js";

type Open = (peer: LivingRedisPeer, options?: Omit<RedisStreamSinkOptions, "client">) => Promise<OpenSink>;

const clients: Readonly<Record<string, Open>> = {
  ioredis: async ({ url }, options) => {
    const client = new Redis(url, { retryStrategy: () => 50 });
    await new Promise((resolve) => client.once("ready", resolve));
    return { sink: redisStreamSink({ client, ...options }), end: async () => client.disconnect() };
  },
  redis: async ({ url }, options) => {
    const client = createClient({ url, socket: { reconnectStrategy: () => 50 } });
    client.on("error", () => {});
    await client.connect();
    return { sink: redisStreamSink({ client, ...options }), end: async () => client.destroy() };
  },
};

const peers = new WeakMap<SinkReceiver, LivingRedisPeer>();
function peerOf(receiver: SinkReceiver): LivingRedisPeer {
  const peer = peers.get(receiver);
  if (peer === undefined) throw new Error("There is no such receiver.");
  return peer;
}

async function receiverOn(peer: LivingRedisPeer, open: Open): Promise<SinkReceiver> {
  const reader = new Redis(peer.url, { retryStrategy: () => 50 });
  reader.on("error", () => {});
  await reader.set("taken", "by somebody else");
  const receiver: SinkReceiver = {
    open: () => open(peer),
    async received() {
      const entries = await reader.xrange("segno:events", "-", "+");
      return entries.map(([entry, fields]) => {
        const of = (name: string) => fields[fields.indexOf(name) + 1] ?? "";
        return { id: of("id"), type: of("type"), body: of("event"), headers: { entry } };
      });
    },
    ...comingsOf(peer),
    async stop() {
      reader.disconnect();
      await peer.stop();
    },
  };
  peers.set(receiver, peer);
  return receiver;
}

for (const [library, open] of Object.entries(clients)) {
  await sinkContract(
    {
      name: `Redis Streams through ${library}`,
      isDeduplicating: true,
      isPausable: true,
      async start() {
        const peer = await durableRedisPeer();
        return "missing" in peer ? peer : receiverOn(peer, open);
      },
    },
    (receiver) => {
      const call = async (options: Omit<RedisStreamSinkOptions, "client">, batch: readonly OutgoingEvent[]) => {
        const { sink, end } = await open(peerOf(receiver()), options);
        return sink.deliver(batch, AbortSignal.timeout(3_000)).finally(end);
      };

      it.runIf(library === "ioredis")("does what the page about it says", async () => {
        process.env["REDIS_URL"] = peerOf(receiver()).url;
        const { sink, stop } = (await runPageBlock(
          "concepts/event-brokers.md",
          "redis-streams.ts",
        )) as unknown as PageSink;
        const batch = outgoingEvents(10);
        await untilDelivered((events) => sink.deliver(events, AbortSignal.timeout(3_000)), batch);
        await stop();
        expect(await arrivedOf(receiver(), batch)).toHaveLength(10);
      });

      it("keeps the order of all events, whatever their subject", async () => {
        const batch = outgoingEvents(30);
        await call({}, batch);
        expect((await arrivedOf(receiver(), batch)).map(({ id }) => id)).toEqual(batch.map(({ event }) => event.id));
      });

      it("recognises what a batch of another size brought before", async () => {
        const batch = outgoingEvents(100);
        await call({}, batch.slice(0, 7));
        await call({}, batch);
        await call({}, batch.slice(50));
        expect((await arrivedOf(receiver(), batch)).map(({ id }) => id)).toEqual(batch.map(({ event }) => event.id));
      });

      it("trims the stream where told to, and loses nothing of the latest", async () => {
        const batch = outgoingEvents(100);
        for (let round = 0; round < 5; round += 1) await call({ maxLength: 100 }, outgoingEvents(100));
        await call({ maxLength: 100 }, batch);
        const all = await receiver().received();
        expect(all.length).toBeLessThan(300);
        expect(await arrivedOf(receiver(), batch)).toHaveLength(100);
      });

      it("says at once when the key holds something else, and tries no event after another", async () => {
        await expect(call({ stream: "taken" }, outgoingEvents(3))).rejects.toThrow(
          "Redis: the key taken holds something else than a stream.",
        );
      });
    },
  );
}

const cluster = await redisClusterPeer();
describe.skipIf("missing" in cluster)("Redis Streams on a cluster of three", () => {
  const ports = "missing" in cluster ? [] : cluster.ports;
  afterAll(async () => {
    if (!("missing" in cluster)) await cluster.stop();
  });
  const opened: Readonly<Record<string, () => Promise<[RedisStreamSinkOptions["client"], () => void]>>> = {
    async ioredis() {
      const client = new Cluster(ports.map((port) => ({ host: "127.0.0.1", port })));
      await new Promise((resolve) => client.once("ready", resolve));
      return [client, () => client.disconnect()];
    },
    async redis() {
      const client = createCluster({ rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })) });
      await client.connect();
      return [client, () => client.destroy()];
    },
  };

  it.each(Object.entries(opened))("adds events once, in order, through %s", async (library, connect) => {
    const [client, end] = await connect();
    const batch = outgoingEvents(20);
    const sink = redisStreamSink({ client, stream: `on-${library}` });
    await sink.deliver(batch, AbortSignal.timeout(3_000));
    await sink.deliver(batch, AbortSignal.timeout(3_000));
    end();
    const reader = new Cluster(ports.map((port) => ({ host: "127.0.0.1", port })));
    const entries = await reader.xrange(`on-${library}`, "-", "+");
    reader.disconnect();
    expect(entries.map(([, fields]) => fields[1])).toEqual(batch.map(({ event }) => event.id));
  });
});

it("refuses settings that cannot be meant", () => {
  const none = async () => undefined;
  const client = { evalsha: none, eval: none, on: () => undefined };
  for (const options of [{ maxLength: 0 }, { maxLength: 1.5 }, { maxEventBytes: -1 }])
    expect(() => redisStreamSink({ client, ...options })).toThrow("is a positive whole number");
});
