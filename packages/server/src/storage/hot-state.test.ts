// Hot state on real Redis servers: alone and as a cluster, through both client libraries, flushed, killed and slow.
import { createFaultProxy, createVirtualClock } from "@segno/testing";
import { Cluster, Redis } from "ioredis";
import { createClient, createCluster } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type RedisPeer, redisClusterPeer, redisPeer } from "../../test/peers.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import type { BucketTake, RateLimiter, Store } from "../engine.js";
import { createRateLimiter } from "../http/rate-limiter.js";
import { silentLogger } from "../runtime.js";
import { type HotState, hotState } from "./hot-state.js";
import type { KeyValueStore } from "./key-value.js";
import { redis } from "./redis.js";
import { sqlite } from "./sqlite.js";

const peer = await redisPeer();
const noRedis = "missing" in peer ? `skipped: ${peer.missing}` : undefined;
const cluster = await redisClusterPeer();
const noCluster = "missing" in cluster ? `skipped: ${cluster.missing}` : undefined;
for (const reason of new Set([noRedis, noCluster])) if (reason !== undefined) console.warn(`Redis tests ${reason}`);
afterAll(async () => {
  if (!("missing" in peer)) await peer.stop();
  if (!("missing" in cluster)) await cluster.stop();
});
const server = () => peer as RedisPeer;
const nodes = () => ("missing" in cluster ? [] : cluster.ports);

interface Opened {
  readonly client: Parameters<typeof redis>[0];
  readonly close: () => Promise<unknown> | void;
}
const clients: Readonly<Record<string, { readonly skipped: string | undefined; open(): Promise<Opened> }>> = {
  ioredis: {
    skipped: noRedis,
    async open() {
      const client = new Redis(server().url);
      return { client, close: () => client.disconnect() };
    },
  },
  redis: {
    skipped: noRedis,
    async open() {
      const client = createClient({ url: server().url });
      await client.connect();
      return { client, close: () => client.destroy() };
    },
  },
  "ioredis, a cluster": {
    skipped: noCluster,
    async open() {
      const client = new Cluster(nodes().map((port) => ({ host: "127.0.0.1", port })));
      return { client, close: () => client.disconnect() };
    },
  },
  "redis, a cluster": {
    skipped: noCluster,
    async open() {
      const client = createCluster({ rootNodes: nodes().map((port) => ({ url: `redis://127.0.0.1:${port}` })) });
      await client.connect();
      return { client, close: () => client.destroy() };
    },
  },
};

let prefixes = 0;
const freshPrefix = () => `test${(prefixes += 1)}:`;

describe.each(Object.entries(clients))("key-value port: %s", (_name, { skipped, open }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let opened: Opened;
  beforeEach(async () => {
    opened = await open();
  });
  afterEach(async () => void (await opened.close()));

  it("T-023: of 50 first sightings of each of 20 keys one is the first, and a key ends by itself", async () => {
    const store = redis(opened.client, { prefix: freshPrefix() }).open();
    for (let key = 0; key < 20; key += 1) {
      const seen = await Promise.all(Array.from({ length: 50 }, () => store.setOnce(`proof ${key}`, 60_000)));
      expect(seen.filter(Boolean)).toHaveLength(1);
    }
    await store.setOnce("short", 20);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await store.setOnce("short", 20)).toBe(true);
  });

  it("T-036: of 60 takes at once over a limit of 7 exactly 7 pass, and times keep every bit", async () => {
    const store = redis(opened.client, { prefix: freshPrefix() }).open();
    const take: BucketTake = {
      bucket: "a",
      nowMs: 1_800_000_000_000,
      costMs: 8_571.4287109375,
      fullMs: 60_000.0009765625,
    };
    const answers = await Promise.all(Array.from({ length: 60 }, () => store.takeFromBucket(take)));
    expect(answers.filter(({ isTaken }) => isTaken)).toHaveLength(7);
    expect(Math.max(...answers.map(({ tatMs }) => tatMs ?? 0))).toBe(1_800_000_000_000 + 7 * 8_571.4287109375);
  });

  it("takes back what a node knows of a bucket that was forgotten", async () => {
    const store = redis(opened.client, { prefix: freshPrefix() }).open();
    const take: BucketTake = { bucket: "a", nowMs: 1_000_000, costMs: 10, fullMs: 100 };
    expect(await store.takeFromBucket({ ...take, knownTatMs: 1_000_100 })).toEqual({
      isTaken: false,
      tatMs: 1_000_100,
    });
    expect(await store.takeFromBucket(take)).toEqual({ isTaken: false, tatMs: 1_000_100 });
    expect(await store.takeFromBucket({ ...take, nowMs: 1_000_010 })).toEqual({ isTaken: true, tatMs: 1_000_110 });
  });
});

it("F6: a node that hears late of an earlier take forgets nothing of a later one", async () => {
  const store = await sqlite(":memory:").open();
  const told: (number | undefined)[] = [];
  const answers = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const keyValue: KeyValueStore = {
    setOnce: async () => true,
    async takeFromBucket({ knownTatMs }) {
      const turn = told.push(knownTatMs);
      await answers[turn - 1]?.promise;
      return { isTaken: true, tatMs: turn * 100 };
    },
  };
  const { buckets } = hotState(keyValue, { db: store.db, clock: createVirtualClock(), log: silentLogger });
  const take = () => buckets.take({ bucket: "a", nowMs: 0, costMs: 100, fullMs: 1_000 });
  const both = [take(), take()];
  answers[1]?.resolve();
  await both[1];
  answers[0]?.resolve();
  await both[0];
  await take();
  expect(told).toEqual([0, 0, 200]);
  await store.close();
});

const shared = testDatabases.filter(({ name }) => name === "sqlite file" || name === "postgres");
describe.skipIf(noRedis !== undefined).each(shared)("hot state on Redis and $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  const clock = createVirtualClock();
  const rule = { name: "test", limit: 10, windowSeconds: 60 };
  let database: TestDatabase;
  let store: Store;
  let connections: Redis[];
  let own: RedisPeer;
  beforeAll(async () => {
    database = await create();
    store = await database.source().open();
  });
  afterAll(async () => {
    await store.close();
    await database.drop();
  });
  beforeEach(async () => {
    connections = [];
    own = (await redisPeer()) as RedisPeer;
  });
  afterEach(async () => {
    for (const connection of connections) connection.disconnect();
    await own.stop();
    await store.db.deleteFrom("segno_rate_limits").execute();
  });

  function node(port = own.port): HotState {
    const connection = new Redis({ port, host: "127.0.0.1", retryStrategy: () => 50, maxRetriesPerRequest: 1 });
    connections.push(connection);
    return hotState(redis(connection).open(), { db: store.db, clock, log: silentLogger });
  }
  const limiterOf = ({ buckets }: HotState): RateLimiter => createRateLimiter({ buckets, clock, isOn: true });
  const passes = async (limiter: RateLimiter, times: number): Promise<number> => {
    const takes = await Promise.allSettled(Array.from({ length: times }, () => limiter.take(rule, "a")));
    return takes.filter(({ status }) => status === "fulfilled").length;
  };
  const later = () => clock.nowMs() + 300_000;

  it("T-036: three nodes share a limit on Redis, and the database is not asked", async () => {
    const limiters = [node(), node(), node()].map(limiterOf);
    const counts = await Promise.all(limiters.map((limiter) => passes(limiter, 20)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(10);
    expect(await store.db.selectFrom("segno_rate_limits").selectAll().execute()).toEqual([]);
  });

  it("F6: FLUSHALL: a spent proof stays spent on every node, and a node forgets nothing of a limit that it has seen", async () => {
    const [first, second] = [node(), node()];
    expect(await first.firstUse("proof f", later())).toBe(true);
    const buckets = [first, first, second].map(limiterOf);
    expect(await passes(buckets[0] as RateLimiter, 10)).toBe(10);
    await connections[0]?.flushall();
    const uses = await Promise.all([first, second, first, second].map((each) => each.firstUse("proof f", later())));
    expect(uses).toEqual([false, false, false, false]);
    // another limiter on the node that has seen the bucket full, then the other node: Redis was told again
    expect(await passes(buckets[1] as RateLimiter, 10)).toBe(0);
    expect(await passes(buckets[2] as RateLimiter, 10)).toBe(0);
  });

  it("F6: FLUSHALL: whatever nodes did not see of each other, at most one more limit passes", async () => {
    const [first, second] = [node(), node()].map(limiterOf) as [RateLimiter, RateLimiter];
    expect(await passes(first, 10)).toBe(10);
    await connections[0]?.flushall();
    expect((await passes(second, 30)) + (await passes(first, 30))).toBeLessThanOrEqual(10);
  });

  it("F6: killed: proofs stay spent, limits are counted in the database from where they stood, nobody waits, and it recovers", async () => {
    const [first, second] = [node(), node()];
    const limiter = limiterOf(first);
    expect(await first.firstUse("proof k", later())).toBe(true);
    expect(await passes(limiter, 6)).toBe(6);
    await own.stop();
    const uses = await Promise.all(
      Array.from({ length: 20 }, (_, turn) => (turn % 2 === 0 ? first : second).firstUse("proof k", later())),
    );
    expect(uses.filter(Boolean)).toEqual([]);
    expect(await passes(limiter, 30)).toBe(4);
    const since = performance.now();
    for (let turn = 0; turn < 50; turn += 1) await first.firstUse(`quick ${turn}`, later());
    expect(performance.now() - since).toBeLessThan(1_000);
    own = (await redisPeer(own.port)) as RedisPeer;
    const until = performance.now() + 10_000;
    // the keys of proofs are back in Redis once it is asked again
    for (let turn = 0; (await connections[0]?.keys("segno:once:*").catch(() => []))?.length === 0; turn += 1) {
      if (performance.now() > until) throw new Error("Redis is not used again after 10 s.");
      await first.firstUse(`again ${turn}`, later());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(await first.firstUse("proof k", later())).toBe(false);
    expect(await passes(limiterOf(first), 30)).toBe(0);
  });

  it("a Redis that is slow or answers errors costs at most three waits of 100 ms, and weakens nothing", async () => {
    const proxy = await createFaultProxy({ host: "127.0.0.1", port: own.port });
    const slow = node(proxy.port);
    expect(await slow.firstUse("proof s", later())).toBe(true);
    proxy.set({ kind: "blackhole" });
    const since = performance.now();
    for (let turn = 0; turn < 30; turn += 1) expect(await slow.firstUse("proof s", later())).toBe(false);
    expect(performance.now() - since).toBeLessThan(1_000);
    proxy.heal();
    await proxy.close();
    const full = node();
    await connections[1]?.config("SET", "maxmemory", "1");
    expect(await passes(limiterOf(full), 30)).toBe(10);
    expect(await full.firstUse("proof s", later())).toBe(false);
  });

  it("F4: a proof the database has lost in a fail-over is still refused by Redis", async () => {
    const first = node();
    expect(await first.firstUse("proof l", later())).toBe(true);
    await store.db.deleteFrom("segno_once").execute();
    expect(await first.firstUse("proof l", later())).toBe(false);
  });
});

it("T-036: the database alone, without Redis, keeps the same limits", async () => {
  const store = await sqlite(":memory:").open();
  const clock = createVirtualClock();
  const gone = {
    setOnce: () => Promise.reject(new Error("gone")),
    takeFromBucket: () => Promise.reject(new Error("gone")),
  };
  const { buckets, firstUse } = hotState(gone, { db: store.db, clock, log: silentLogger });
  const limiter = createRateLimiter({ buckets, clock, isOn: true });
  const takes = await Promise.allSettled(
    Array.from({ length: 50 }, () => limiter.take({ name: "test", limit: 7, windowSeconds: 60 }, "a")),
  );
  expect(takes.filter(({ status }) => status === "fulfilled")).toHaveLength(7);
  expect([await firstUse("a", Date.UTC(2027, 0)), await firstUse("a", Date.UTC(2027, 0))]).toEqual([true, false]);
  await store.close();
});
