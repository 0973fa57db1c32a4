import { createFaultProxy, type FaultProxy } from "@segno/testing";
import { type Answer, keepAlive, percentile, sleep } from "../http.ts";
import { countLost, inspectPostgres } from "../inspect.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import { at, createDatabase, type PostgresServer } from "../peers/peers.ts";
import { grant, readSession, signUpMany, useToken } from "../people.ts";
import { type ChaosRow, duration, type Figure, figure, type RunOptions } from "../report.ts";
import { countDeadFamilies, startWriters } from "../writers.ts";

const limits = { connectTimeoutMs: 500, statementTimeoutMs: 1_000 };
/** Both limits in turn, and what two busy cores add. */
const slowestMs = limits.connectTimeoutMs + limits.statementTimeoutMs + 1_000;

interface Scene {
  readonly server: PostgresServer;
  readonly proxy: FaultProxy;
  readonly node: ForkedNode;
  readonly api: ForkedNode;
  /** The same with the status list's own bound. */
  readonly strict: ForkedNode;
  readonly cookie: string;
  readonly accessToken: string;
}

export const databaseDown: ChaosRow = {
  name: "F3",
  what: "the database is gone for a minute: swallowed by the network, then killed",
  compressed:
    "40 s and 12 s instead of 60 s (--long: 60 s each); waits of 0.5 s for a connection and 1 s for a statement instead of 2 s and 10 s",
  breaks: "the limits on waiting for the database",
  async run(options) {
    const server = await options.peers.postgres();
    const url = await createDatabase(server);
    const proxy = await createFaultProxy({ host: "127.0.0.1", port: server.port });
    const waits = options.isBroken ? { connectTimeoutMs: 600_000, statementTimeoutMs: 600_000 } : limits;
    const node = await forkNode("engine", {
      database: { kind: "postgres", url: at(url, proxy), max: 4, ...waits },
    });
    const api = await forkNode("api", { issuerPort: node.port, maxStaleSeconds: 120 });
    const strict = await forkNode("api", { issuerPort: node.port });
    const people = await signUpMany(4, () => node.port);
    const [first] = people;
    if (first === undefined) throw new Error("nobody signed up");
    const scene: Scene = {
      server,
      proxy,
      node,
      api,
      strict,
      cookie: first.cookie,
      accessToken: (await grant(first)).accessToken,
    };
    const writers = await startWriters({ port: () => node.port, people });
    await sleep(1_000);
    const figures: Figure[] = [];
    for (const outage of [blackhole, killed]) {
      await warm(scene);
      figures.push(...(await outage(scene, options)));
    }
    await sleep(1_000);
    await writers.stop();
    const inspector = inspectPostgres(url);
    const lost = await countLost(inspector, writers.acknowledged);
    const dead = await countDeadFamilies(node.port, writers.newest);
    await inspector.close();
    await Promise.all([node.stop(), api.stop(), strict.stop()]);
    await proxy.close();
    const { users, tokens } = writers.acknowledged;
    return [
      ...figures,
      figure({
        row: "F3",
        what: `acknowledged writes lost, of ${users.length + tokens.length}`,
        figure: lost + (tokens.length < 20 ? Number.NaN : 0),
        atMost: 0,
      }),
      figure({
        row: "F3",
        what: `clients signed out by the outages, of ${people.length}`,
        figure: dead + writers.signedOut,
        note: "not promised: a refresh that was committed as the outage began, its answer lost, cannot be sent again once the overlap of 30 s is over",
      }),
    ];
  },
};

/** What the outage before left behind is over. */
async function warm({ api, strict, accessToken }: Scene): Promise<void> {
  for (const { port } of [api, strict]) {
    for (let tries = 0; tries < 100; tries += 1) {
      if ((await useToken({ port }, accessToken)).status === 200) break;
      await sleep(50);
    }
  }
}

async function blackhole(scene: Scene, options: RunOptions): Promise<readonly Figure[]> {
  scene.proxy.set({ kind: "blackhole" });
  return await outage({ name: "swallowed", seconds: 40, heal: () => scene.proxy.heal() }, scene, options);
}

async function killed(scene: Scene, options: RunOptions): Promise<readonly Figure[]> {
  scene.server.kill();
  return await outage({ name: "killed", seconds: 12, heal: () => scene.server.restart() }, scene, options);
}

interface Outage {
  readonly name: string;
  readonly seconds: number;
  readonly heal: () => void;
}

async function outage(
  { name, seconds: usual, heal }: Outage,
  scene: Scene,
  options: RunOptions,
): Promise<readonly Figure[]> {
  const seconds = options.isLong ? 60 : options.isSmoke ? 3 : usual;
  const sinceMs = performance.now();
  const agent = keepAlive();
  const checks: Answer[] = [];
  const sessions: Answer[] = [];
  const untilMs = performance.now() + seconds * 1_000;
  const verifying = (async () => {
    while (performance.now() < untilMs) {
      checks.push(await useToken({ port: scene.api.port, agent }, scene.accessToken));
      await sleep(10);
    }
  })();
  const lanes = Array.from({ length: 10 }, async () => {
    while (performance.now() < untilMs) {
      const answer = await readSession({ port: scene.node.port, agent, timeoutMs: slowestMs + 5_000 }, scene.cookie);
      sessions.push(answer);
      await sleep(50);
    }
  });
  const strictly = (async () => {
    const seen: { readonly status: number; readonly atMs: number }[] = [];
    while (performance.now() < untilMs) {
      const { status } = await useToken({ port: scene.strict.port, agent }, scene.accessToken);
      seen.push({ status, atMs: performance.now() - sinceMs });
      await sleep(200);
    }
    return seen;
  })();
  await Promise.all([verifying, ...lanes]);
  const strict = await strictly;
  const healedAtMs = performance.now();
  heal();
  const recoveryMs = await untilWell(scene, healedAtMs);
  agent.destroy();
  const verified = checks.filter(({ status }) => status === 200).length;
  const closed = sessions.filter(({ status, headers }) => status === 503 && Number(headers["retry-after"]) > 0).length;
  const took = sessions.map(({ tookMs }) => tookMs);
  const figures = [
    figure({
      row: "F3",
      what: `${name}: tokens that verify offline, percent of ${checks.length}`,
      figure: (100 * verified) / checks.length,
      atLeast: 100,
    }),
    figure({
      row: "F3",
      what: `${name}: seconds an API without a setting of its own went on, of ${seconds}`,
      figure: Math.floor((strict.find(({ status }) => status !== 200)?.atMs ?? seconds * 1_000) / 1_000),
      atLeast: Math.min(seconds, 25),
      note: "the status list it polls comes from the database: after 30 s without one it refuses with 503. The API of the line above says maxStaleSeconds: 120",
    }),
    figure({
      row: "F3",
      what: `${name}: its answers that are neither 200 nor 503`,
      figure: strict.filter(({ status }) => status !== 200 && status !== 503).length,
      atMost: 0,
    }),
    figure({
      row: "F3",
      what: `${name}: session checks not answered with 503 and Retry-After, of ${sessions.length}`,
      figure: sessions.length - closed,
      atMost: 0,
    }),
    figure({
      row: "F3",
      what: `${name}: slowest answer to a session check, ms`,
      figure: Math.round(Math.max(...took)),
      atMost: slowestMs,
      note: `half of them within ${percentile(took, 0.5).toFixed(1)} ms`,
    }),
    duration(
      { row: "F3", what: `${name}: served again after, ms`, figure: Math.round(recoveryMs), atMost: 5_000 },
      options,
    ),
  ];
  return figures;
}

async function untilWell({ node, cookie }: Scene, sinceMs: number): Promise<number> {
  while ((await readSession({ port: node.port, timeoutMs: 5_000 }, cookie)).status !== 200) {
    if (performance.now() - sinceMs > 60_000) return Number.NaN;
    await sleep(20);
  }
  return performance.now() - sinceMs;
}
