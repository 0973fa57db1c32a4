import { createFaultProxy } from "@segno/testing";
import { type Answer, keepAlive } from "../http.ts";
import { forkNode } from "../nodes/fork-node.ts";
import { at, createDatabase } from "../peers/peers.ts";
import { readSession, signUpFirst } from "../people.ts";
import { type ChaosRow, duration, figure } from "../report.ts";

const connectTimeoutMs = 2_000;

export const databaseSlow: ChaosRow = {
  name: "F5",
  what: "every statement takes half a second, and the pool holds two connections",
  compressed: "10 s of load from 100 clients (--long: 60 s)",
  breaks: "the limit on waiting for a connection",
  async run(options) {
    const server = await options.peers.postgres();
    const proxy = await createFaultProxy({ host: "127.0.0.1", port: server.port });
    const url = at(await createDatabase(server), proxy);
    const waits = { connectTimeoutMs: options.isBroken ? 600_000 : connectTimeoutMs, statementTimeoutMs: 10_000 };
    const node = await forkNode("engine", { database: { kind: "postgres", url, max: 2, ...waits } });
    const { cookie } = await signUpFirst(() => node.port);
    proxy.set({ kind: "slow", delayMs: 250 });
    await node.ask("watchLag");
    const answers: Answer[] = [];
    const agent = keepAlive();
    const untilMs = performance.now() + (options.isLong ? 60_000 : options.isSmoke ? 3_000 : 10_000);
    const lanes = Array.from({ length: 100 }, async () => {
      while (performance.now() < untilMs) {
        answers.push(await readSession({ port: node.port, agent, timeoutMs: 15_000 }, cookie));
      }
    });
    await Promise.all(lanes);
    const lagMs = await node.ask<number>("lagP99Ms");
    proxy.heal();
    agent.destroy();
    await node.stop();
    await proxy.close();
    const served = answers.filter(({ status }) => status === 200);
    const shed = answers.filter(({ status, headers }) => status === 503 && Number(headers["retry-after"]) > 0);
    return [
      figure({
        row: "F5",
        what: `requests shed with 503 and Retry-After, of ${answers.length}`,
        figure: shed.length,
        atLeast: 1,
      }),
      figure({ row: "F5", what: "requests served meanwhile", figure: served.length, atLeast: 5 }),
      figure({
        row: "F5",
        what: "any other answer, or none",
        figure: answers.length - served.length - shed.length,
        atMost: 0,
      }),
      figure({
        row: "F5",
        what: "slowest answer, ms",
        figure: Math.round(Math.max(...answers.map(({ tookMs }) => tookMs))),
        // a wait for the pool, then a statement of half a second; the rest is two busy cores
        atMost: connectTimeoutMs + 1_500,
      }),
      duration({ row: "F5", what: "event-loop lag of the engine, p99, ms", figure: lagMs, atMost: 100 }, options),
    ];
  },
};
