import { createFaultProxy, createMailCapture, type TestBrowser } from "@segno/testing";
import pg from "pg";
import { sleep } from "../http.ts";
import { countHalfMade, countLost, inspectPostgres } from "../inspect.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import { at, createDatabase, type PostgresServer } from "../peers/peers.ts";
import { browserAt, readSession, signUpMany } from "../people.ts";
import { type ChaosRow, duration, figure } from "../report.ts";
import { countDeadFamilies, startWriters } from "../writers.ts";

/** How long whoever watches over the servers needs to be sure. */
const detectionMs = 1_000;

export const databaseFailover: ChaosRow = {
  name: "F4",
  what: "the primary is killed under load, and its synchronous standby takes over",
  compressed: "nothing; the standby is promoted 1 s after the kill, as a watchdog would",
  breaks: "the wait of a commit for the standby (replication is asynchronous and half a second behind)",
  async run(options) {
    const primary = await options.peers.ownPostgres({});
    const replication = await createFaultProxy({ host: "127.0.0.1", port: primary.port });
    const standby = await options.peers.ownPostgres({ standbyOf: { url: primary.url, port: replication.port } });
    await follow(primary, options.isBroken ? "asynchronous" : "synchronous");
    const url = await createDatabase(primary);
    // what a virtual address does: connections go to whichever server is the primary now
    const target = { host: "127.0.0.1", port: primary.port };
    const address = await createFaultProxy(target);
    const database = {
      kind: "postgres",
      url: at(url, address),
      max: 5,
      connectTimeoutMs: 2_000,
      statementTimeoutMs: 5_000,
    };
    const mail = createMailCapture();
    const onTold = ({ mail: message }: { mail?: Parameters<typeof mail.send>[0] }) =>
      void (message && mail.send(message));
    const nodes = await Promise.all([1, 2].map(() => forkNode("engine", { database }, { onTold })));
    let turn = 0;
    const port = () => nodes[turn++ % 2]?.port ?? 0;
    const people = await signUpMany(6, port);
    const codes = await askForCodes(nodes, mail, options.isSmoke ? 6 : 16);
    const before = codes.slice(0, codes.length / 2);
    const during = codes.slice(codes.length / 2);
    const writers = await startWriters({ port, people });
    await Promise.all(before.map((code) => code.spend()));
    if (options.isBroken) replication.set({ kind: "slow", delayMs: 500 });
    await sleep(options.isSmoke ? 1_000 : 3_000);

    const inFlight = during.map((code) => code.spend());
    await sleep(5);
    primary.kill();
    const killedAtMs = performance.now();
    address.set({ kind: "down" });
    replication.set({ kind: "down" });
    await sleep(detectionMs);
    standby.promote();
    target.port = standby.port;
    address.heal();
    const outageMs = await untilServed(nodes, people[0]?.cookie ?? "", killedAtMs);
    await Promise.all(inFlight);
    await sleep(1_500);
    for (let again = 0; again < 2; again += 1) await Promise.all(codes.map((code) => code.spend()));
    await writers.stop();

    const inspector = inspectPostgres(at(url, { port: standby.port }));
    const lost = await countLost(inspector, writers.acknowledged);
    const halfMade = Object.values(await countHalfMade(inspector)).reduce((sum, count) => sum + count, 0);
    const sessions = await inspector.count(
      "select coalesce(max(n), 0) from (select count(*) as n from segno_sessions s join segno_identifiers i on i.user_id = s.user_id group by i.value) each_one",
    );
    const dead = await countDeadFamilies(nodes[0]?.port ?? 0, writers.newest);
    await inspector.close();
    await Promise.all(nodes.map((node) => node.stop()));
    await Promise.all([address.close(), replication.close()]);
    const { users, tokens } = writers.acknowledged;
    const written = users.length + tokens.length;
    return [
      duration(
        { row: "F4", what: "from the kill to the first answer, ms", figure: Math.round(outageMs), atMost: 10_000 },
        options,
      ),
      figure({
        row: "F4",
        what: `acknowledged writes lost, of ${written}`,
        figure: lost + (written < 20 ? Number.NaN : 0),
        atMost: 0,
      }),
      figure({
        row: "F4",
        what: "half-made users, sessions, families, passkeys, doubled events",
        figure: halfMade,
        atMost: 0,
      }),
      figure({
        row: "F4",
        what: `codes that signed in twice, of ${codes.length} sent three times`,
        figure: codes.filter((code) => code.successes > 1).length,
        atMost: 0,
      }),
      figure({ row: "F4", what: "sessions for one code, most", figure: sessions, atLeast: 1, atMost: 1 }),
      figure({ row: "F4", what: "clients signed out by the failover", figure: dead + writers.signedOut, atMost: 0 }),
    ];
  },
};

/** Makes commits wait for the standby, and sees that they do. */
async function follow(primary: PostgresServer, how: "synchronous" | "asynchronous"): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url });
  client.on("error", () => {});
  await client.connect();
  if (how === "synchronous") {
    await client.query("alter system set synchronous_standby_names = 'standby'");
    await client.query("select pg_reload_conf()");
  }
  const wanted = how === "synchronous" ? "sync" : "async";
  for (let tries = 0; ; tries += 1) {
    const { rows } = await client.query<{ sync_state: string }>("select sync_state from pg_stat_replication");
    if (rows[0]?.sync_state === wanted) break;
    if (tries > 200) throw new Error(`the standby does not follow: ${rows[0]?.sync_state ?? "not there"}`);
    await sleep(50);
  }
  await client.end();
}

interface Code {
  /** How often it was answered with a session. */
  readonly successes: number;
  /** Types it in, at either node. */
  spend(): Promise<void>;
}

async function askForCodes(
  nodes: readonly ForkedNode[],
  mail: ReturnType<typeof createMailCapture>,
  count: number,
): Promise<readonly Code[]> {
  return await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      let turn = index;
      const browser: TestBrowser = browserAt(() => nodes[turn++ % 2]?.port ?? 0);
      const email = `ada-${index}@example.com`;
      const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
      const code = await mail.nextCode(email);
      const state = { successes: 0 };
      return {
        get successes() {
          return state.successes;
        },
        async spend() {
          const answer = await browser
            .call("/v1/email/verify", { attemptId: body.attemptId, code })
            .catch(() => undefined);
          if (answer?.status === 200) state.successes += 1;
        },
      };
    }),
  );
}

/** Until both nodes answer. */
async function untilServed(nodes: readonly ForkedNode[], cookie: string, sinceMs: number): Promise<number> {
  for (const { port } of nodes) {
    while ((await readSession({ port, timeoutMs: 5_000 }, cookie)).status !== 200) {
      if (performance.now() - sinceMs > 60_000) return Number.NaN;
      await sleep(20);
    }
  }
  return performance.now() - sinceMs;
}
