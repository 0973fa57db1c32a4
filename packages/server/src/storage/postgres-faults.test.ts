// PostgreSQL through a wire that breaks. What may take how long is stated in guarded-pool.ts.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { createAccessTokenVerifier, createLocalKeySet } from "@segno/core";
import { createFaultProxy, type FaultProxy } from "@segno/testing";
import { sql } from "kysely";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { addFamily, addSession, addUser, type Node, openNode, origin, sessionCookie } from "../../test/engine-kit.js";
import { postgresDatabase, type TestDatabase } from "../../test/stores.js";
import { rememberOnce } from "./once.js";
import { type PostgresOptions, postgres } from "./postgres.js";

const server = process.env.SEGNO_TEST_POSTGRES_URL;

describe.skipIf(server === undefined)("PostgreSQL behind a wire that breaks", () => {
  let database: TestDatabase;
  let proxy: FaultProxy;
  let pools: pg.Pool[];
  let nodes: Node[];
  beforeEach(async () => {
    pools = [];
    nodes = [];
    database = await postgresDatabase();
    const { hostname, port } = new URL(database.address ?? "");
    proxy = await createFaultProxy({ host: hostname, port: Number(port) });
  });
  afterEach(async () => {
    proxy.heal();
    await Promise.all(nodes.map((node) => node.stop()));
    await Promise.all(pools.map((pool) => pool.end()));
    await proxy.close();
    await database.drop();
  });

  function poolThroughProxy(max: number): pg.Pool {
    const address = Object.assign(new URL(database.address ?? ""), { host: `${proxy.host}:${proxy.port}` }).href;
    const pool = new pg.Pool({ connectionString: address, max, connectionTimeoutMillis: 1_000 });
    pools.push(pool);
    return pool;
  }
  async function open(max: number, options: PostgresOptions): Promise<Node> {
    const node = await openNode(postgres(poolThroughProxy(max), options), { rateLimit: false });
    nodes.push(node);
    return node;
  }
  const quick: PostgresOptions = { connectTimeoutMs: 300, statementTimeoutMs: 500 };

  /** Asks who is signed in, and how long the answer took. */
  async function ask(node: Node, token: string) {
    const since = performance.now();
    const response = await node.handler(
      new Request(`${origin}/api/auth/v1/session`, { headers: sessionCookie(token) }),
    );
    const { status, headers } = response;
    await response.text();
    return { status, retryAfter: headers.get("retry-after"), tookMs: performance.now() - since };
  }
  async function untilWell(node: Node, token: string): Promise<number> {
    const since = performance.now();
    while ((await ask(node, token)).status !== 200) await new Promise((resolve) => setTimeout(resolve, 20));
    return performance.now() - since;
  }

  for (const kind of ["blackhole", "down"] as const) {
    it(`F3: database ${kind}: no request hangs, each gets 503 with Retry-After, no acknowledged write is lost, tokens verify offline`, async () => {
      const node = await open(4, quick);
      const { opened, tokens } = await addFamily(node.engine);
      const acknowledged: string[] = [];
      const writing = { isOn: true };
      const writers = Array.from({ length: 6 }, async () => {
        while (writing.isOn) {
          await addUser(node.engine).then(
            (id) => acknowledged.push(id),
            () => new Promise((resolve) => setTimeout(resolve, 5)),
          );
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 100));
      proxy.set({ kind });
      const answers: Awaited<ReturnType<typeof ask>>[] = [];
      const until = performance.now() + 2_000;
      while (performance.now() < until) {
        answers.push(...(await Promise.all(Array.from({ length: 10 }, () => ask(node, opened.token)))));
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      const verifier = createAccessTokenVerifier({
        issuer: origin,
        audience: origin,
        clock: node.clock,
        keys: createLocalKeySet(await node.keyring.publicKeys()),
      });
      expect((await verifier.verify(tokens.accessToken)).sid).toBe(opened.session.id);
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
      expect(answers.every(({ retryAfter }) => Number(retryAfter) > 0)).toBe(true);
      expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(1_500);
      // once it is known that nobody answers, most are turned away at once
      const byTime = answers.map(({ tookMs }) => tookMs).sort((a, b) => a - b);
      expect(byTime[Math.floor(byTime.length / 2)]).toBeLessThan(50);
      proxy.heal();
      expect(await untilWell(node, opened.token)).toBeLessThan(3_000);
      writing.isOn = false;
      await Promise.all(writers);
      const rows = await node.engine.store.db.selectFrom("segno_users").select("id").execute();
      const kept = new Set(rows.map(({ id }) => id));
      expect(acknowledged.length).toBeGreaterThan(10);
      expect(acknowledged.filter((id) => !kept.has(id))).toEqual([]);
    });
  }

  it("F5: a slow database and a pool of two: what does not fit is turned away with 503, the rest is served, the thread stays free", async () => {
    const node = await open(2, { connectTimeoutMs: 1_000 });
    const { token } = await addSession(node.engine);
    await ask(node, token);
    const delay = monitorEventLoopDelay({ resolution: 10 });
    proxy.set({ kind: "slow", delayMs: 250 });
    delay.enable();
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(node, token)));
    delay.disable();
    const served = answers.filter(({ status }) => status === 200);
    const shed = answers.filter(({ status }) => status === 503);
    expect(served.length).toBeGreaterThan(1);
    expect(shed.length).toBeGreaterThan(50);
    expect(served.length + shed.length).toBe(100);
    expect(shed.every(({ retryAfter }) => Number(retryAfter) > 0)).toBe(true);
    expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(4_000);
    expect(delay.percentile(99) / 1e6).toBeLessThan(100);
  });

  it("F9: a reply lost on the wire after the commit is no acknowledgement, and the same call again has one effect", async () => {
    const store = await postgres(poolThroughProxy(1), quick).open();
    const { db } = store;
    expect(await rememberOnce(db, "warm", 1)).toBe(true);
    proxy.set({ kind: "lost_replies" });
    await expect(rememberOnce(db, "proof", 1)).rejects.toThrow();
    proxy.heal();
    const again = async (): Promise<boolean> => {
      try {
        return await rememberOnce(db, "proof", 1);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
        return await again();
      }
    };
    expect(await again()).toBe(false);
    await store.close();
  });

  it("a statement that another transaction made fail is run again, inside and outside a transaction, at serializable isolation", async () => {
    const strict = await postgresDatabase(undefined, "serializable");
    const store = await strict.source().open();
    await sql`create table counter (id integer primary key, n integer not null)`.execute(store.db);
    await sql`insert into counter values (1, 0)`.execute(store.db);
    const inside = () =>
      store.transaction(async (trx) => {
        const { rows } = await sql<{ n: number }>`select n from counter where id = 1`.execute(trx);
        await sql`update counter set n = ${(rows[0]?.n ?? 0) + 1} where id = 1`.execute(trx);
      });
    const outside = () => sql`update counter set n = n + 1 where id = 1`.execute(store.db);
    await Promise.all(Array.from({ length: 10 }, () => [inside(), outside()]).flat());
    const { rows } = await sql<{ n: number }>`select n from counter`.execute(store.db);
    expect(rows).toEqual([{ n: 20 }]);
    await store.close();
    await strict.drop();
  });

  it("R110: a column added by a newer version beside us does not fail the reads prepared before", async () => {
    const node = await open(1, quick);
    const { token } = await addSession(node.engine);
    expect((await ask(node, token)).status).toBe(200);
    await sql`alter table segno_sessions add column later text`.execute(node.engine.store.db);
    expect((await ask(node, token)).status).toBe(200);
    expect((await ask(node, token)).status).toBe(200);
  });

  it("names options that cannot be", () => {
    for (const options of [{ connectTimeoutMs: 0 }, { statementTimeoutMs: Number.NaN }])
      expect(() => postgres(poolThroughProxy(1), options)).toThrow(/must be a positive number/);
  });
});
