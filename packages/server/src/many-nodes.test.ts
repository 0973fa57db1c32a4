// Three engines on one PostgreSQL and one Redis, each call on another node, while Redis is flushed and killed.
import { createDpopProof, generateDpopKeyPair, jwkThumbprint } from "@segno/core";
import { createVirtualClock, type VirtualClock } from "@segno/testing";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  actor,
  addFamily,
  addSession,
  formRequest,
  jsonRequest,
  type Node,
  openNode,
  origin,
  sessionCookie,
} from "../test/engine-kit.js";
import { pgBouncerPeer, type RedisPeer, redisPeer } from "../test/peers.js";
import { postgresDatabase, type TestDatabase } from "../test/stores.js";
import { revokeSession } from "./sessions/index.js";
import { redis } from "./storage/redis.js";

const server = process.env.SEGNO_TEST_POSTGRES_URL;
const bouncer = server === undefined ? { missing: "no PostgreSQL" } : await pgBouncerPeer(server, 5);
const probe = await redisPeer();
if (!("missing" in probe)) await probe.stop();
const missing = [
  server === undefined ? "SEGNO_TEST_POSTGRES_URL is not set" : "",
  "missing" in probe ? probe.missing : "",
]
  .filter((reason) => reason !== "")
  .join("; ");
afterAll(async () => {
  if (!("missing" in bouncer)) await bouncer.stop();
});
if (missing !== "") console.warn(`Many-node tests skipped: ${missing}`);

const ways = [
  { way: "directly", through: server, skipped: missing },
  {
    way: "through PgBouncer in transaction mode",
    through: "missing" in bouncer ? undefined : bouncer.url,
    skipped: "missing" in bouncer ? bouncer.missing : missing,
  },
];

describe.each(ways)("three nodes on one PostgreSQL $way, with Redis", ({ through, skipped }) => {
  if (skipped !== "") {
    it.skip(`skipped: ${skipped}`, () => {});
    return;
  }
  let database: TestDatabase;
  let peer: RedisPeer;
  let clients: Redis[];
  let nodes: Node[];
  let clock: VirtualClock;
  beforeEach(async () => {
    clock = createVirtualClock();
    database = await postgresDatabase(through);
    peer = (await redisPeer()) as RedisPeer;
    clients = [];
    nodes = await Promise.all([0, 1, 2].map(() => open()));
  });
  afterEach(async () => {
    await Promise.all(nodes.map((node) => node.stop()));
    for (const client of clients) client.disconnect();
    await peer.stop();
    await database.drop();
  });
  async function open(): Promise<Node> {
    const client = new Redis({ port: peer.port, host: "127.0.0.1", retryStrategy: () => 50, maxRetriesPerRequest: 1 });
    clients.push(client);
    return await openNode(database.source(), { clock, hotState: redis(client) });
  }
  const on = (turn: number): Node => nodes[turn % nodes.length] as Node;
  const statusesOf = async (times: number, send: (turn: number) => Promise<Response>): Promise<readonly number[]> =>
    await Promise.all(Array.from({ length: times }, async (_, turn) => (await send(turn)).status));
  /** Redis loses everything, then is gone. After each, `look` must hold. */
  async function whileRedisFails(look: () => Promise<void>): Promise<void> {
    await look();
    await clients[0]?.flushall();
    await look();
    await peer.stop();
    await look();
  }

  it("F6, T-023: a DPoP proof counts once among 50 at once on three nodes, and never again after FLUSHALL and a kill", async () => {
    const key = await generateDpopKeyPair();
    const { tokens } = await addFamily(on(0).engine, { jkt: await jwkThumbprint(key.publicJwk) });
    const url = `${origin}/api/auth/v1/sessions`;
    const nowSeconds = clock.nowMs() / 1000;
    const dpop = await createDpopProof({ ...key, method: "GET", url, nowSeconds, accessToken: tokens.accessToken });
    const headers = { authorization: `DPoP ${tokens.accessToken}`, dpop };
    const send = (turn: number) => on(turn).handler(new Request(url, { headers }));
    const first = await statusesOf(50, send);
    expect(first.filter((status) => status === 200)).toHaveLength(1);
    expect(new Set(first)).toEqual(new Set([200, 401]));
    await whileRedisFails(async () => expect(new Set(await statusesOf(30, send))).toEqual(new Set([401])));
  });

  it("F6: a session revoked on one node is refused on the others by the next call, its token at once where it matters and within 5 s elsewhere", async () => {
    const { opened, tokens } = await addFamily(on(0).engine);
    const cookie = { headers: sessionCookie(opened.token) };
    const bearer = { headers: { authorization: `Bearer ${tokens.accessToken}` } };
    const bySession = (turn: number) => on(turn).handler(new Request(`${origin}/api/auth/v1/sessions`, cookie));
    const byToken = (turn: number) => on(turn).handler(new Request(`${origin}/api/auth/v1/sessions`, bearer));
    const fresh = (turn: number) =>
      on(turn).authenticate({ ...bearer, method: "GET", url: `${origin}/api/auth/v1/sessions`, fresh: true });
    expect(new Set(await statusesOf(6, bySession))).toEqual(new Set([200]));
    expect(new Set(await statusesOf(6, byToken))).toEqual(new Set([200]));
    const { id: sessionId, user_id: userId } = opened.session;
    const { engine } = on(2);
    await engine.store.transaction((trx) => revokeSession(engine, trx, { sessionId, userId, reason: "user" }, actor));
    await whileRedisFails(async () => {
      expect(new Set(await statusesOf(9, bySession))).toEqual(new Set([401]));
      for (const turn of [0, 1, 2]) expect(await fresh(turn)).toMatchObject({ status: "invalid" });
      clock.advance({ seconds: 5 });
      expect(new Set(await statusesOf(9, byToken))).toEqual(new Set([401]));
    });
  });

  it("T-075: 50 refreshes of one token over three nodes give one successor", async () => {
    const { refreshToken } = await addFamily(on(0).engine);
    const form = { grant_type: "refresh_token", refresh_token: refreshToken, client_id: "segno" };
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, turn) => {
        const response = await on(turn).handler(formRequest("/api/auth/oauth2/token", form));
        return ((await response.json()) as { refresh_token?: string }).refresh_token;
      }),
    );
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toBeDefined();
  });

  it("F6, T-036: a limit holds over three nodes, and a flush or the loss of Redis each let through one limit more at most", async () => {
    const limit = 240;
    const { token } = await addSession(on(0).engine);
    const headers = sessionCookie(token);
    const send = (turn: number) =>
      on(turn).handler(jsonRequest("PATCH", "/api/auth/v1/user", { displayName: "Ada" }, headers), {
        remoteAddress: "198.51.100.7",
      });
    const passed = async (): Promise<number> => {
      let count = 0;
      for (let batch = 0; batch < 10; batch += 1) {
        count += (await statusesOf(30, send)).filter((status) => status === 200).length;
      }
      return count;
    };
    expect(await passed()).toBe(limit);
    expect(await passed()).toBe(0);
    await clients[0]?.flushall();
    await Promise.all(nodes.map((node) => node.stop()));
    // nodes that have seen nothing: the worst case
    nodes = await Promise.all([0, 1, 2].map(() => open()));
    expect(await passed()).toBe(limit);
    await peer.stop();
    const afterLoss = await passed();
    expect(afterLoss).toBeLessThanOrEqual(limit);
    expect(await passed()).toBe(0);
  });
});
