import { percentile, sleep } from "../http.ts";
import { forkNode } from "../nodes/fork-node.ts";
import { grant, signUpFirst, useToken, useTokenAsking } from "../people.ts";
import { type ChaosRow, duration, figure } from "../report.ts";
import { sqliteFile } from "../sqlite-file.ts";

const clients = 2_000;
const apis = 3;
const cooldownSeconds = 30;
const rememberedSeconds = 5;

export const coldHerd: ChaosRow = {
  name: "F17",
  what: "2,000 clients, a connection each, meet three APIs that know no key yet",
  compressed: "the clients arrive within 8 s, because three nodes, the issuer and the clients share two cores",
  breaks: "the key set an API keeps",
  async run(options) {
    const database = sqliteFile();
    const engine = await forkNode("engine", { database });
    const { accessToken } = await grant(await signUpFirst(() => engine.port));
    const nodes = await Promise.all(
      Array.from({ length: apis }, () => forkNode("api", { issuerPort: engine.port, forgets: options.isBroken })),
    );
    // processes that have served before: what is cold is what they know of the issuer
    for (const { port } of nodes) {
      for (let round = 0; round < 50; round += 1) await useToken({ port }, "no-token");
    }
    const fetches = () => engine.ask<number>("hits", "/.well-known/jwks.json");
    const since = performance.now();
    // nobody has a key yet: these arrive in the same instant
    const together = 100;
    const arriving = Array.from({ length: clients }, async (_, index) => {
      if (index >= together) await sleep((8_000 * (index - together)) / clients);
      return await useToken({ port: nodes[index % apis]?.port ?? 0 }, accessToken);
    });
    const answers = await Promise.all(arriving);
    const coldFetches = await fetches();
    const [head = "", payload = "", signature = ""] = accessToken.split(".");
    const header = JSON.parse(Buffer.from(head, "base64url").toString()) as object;
    const unknownKid = (index: number) =>
      `${Buffer.from(JSON.stringify({ ...header, kid: `unknown-${index}` })).toString("base64url")}.${payload}.${signature}`;
    const strangers = await Promise.all(
      Array.from({ length: 300 }, (_, index) => useToken({ port: nodes[index % apis]?.port ?? 0 }, unknownKid(index))),
    );
    const seconds = (performance.now() - since) / 1_000;
    const allFetches = await fetches();
    const askedSince = performance.now();
    // the same at routes that ask: 200 in the same instant, the others within two seconds
    const introspected = await Promise.all(
      Array.from({ length: 600 }, async (_, index) => {
        if (index >= 200) await sleep((index - 200) * 5);
        return await useTokenAsking({ port: nodes[index % apis]?.port ?? 0 }, accessToken);
      }),
    );
    const askedSeconds = (performance.now() - askedSince) / 1_000;
    const asked = await engine.ask<number>("hits", "/api/auth/oauth2/introspect");
    await Promise.all([engine, ...nodes].map((node) => node.stop()));
    const took = answers.map(({ tookMs }) => tookMs);
    return [
      figure({
        row: "F17",
        what: `clients not served, of ${clients}`,
        figure: answers.filter(({ status }) => status !== 200).length,
        atMost: 0,
      }),
      figure({
        row: "F17",
        what: `key set fetched by ${apis} cold APIs`,
        figure: coldFetches,
        atLeast: 1,
        atMost: apis * Math.ceil(seconds / cooldownSeconds),
      }),
      figure({
        row: "F17",
        what: "key set fetched with 300 tokens of unknown keys after that",
        figure: allFetches,
        atMost: apis * Math.ceil(seconds / cooldownSeconds),
        note: `all within ${seconds.toFixed(1)} s; a fetch a node each ${cooldownSeconds} s is allowed`,
      }),
      figure({
        row: "F17",
        what: "tokens of unknown keys accepted",
        figure: strangers.filter(({ status }) => status !== 401).length,
        atMost: 0,
      }),
      duration(
        {
          row: "F17",
          what: "a client's wait, p99, ms",
          figure: percentile(took, 0.99),
          atMost: 250,
          note: `the ${together} that met no key at once included; p50 ${percentile(took, 0.5).toFixed(1)} ms`,
        },
        options,
      ),
      figure({
        row: "F17",
        what: `introspections by ${apis} cold APIs for 600 clients with one token`,
        figure: asked,
        atLeast: 1,
        atMost: apis * Math.ceil(askedSeconds / rememberedSeconds),
        note: `within ${askedSeconds.toFixed(1)} s; an answer is believed for ${rememberedSeconds} s`,
      }),
      figure({
        row: "F17",
        what: "clients of them not served",
        figure: introspected.filter(({ status }) => status !== 200).length,
        atMost: 0,
      }),
      duration(
        {
          row: "F17",
          what: "a client's wait there, p99, ms",
          figure: percentile(
            introspected.map(({ tookMs }) => tookMs),
            0.99,
          ),
          atMost: 250,
        },
        options,
      ),
    ];
  },
};
