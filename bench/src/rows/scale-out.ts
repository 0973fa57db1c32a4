import { createHash } from "node:crypto";
import { silentLogger } from "@segno/server";
import { redis } from "@segno/server/storage/redis";
import { postgres } from "@segno/server/storage/sql";
import { Redis } from "ioredis";
import pg from "pg";
import { loadEngineInternals } from "../engine-internals.ts";
import { type Host, openHost } from "../http/hosted.ts";
import { httpRequest, type Load, sendLoad } from "../http/load.ts";
import { openRealServers, type RealServers } from "../http/real-servers.ts";
import { check, inFlight, interleave, median, medianOf } from "../measure.ts";
import { type Bench, type Row, type RunOptions, row } from "../report.ts";

const lanes = 8;
const most = 3;
type Answers = Omit<Load, "port" | "requests" | "lanes">;

/** Requests a second of one, two and three nodes on one PostgreSQL, all on this machine: its cores are shared by all of it. */
export const nodesBench: Bench = {
  name: "nodes",
  async run({ smoke, say }: RunOptions): Promise<readonly Row[]> {
    const servers = await openRealServers(say);
    if (servers === undefined) return [];
    const where = { databaseUrl: servers.postgresUrl, redisUrl: servers.redisUrl };
    const first = await openHost("segno-node", { ...where, families: most * lanes });
    const hosts = [first, await openHost("segno-node", where), await openHost("segno-node", where)];
    const { cookie, refreshTokens } = first.facts as { cookie: string; refreshTokens: string[] };
    const rounds = smoke ? 1 : 7;
    const checks = await rates(hosts, { rounds, requests: smoke ? 60 : 3_000 }, () => checking(cookie));
    const refreshes = await rates(hosts, { rounds, requests: smoke ? 48 : 1_200 }, (node) =>
      refreshing(refreshTokens, node * lanes),
    );
    await Promise.all(hosts.map((host) => host.stop()));
    await servers.stop();
    const rowsOf = (name: string, found: readonly number[]) =>
      found.map((rate, index) =>
        row({ name: `${name}-${index + 1}`, unit: "requests/s", ours: rate, reference: found[0] ?? 0 }),
      );
    return [...rowsOf("nodes-session-check", checks), ...rowsOf("nodes-refresh", refreshes)];
  },
};

function checking(cookie: string): Answers {
  const request = httpRequest({ path: "/orders", headers: { Cookie: cookie } });
  return { next: () => request, check: (status, body) => check(status === 200, `${status} ${body}`) };
}

/** Each lane keeps refreshing its own family. The limit counts by client: each request comes from another. */
function refreshing(tokens: string[], offset: number): Answers {
  let client = 0;
  return {
    next(lane) {
      client += 1;
      const body = `grant_type=refresh_token&client_id=segno&refresh_token=${tokens[offset + lane] ?? ""}`;
      const headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Client": `10.${offset}.${(client >> 8) & 255}.${client & 255}`,
      };
      return httpRequest({ method: "POST", path: "/api/auth/oauth2/token", headers, body });
    },
    check(status, body, lane) {
      check(status === 200, `${status} ${body}`);
      tokens[offset + lane] = (JSON.parse(body) as { refresh_token: string }).refresh_token;
    },
  };
}

/** Median requests a second of one, two, ... nodes together, measured in turn. */
async function rates(
  hosts: readonly Host[],
  { rounds, requests }: { readonly rounds: number; readonly requests: number },
  answers: (node: number) => Answers,
): Promise<readonly number[]> {
  const found = hosts.map((): number[] => []);
  for (let round = 0; round <= rounds; round += 1) {
    for (let count = 1; count <= hosts.length; count += 1) {
      const share = Math.floor(requests / count);
      const since = performance.now();
      await Promise.all(
        hosts.slice(0, count).map(({ port }, node) => sendLoad({ ...answers(node), port, requests: share, lanes })),
      );
      // the first round warms up
      if (round > 0) found[count - 1]?.push((share * count * 1000) / (performance.now() - since));
    }
  }
  return found.map(median);
}

/** What Redis is worth for each kind of hot state, beside PostgreSQL: 16 in flight, as a busy node has. */
export const hotStateBench: Bench = {
  name: "hot-state",
  async run({ smoke, say }: RunOptions): Promise<readonly Row[]> {
    const servers = await openRealServers(say);
    if (servers === undefined) return [];
    const parts = await openParts(servers);
    const items = smoke ? 32 : 2_000;
    let turn = 0;
    const candidate = (name: string, work: (index: number) => unknown) => ({
      name,
      run: () => inFlight(items, 16, async (index) => void (await work(index + (turn += 1) * items))),
    });
    const timings = await interleave(
      [
        candidate("session postgres", () => parts.store.readSession("hash")),
        candidate("session redis", () => parts.client.get("session")),
        candidate("limit postgres", (index) => parts.durable.buckets.take(takeOf(index))),
        candidate("limit redis", (index) => parts.hot.buckets.take(takeOf(index))),
        candidate("first use postgres", (index) => parts.durable.firstUse(`durable ${index}`, Date.now() + 60_000)),
        candidate("first use both", (index) => parts.hot.firstUse(`both ${index}`, Date.now() + 60_000)),
      ],
      { rounds: smoke ? 1 : 9, items, warmup: smoke ? 0 : 1 },
    );
    await parts.close();
    await servers.stop();
    const pair = (name: string, ours: string, reference: string) =>
      row({ name, unit: "us", ours: medianOf(timings, ours), reference: medianOf(timings, reference) });
    return [
      pair("hot-session-read-redis", "session redis", "session postgres"),
      pair("hot-limit-take-redis", "limit redis", "limit postgres"),
      pair("hot-first-use-both", "first use both", "first use postgres"),
    ];
  },
};

const takeOf = (index: number) => ({ bucket: `b${index % 5_000}`, nowMs: Date.now(), costMs: 1, fullMs: 60_000 });

async function openParts({ postgresUrl, redisUrl }: RealServers) {
  const { durableState, hotState } = await loadEngineInternals();
  const pool = new pg.Pool({ connectionString: postgresUrl, max: 10 });
  const store = await postgres(pool).open();
  const client = new Redis(redisUrl);
  const clock = { nowMs: Date.now };
  await client.set("session", JSON.stringify(Object.fromEntries(sessionColumns.map((name) => [name, "x".repeat(24)]))));
  await addSessions(pool, 1);
  return {
    store,
    client,
    durable: durableState(store.db),
    hot: hotState(redis(client).open(), { db: store.db, clock, log: silentLogger }),
    async close() {
      await store.close();
      await pool.end();
      client.disconnect();
    },
  };
}

const sessionColumns = "id token_hash user_id client_id device_name acr amr auth_time created_at last_seen_at".split(
  " ",
);

/** What a million live sessions weigh: in PostgreSQL, and in a node that has checked fifty thousand of them. */
export const sessionMemoryBench: Bench = {
  name: "session-memory",
  async run({ smoke, say }: RunOptions): Promise<readonly Row[]> {
    const servers = await openRealServers(say);
    if (servers === undefined) return [];
    const sessions = smoke ? 5_000 : 1_000_000;
    const probes = smoke ? 500 : 50_000;
    const pool = new pg.Pool({ connectionString: servers.postgresUrl, max: 2 });
    const host = await openHost("segno-node", { databaseUrl: servers.postgresUrl, redisUrl: servers.redisUrl });
    await addSessions(pool, sessions);
    await pool.query("vacuum analyze segno_sessions");
    const { rows } = await pool.query<{ bytes: string }>("select pg_total_relation_size('segno_sessions') as bytes");
    const cookies = Array.from({ length: probes }, (_, index) => `segno.sid=${tokenOf(index)}`);
    await host.prepare(cookies.slice(0, 100));
    const before = Number(await host.prepare([]));
    const after = Number(await host.prepare(cookies));
    await host.stop();
    await pool.end();
    await servers.stop();
    const million = 1_000_000 / sessions;
    const megabytes = (bytes: number) => bytes / 1_048_576;
    return [
      row({
        name: "million-sessions-postgres",
        unit: "MiB",
        ours: megabytes(Number(rows[0]?.bytes)) * million,
        reference: megabytes(1_000_000 * 250),
        note: "rows and indexes; reference: 250 bytes a session",
      }),
      row({
        name: "million-sessions-node",
        unit: "MiB",
        ours: Math.max(0, megabytes(after - before)),
        reference: megabytes(1_000_000 * 250),
        note: `heap that a node keeps after checking ${probes} sessions: it holds none`,
      }),
    ];
  },
};

function tokenOf(index: number): string {
  return createHash("sha256").update(`session/${index}`).digest("base64url");
}

/** Past the engine, by one statement: only the shape and size of the tables count. The first is found by the hash "hash". */
async function addSessions(pool: pg.Pool, count: number): Promise<void> {
  const nowMs = Date.now();
  await pool.query(`insert into segno_users (id, status, user_handle, created_at, updated_at)
    select 'user-' || i, 'active', 'handle-' || i, ${nowMs}, ${nowMs} from generate_series(0, ${count - 1}) i`);
  await pool.query(`insert into segno_sessions (id, token_hash, user_id, client_id, device_name, acr, amr, auth_time, created_at,
      last_seen_at, idle_expires_at, absolute_expires_at, status_index)
    select gen_random_uuid(), ${count === 1 ? "'hash'" : "replace(replace(rtrim(encode(sha256(convert_to(replace(replace(rtrim(encode(sha256(convert_to('session/' || i, 'UTF8')), 'base64'), '='), '+', '-'), '/', '_'), 'UTF8')), 'base64'), '='), '+', '-'), '/', '_')"},
      'user-' || i, 'segno', 'Chrome on macOS', 'phr', '["swk","user","mfa"]', ${nowMs}, ${nowMs},
      ${nowMs + 86_400_000}, ${nowMs + 864_000_000}, ${nowMs + 864_000_000}, i from generate_series(0, ${count - 1}) i`);
}
