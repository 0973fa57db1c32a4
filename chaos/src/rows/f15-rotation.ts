import { keepAlive, sleep } from "../http.ts";
import type { ClockOptions } from "../nodes/clock.ts";
import type { EngineNodeOptions } from "../nodes/engine.ts";
import { type ForkedNode, forkNode } from "../nodes/fork-node.ts";
import { runCommand } from "../nodes/run-command.ts";
import { createDatabase } from "../peers/peers.ts";
import { claimsOf, type Person, signUpMany, useToken } from "../people.ts";
import { type ChaosRow, type Figure, figure, type RunOptions } from "../report.ts";

/** Seconds that pass in one. */
const speed = 120;
const verifierCount = 3;
/** What one verifier's cache may answer without asking: `max-age` and `stale-while-revalidate` of the key set. */
const staleSeconds = 600;
/** A token that ends while it travels is refused rightly. */
const marginMs = 60_000;

interface Drill {
  /** What the spare has been published for when it signs. */
  readonly isPrePublished: boolean;
  readonly seconds: number;
  /** So many rotations by an operator at the command line instead. */
  readonly commands?: number;
}

interface Outcome {
  readonly rotations: number;
  readonly used: number;
  readonly refused: number;
  readonly refusedByStale: number;
  readonly tooYoung: number;
  readonly retired: number;
  readonly retiredAccepted: number;
  readonly bystanders: number;
  readonly failedCommands: number;
}

export const rotation: ChaosRow = {
  name: "F15",
  what: "keys rotate under load on three nodes, and one of four verifiers sits behind a cache that lies",
  compressed: `clocks run ${speed} times as fast: the 900 s that a key is published before it signs take 7.5 s; about five rotations (--long: 20)`,
  breaks: "publishing a key before it signs (in the drill that must hold)",
  async run(options) {
    const seconds = options.isLong ? 160 : options.isSmoke ? 17 : 40;
    const good = await drill(options, { isPrePublished: !options.isBroken, seconds });
    const typed = await drill(options, { isPrePublished: true, seconds, commands: 3 });
    const bad = await drill(options, { isPrePublished: false, seconds: options.isSmoke ? 4 : 10 });
    return [
      ...figuresOf(good, seconds),
      ...figuresOfCommands(typed),
      figure({
        row: "F15",
        what: `the same without pre-publishing must fail: valid tokens refused, of ${bad.used}, in ${bad.rotations} rotations`,
        figure: bad.refused,
        atLeast: 1,
      }),
    ];
  },
};

function figuresOf(outcome: Outcome, seconds: number): readonly Figure[] {
  const { rotations, used, refused, refusedByStale, tooYoung, retired, retiredAccepted, bystanders } = outcome;
  const expected = Math.floor((seconds * speed) / 900) - 2;
  return [
    figure({ row: "F15", what: "rotations", figure: rotations, atLeast: Math.max(1, expected) }),
    figure({
      row: "F15",
      what: `valid tokens refused, of ${used} uses at four verifiers`,
      figure: refused + (used < 100 ? Number.NaN : 0),
      atMost: 0,
      note: `${refusedByStale} of them by the one behind the cache`,
    }),
    figure({ row: "F15", what: "keys that signed before they were published for 900 s", figure: tooYoung, atMost: 0 }),
    figure({
      row: "F15",
      what: `tokens of retired keys accepted, of ${retired} that were kept`,
      figure: retiredAccepted,
      atMost: 0,
    }),
    figure({ row: "F15", what: "rotations by two nodes at once", figure: bystanders, atMost: 0 }),
  ];
}

function figuresOfCommands({ rotations, used, refused, failedCommands }: Outcome): readonly Figure[] {
  return [
    figure({
      row: "F15",
      what: "`segno keys rotate` from the command line: rotations",
      figure: rotations + (failedCommands > 0 ? Number.NaN : 0),
      atLeast: 3,
      note: "the built command, in a process of its own; none of them failed",
    }),
    figure({
      row: "F15",
      what: `valid tokens refused meanwhile, of ${used} uses at four verifiers`,
      figure: refused + (used < 100 ? Number.NaN : 0),
      atMost: 0,
    }),
  ];
}

async function drill({ peers, isBroken }: RunOptions, how: Drill): Promise<Outcome> {
  const url = await createDatabase(await peers.postgres());
  const clock: ClockOptions = { sinceMs: Date.now(), speed };
  const engine: EngineNodeOptions = {
    database: { kind: "postgres", url, max: 6 },
    clock,
    keys: { publishSeconds: 900 },
  };
  const nodes = await Promise.all(Array.from({ length: 3 }, () => forkNode("engine", engine)));
  // a list of revocations that is seconds old is minutes old here
  const patient = { clock, maxAgeSeconds: 360, maxStaleSeconds: 3_600 };
  const verifiers = await Promise.all([
    ...Array.from({ length: verifierCount }, (_, index) =>
      forkNode("api", { issuerPort: nodes[index]?.port ?? 0, ...patient }),
    ),
    forkNode("api", { issuerPort: nodes[0]?.port ?? 0, ...patient, keySetCacheSeconds: staleSeconds }),
  ]);
  const people = await signUpMany(nodes.length, (index) => nodes[index]?.port ?? 0);
  const state = { isOn: true, used: 0, refused: 0, refusedByStale: 0 };
  const kept = new Map<string, string>();
  const agent = keepAlive();
  const loads = people.map(async (person) => {
    while (state.isOn) {
      const token = await issue(person);
      if (token === undefined) continue;
      kept.set(claimsOf(token).kid, token);
      for (const [index, { port }] of verifiers.entries()) {
        const { status } = await useToken({ port, agent }, token);
        const nowMs = Date.now() + (Date.now() - clock.sinceMs) * (speed - 1);
        if (claimsOf(token).exp * 1_000 < nowMs + marginMs) continue;
        state.used += 1;
        if (status === 200) continue;
        state.refused += 1;
        if (index === verifierCount) state.refusedByStale += 1;
      }
      await sleep(10);
    }
  });
  const failedCommands = how.commands === undefined ? 0 : await rotateByCommand(engine, how.commands);
  const doubled = how.commands === undefined ? await rotateFor(nodes, how) : 0;
  state.isOn = false;
  await Promise.all(loads);
  const { keys } = (await nodes[0]?.ask<KeyStatus>("keys")) ?? { keys: [] };
  const own = keys.filter(({ purpose }) => purpose === "access_token");
  const gone = own.filter((key) => key.state === "retired" && kept.has(key.kid));
  let retiredAccepted = 0;
  for (const { kid } of gone) {
    for (const { port } of verifiers) {
      if ((await useToken({ port }, kept.get(kid) ?? "")).status === 200) retiredAccepted += 1;
    }
  }
  agent.destroy();
  await Promise.all([...nodes, ...verifiers].map((node) => node.stop()));
  const signed = own
    .filter(({ signingAtMs }) => signingAtMs !== null)
    .sort((a, b) => (a.signingAtMs ?? 0) - (b.signingAtMs ?? 0));
  // the very first key signs at once: no verifier holds an older set
  const later = signed.slice(1);
  return {
    rotations: later.length,
    used: state.used,
    refused: state.refused,
    refusedByStale: state.refusedByStale,
    tooYoung: isBroken ? 0 : later.filter((key) => (key.signingAtMs ?? 0) - key.publishedAtMs < 900_000).length,
    retired: gone.length,
    retiredAccepted,
    bystanders: doubled,
    failedCommands,
  };
}

interface KeyStatus {
  readonly keys: readonly {
    readonly kid: string;
    readonly purpose: string;
    readonly state: string;
    readonly publishedAtMs: number;
    readonly signingAtMs: number | null;
  }[];
}

async function issue({ browser }: Person): Promise<string | undefined> {
  const answer = await browser.call<{ accessToken?: string }>("/v1/session/token", {}).catch(() => undefined);
  return answer?.body.accessToken;
}

/** Each as soon as the spare has been published long enough, and the last one's tokens are used for a while. @returns how many failed */
async function rotateByCommand(engine: EngineNodeOptions, times: number): Promise<number> {
  let failed = 0;
  for (let turn = 0; turn < times; turn += 1) {
    await sleep(900_000 / speed + 500);
    if ((await runCommand(["keys", "rotate", "--yes", "--json"], engine)) !== 0) failed += 1;
  }
  await sleep(2_000);
  return failed;
}

/** All nodes try at once, as fast as the engine lets them. @returns how often more than one of them did it */
async function rotateFor(nodes: readonly ForkedNode[], { isPrePublished, seconds }: Drill): Promise<number> {
  const untilMs = performance.now() + seconds * 1_000;
  let doubled = 0;
  while (performance.now() < untilMs) {
    const done = await Promise.all(
      nodes.map((node) => node.ask<object | null>("rotate", { atOnce: !isPrePublished }).catch(() => null)),
    );
    if (isPrePublished && done.filter((rotation) => rotation !== null).length > 1) doubled += 1;
    await sleep(isPrePublished ? 250 : 1_000);
  }
  return doubled;
}
