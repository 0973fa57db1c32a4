import { createFaultProxy, type FaultProxy } from "@segno/testing";
import { type Answer, keepAlive, percentile, sleep } from "../http.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import { createDatabase } from "../peers/peers.ts";
import { issueToken, signUpFirst, untilIssued } from "../people.ts";
import { type ChaosRow, duration, figure } from "../report.ts";

/** What the engine lets through to a custody at the same time. */
const inFlightLimit = 32;
const lanes = 60;

export const vaultSlow: ChaosRow = {
  name: "F2",
  what: "the vault that signs each token takes two seconds, then three, then comes and goes",
  compressed: "8 s of each (--long: 60 s), 60 clients at once",
  breaks: "the limit on a call to the custody (30 s instead of 2 s)",
  async run(options) {
    const vault = await options.peers.vault();
    const url = await createDatabase(await options.peers.postgres());
    const proxy = await createFaultProxy({ host: "127.0.0.1", port: vault.port });
    const node = await forkNode("engine", {
      database: { kind: "postgres", url, max: 10 },
      keys: { custodyTimeoutSeconds: options.isBroken ? 30 : 2 },
      custody: {
        kind: "vault",
        mode: "remote",
        address: `http://127.0.0.1:${proxy.port}`,
        mount: vault.mount,
        token: vault.token,
      },
    });
    const { cookie } = await signUpFirst(() => node.port);
    const seconds = options.isLong ? 60 : options.isSmoke ? 3 : 8;
    const load = () => loadFor(node, cookie, seconds);

    proxy.set({ kind: "slow", delayMs: 900 });
    const slow = await load();
    proxy.set({ kind: "slow", delayMs: 1_500 });
    const slower = await load();
    proxy.heal();
    const recoveryMs = await untilIssued(node.port, cookie);
    const flapping = flap(proxy);
    const flapped = await load();
    flapping.stop();
    proxy.heal();
    const afterFlapsMs = await untilIssued(node.port, cookie);
    const mostInFlight = await node.ask<number>("mostInFlight");
    await node.stop();
    await proxy.close();

    const all = [...slow, ...slower, ...flapped];
    const isClean = ({ status, headers }: Answer) =>
      status === 200 || (status === 503 && Number(headers["retry-after"]) > 0);
    const quick = slower.filter(({ status, tookMs }) => status === 503 && tookMs < 500).length;
    const p99 = (answers: readonly Answer[]) =>
      Math.round(
        percentile(
          answers.map(({ tookMs }) => tookMs),
          0.99,
        ),
      );
    // a short run is one on a machine that does other things as well
    const answerMs = options.isSmoke ? 3_500 : 2_500;
    return [
      figure({
        row: "F2",
        what: `answers that are neither a token nor 503 with Retry-After, of ${all.length}`,
        figure: all.filter((each) => !isClean(each)).length,
        atMost: 0,
      }),
      figure({
        row: "F2",
        what: `two seconds: tokens issued, of ${slow.length}`,
        figure: slow.filter(({ status }) => status === 200).length,
        atLeast: 5,
      }),
      figure({ row: "F2", what: "two seconds: an answer, p99, ms", figure: p99(slow), atMost: answerMs }),
      figure({ row: "F2", what: "three seconds: an answer, p99, ms", figure: p99(slower), atMost: answerMs }),
      figure({
        row: "F2",
        what: `three seconds: answers at once because the breaker is open, percent of ${slower.length}`,
        figure: (100 * quick) / slower.length,
        // three failures open it: in a short run they are most of it
        ...(options.isSmoke && !options.isBroken ? {} : { atLeast: 50 }),
      }),
      figure({ row: "F2", what: "coming and going: an answer, p99, ms", figure: p99(flapped), atMost: answerMs }),
      figure({
        row: "F2",
        what: "most signatures asked of the vault at the same time",
        figure: mostInFlight,
        atLeast: 2,
        atMost: inFlightLimit,
      }),
      duration(
        { row: "F2", what: "signs again after the slowness, ms", figure: Math.round(recoveryMs), atMost: 5_000 },
        options,
      ),
      duration(
        {
          row: "F2",
          what: "signs again after the coming and going, ms",
          figure: Math.round(afterFlapsMs),
          atMost: 5_000,
        },
        options,
      ),
    ];
  },
};

async function loadFor(node: ForkedNode, cookie: string, seconds: number): Promise<readonly Answer[]> {
  const agent = keepAlive();
  const answers: Answer[] = [];
  const untilMs = performance.now() + seconds * 1_000;
  const work = Array.from({ length: lanes }, async () => {
    while (performance.now() < untilMs) {
      const answer = await issueToken({ port: node.port, agent }, cookie);
      answers.push(answer);
      // a client that was told to come back does not ask again at once
      if (answer.status !== 200) await sleep(100);
    }
  });
  await Promise.all(work);
  agent.destroy();
  return answers;
}

function flap(proxy: FaultProxy): { stop(): void } {
  let isDown = false;
  const timer = setInterval(() => {
    isDown = !isDown;
    proxy.set({ kind: isDown ? "down" : "none" });
  }, 700);
  return { stop: () => clearInterval(timer) };
}
