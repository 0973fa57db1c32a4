import { createFaultProxy } from "@segno/testing";
import { type Answer, keepAlive, sleep } from "../http.ts";
import type { ClockOptions } from "../nodes/clock.ts";
import { forkNode } from "../nodes/fork-node.ts";
import { createDatabase } from "../peers/peers.ts";
import { issueToken, signUpFirst, untilIssued, useToken } from "../people.ts";
import { type ChaosRow, duration, type Figure, figure, type RunOptions } from "../report.ts";

const leaseSeconds = 60;
/** How late a list of revocations may be at the APIs, and how late an outage is felt. */
const listSeconds = 120;
const slackSeconds = 30;

export const vaultDown: ChaosRow = {
  name: "F1",
  what: "the vault that unwraps the signing keys is gone for ten minutes; then for longer than the engine was told to bear",
  compressed:
    "clocks run 20 times as fast (--smoke: 40); an unwrapped key lives for 60 s instead of an hour; recoveries are in real time",
  breaks: "the time that signing goes on without the vault (outageSeconds: 0)",
  async run(options) {
    const bearable = { outageSeconds: options.isBroken ? 0 : 900, forSeconds: 600 };
    const unbearable = { outageSeconds: 60, forSeconds: 400 };
    return [
      ...(await outage("10 min, declared 15", bearable, options)),
      ...(await outage("longer than declared", unbearable, options)),
    ];
  },
};

interface Outage {
  readonly outageSeconds: number;
  readonly forSeconds: number;
}

interface Timed extends Answer {
  /** Seconds into the outage, when it was sent. */
  readonly atSeconds: number;
}

async function outage(name: string, outage: Outage, options: RunOptions): Promise<readonly Figure[]> {
  const { outageSeconds, forSeconds } = outage;
  const vault = await options.peers.vault();
  const url = await createDatabase(await options.peers.postgres());
  const proxy = await createFaultProxy({ host: "127.0.0.1", port: vault.port });
  const speed = options.isSmoke ? 40 : 20;
  const clock: ClockOptions = { sinceMs: Date.now(), speed };
  const now = () => Date.now() + (Date.now() - clock.sinceMs) * (speed - 1);
  const node = await forkNode("engine", {
    database: { kind: "postgres", url, max: 6 },
    clock,
    keys: { leaseSeconds, outageSeconds },
    custody: {
      kind: "vault",
      mode: "wrapped",
      address: `http://127.0.0.1:${proxy.port}`,
      mount: vault.mount,
      token: vault.token,
    },
  });
  const api = await forkNode("api", { issuerPort: node.port, clock, maxAgeSeconds: 20, maxStaleSeconds: listSeconds });
  const [person, leaver] = await Promise.all([signUpFirst(() => node.port), signUpFirst(() => node.port)]);
  const agent = keepAlive();
  const call = { port: node.port, agent };
  let newest = tokenIn(await issueToken(call, person.cookie));
  let leaving = tokenIn(await issueToken(call, leaver.cookie));
  await useToken({ port: api.port, agent }, newest);

  proxy.set({ kind: "blackhole" });
  const sinceMs = now();
  const seconds = () => (now() - sinceMs) / 1_000;
  const issued: Timed[] = [];
  const verified: Timed[] = [];
  let leftAtSeconds = Number.POSITIVE_INFINITY;
  const leaveAt = forSeconds - listSeconds - slackSeconds;
  let wrongAccepts = 0;
  const isGoing = () => seconds() < forSeconds;
  const issuing = Array.from({ length: 4 }, async () => {
    while (isGoing()) {
      const atSeconds = seconds();
      const answer = await issueToken(call, person.cookie);
      issued.push({ ...answer, atSeconds });
      if (answer.status === 200) newest = tokenIn(answer);
      await sleep(30);
    }
  });
  const verifying = (async () => {
    while (isGoing()) {
      const atSeconds = seconds();
      const answer = await useToken({ port: api.port, agent }, newest);
      // once somebody leaves while nothing can be signed, nobody may pass: that is counted below
      if (atSeconds < leaveAt) verified.push({ ...answer, atSeconds });
      await sleep(20);
    }
  })();
  const leavingWork = (async () => {
    while (isGoing()) {
      if (leftAtSeconds === Number.POSITIVE_INFINITY && seconds() < leaveAt) {
        const answer = await issueToken(call, leaver.cookie);
        if (answer.status === 200) leaving = tokenIn(answer);
      } else if (leftAtSeconds === Number.POSITIVE_INFINITY) {
        await leaver.browser.call("/v1/sign-out", {});
        leftAtSeconds = seconds();
      }
      const atSeconds = seconds();
      const { status } = await useToken({ port: api.port, agent }, leaving);
      if (status === 200 && atSeconds > leftAtSeconds + listSeconds + 5) wrongAccepts += 1;
      await sleep(50);
    }
  })();
  await Promise.all([...issuing, verifying, leavingWork]);
  proxy.heal();
  const recoveryMs = await untilIssued(node.port, person.cookie);
  agent.destroy();
  await Promise.all([node.stop(), api.stop()]);
  await proxy.close();

  const isBearable = outageSeconds >= forSeconds || (options.isBroken && outageSeconds === 0);
  const endsAt = leaseSeconds + outageSeconds;
  const notSigned = issued.filter(({ status }) => status !== 200);
  const unclean = notSigned.filter(({ status, headers }) => status !== 503 || !(Number(headers["retry-after"]) > 0));
  const tooLong = issued.filter(({ status, atSeconds }) => status === 200 && atSeconds > endsAt + slackSeconds);
  const tooShort = notSigned.filter(({ atSeconds }) => atSeconds < endsAt - leaseSeconds - slackSeconds);
  const good = verified.filter(({ status }) => status === 200).length;
  const of = (what: string) => `${name}: ${what}`;
  return [
    figure({
      row: "F1",
      what: of(`tokens that verify offline, percent of ${verified.length}`),
      figure: (100 * good) / verified.length,
      atLeast: 100,
    }),
    isBearable
      ? figure({ row: "F1", what: of(`tokens not issued, of ${issued.length}`), figure: notSigned.length, atMost: 0 })
      : figure({
          row: "F1",
          what: of(`tokens not issued before the declared time was over, of ${issued.length}`),
          figure: tooShort.length,
          atMost: 0,
        }),
    ...(isBearable
      ? []
      : [
          figure({ row: "F1", what: of("tokens signed after it was over"), figure: tooLong.length, atMost: 0 }),
          figure({ row: "F1", what: of("answers of 503 after it was over"), figure: notSigned.length, atLeast: 10 }),
        ]),
    figure({ row: "F1", what: of("refusals that are not 503 with Retry-After"), figure: unclean.length, atMost: 0 }),
    figure({
      row: "F1",
      what: of(`revoked tokens accepted more than ${listSeconds} s later`),
      figure: wrongAccepts,
      atMost: 0,
    }),
    duration(
      { row: "F1", what: of("signs again after, ms of real time"), figure: Math.round(recoveryMs), atMost: 5_000 },
      options,
    ),
  ];
}

const tokenIn = (answer: Answer): string => (JSON.parse(answer.text) as { accessToken: string }).accessToken;
