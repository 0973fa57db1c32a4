import { createDpopProof, generateDpopKeyPair } from "@segno/core";
import { type Answer, percentile, send, sleep } from "../http.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import { origin } from "../nodes/site.ts";
import { createDatabase, type RedisServer } from "../peers/peers.ts";
import { grant, introspect, type Person, readSession, signUpFirst, signUpMany, useToken } from "../people.ts";
import { type ChaosRow, duration, type Figure, figure, type RunOptions } from "../report.ts";

/** Changes of a name in a minute from one address. */
const limit = 240;

interface Scene {
  readonly nodes: readonly ForkedNode[];
  readonly api: ForkedNode;
  readonly people: readonly Person[];
}

interface Tally {
  sessionsAccepted: number;
  tokensAccepted: number;
  introspectedActive: number;
  replaysAccepted: number;
  broken: number;
  readonly tookMs: number[];
}

export const redisLost: ChaosRow = {
  name: "F6",
  what: "Redis is flushed, killed, and started again empty, under two engines",
  compressed: "the 5 s in which an offline API hears of a revocation pass on the nodes' clocks",
  breaks: "the rate limits, and the sign-outs",
  async run(options) {
    const url = await createDatabase(await options.peers.postgres());
    let server: RedisServer = await options.peers.redis();
    const { port } = server;
    const engine = {
      database: { kind: "postgres", url, max: 8 },
      redisPort: port,
      rateLimit: !options.isBroken,
    };
    const quiet = { ...engine, rateLimit: false };
    const nodes = [await forkNode("engine", quiet), await forkNode("engine", quiet)];
    const limiting = [await forkNode("engine", engine), await forkNode("engine", engine)];
    const api = await forkNode("api", { issuerPort: nodes[0]?.port ?? 0 });
    const each = options.isSmoke ? 3 : 8;
    const people = await signUpMany(4 * each, (index) => nodes[index % 2]?.port ?? 0);
    const tally: Tally = {
      sessionsAccepted: 0,
      tokensAccepted: 0,
      introspectedActive: 0,
      replaysAccepted: 0,
      broken: 0,
      tookMs: [],
    };
    const passed = new Map<string, { readonly count: number; readonly seconds: number }>();
    const cookie = (await signUpFirst(() => nodes[0]?.port ?? 0)).cookie;
    const proofs: Proof[] = [];
    const states: readonly (readonly [string, () => Promise<void>])[] = [
      ["up", async () => {}],
      ["flushed", () => flush(port)],
      ["killed", () => server.stop()],
      [
        "back, empty",
        async () => {
          server = await options.peers.redis(port);
          await sleep(1_500);
        },
      ],
    ];
    for (const [index, [state, change]] of states.entries()) {
      await change();
      const group = people.slice(index * each, (index + 1) * each);
      proofs.push(...(await spendProofs(nodes, group.slice(0, 2))));
      await revoke({ nodes, api, people: group }, tally, options);
      for (const proof of proofs) if ((await useProof(nodes[index % 2], proof)) === 200) tally.replaysAccepted += 1;
      const since = performance.now();
      const count = await countPasses(limiting, cookie);
      passed.set(state, { count, seconds: (performance.now() - since) / 1_000 });
    }
    await Promise.all([...nodes, ...limiting, api].map((node) => node.stop()));
    const revoked = 4 * each;
    const figures: Figure[] = [
      figure({
        row: "F6",
        what: `session checks that accepted a revoked session, of ${revoked} sessions at two nodes`,
        figure: tally.sessionsAccepted,
        atMost: 0,
      }),
      figure({
        row: "F6",
        what: `introspections that called a revoked token active, of ${2 * revoked}`,
        figure: tally.introspectedActive,
        atMost: 0,
      }),
      figure({
        row: "F6",
        what: `revoked tokens an offline API accepted 5 s later, of ${revoked}`,
        figure: tally.tokensAccepted,
        atMost: 0,
      }),
      figure({
        row: "F6",
        what: `DPoP proofs accepted twice, of ${proofs.length} shown again in every state that followed`,
        figure: tally.replaysAccepted,
        atMost: 0,
      }),
      figure({ row: "F6", what: "answers that are a fault of ours (5xx, or none)", figure: tally.broken, atMost: 0 }),
      duration(
        {
          row: "F6",
          what: "a session check in all states, p99, ms",
          figure: percentile(tally.tookMs, 0.99),
          atMost: 500,
        },
        options,
      ),
    ];
    for (const [state, { count, seconds }] of passed) {
      figures.push(
        figure({
          row: "F6",
          what: `Redis ${state}: requests that passed a limit of ${limit}, of 300 on two nodes`,
          figure: count,
          // what comes back each second; and one limit more where a count began from nothing
          atMost: limit + Math.ceil((limit / 60) * seconds),
        }),
      );
    }
    return figures;
  },
};

async function flush(port: number): Promise<void> {
  const { Redis } = await import("ioredis");
  const client = new Redis({ port, host: "127.0.0.1" });
  await client.flushall();
  client.disconnect();
}

async function revoke({ nodes, api, people }: Scene, tally: Tally, options: RunOptions): Promise<void> {
  const tokens = await Promise.all(people.map((person) => grant(person)));
  await Promise.all(tokens.map(({ accessToken }) => useToken({ port: api.port }, accessToken)));
  const see = (answer: Answer) => {
    if (answer.status === 0 || answer.status >= 500) tally.broken += 1;
    return answer;
  };
  if (!options.isBroken) await Promise.all(people.map(({ browser }) => browser.call("/v1/sign-out", {})));
  for (const { port } of nodes) {
    for (const [index, person] of people.entries()) {
      const answer = see(await readSession({ port }, person.cookie));
      tally.tookMs.push(answer.tookMs);
      if (answer.text.includes(person.userId)) tally.sessionsAccepted += 1;
      const told = see(await introspect({ port }, tokens[index]?.accessToken ?? ""));
      if (told.text.includes('"active":true')) tally.introspectedActive += 1;
    }
  }
  await Promise.all([...nodes, api].map((node) => node.ask("advance", 5_000)));
  await sleep(200);
  for (const { accessToken } of tokens) {
    // the first answer may still wait for the list; what it decides is what counts
    const answer = see(await useToken({ port: api.port }, accessToken));
    if (answer.status === 200) tally.tokensAccepted += 1;
  }
}

interface Proof {
  readonly accessToken: string;
  readonly dpop: string;
}

const url = `${origin}/api/auth/v1/sessions`;

/** Tokens bound to a key, each with a proof that is used once. */
async function spendProofs(nodes: readonly ForkedNode[], people: readonly Person[]): Promise<readonly Proof[]> {
  const spent: Proof[] = [];
  for (const { browser } of people) {
    const key = await generateDpopKeyPair();
    const nowMs = (await nodes[0]?.ask<number>("now")) ?? 0;
    const target = `${origin}/api/auth/v1/session/token`;
    const asking = await createDpopProof({ ...key, method: "POST", url: target, nowSeconds: nowMs / 1_000 });
    const { body } = await browser.call<{ accessToken: string }>(
      "/v1/session/token",
      {},
      { headers: { dpop: asking } },
    );
    const { accessToken } = body;
    const dpop = await createDpopProof({ ...key, method: "GET", url, nowSeconds: nowMs / 1_000, accessToken });
    const proof = { accessToken, dpop };
    const first = await useProof(nodes[0], proof);
    if (first !== 200) throw new Error(`a fresh proof was answered with ${first}`);
    spent.push(proof);
  }
  return spent;
}

async function useProof(node: ForkedNode | undefined, { accessToken, dpop }: Proof): Promise<number> {
  const headers = { authorization: `DPoP ${accessToken}`, dpop };
  return (await send({ port: node?.port ?? 0, path: "/api/auth/v1/sessions", headers })).status;
}

/** How many of 300 changes pass, on two nodes at once. */
async function countPasses(nodes: readonly ForkedNode[], cookie: string): Promise<number> {
  let count = 0;
  const headers = { cookie, origin, "content-type": "application/json", "sec-fetch-site": "same-origin" };
  for (let batch = 0; batch < 10; batch += 1) {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, turn) =>
        send({
          port: nodes[turn % nodes.length]?.port ?? 0,
          method: "PATCH",
          path: "/api/auth/v1/user",
          headers,
          body: '{"displayName":"Ada"}',
        }),
      ),
    );
    count += answers.filter(({ status }) => status === 200).length;
  }
  return count;
}
