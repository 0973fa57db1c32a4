import fc from "fast-check";
import { isSegnoError } from "@segno/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { actor, addFamily, addSession, besides, type Node, openNode } from "../../test/engine-kit.js";
import { sqlite } from "../storage/index.js";
import { introspectToken } from "./introspect-token.js";
import { parseRefreshToken } from "./refresh-token.js";
import { rotateRefreshToken } from "./rotate-refresh-token.js";
import { endFamily } from "./store.js";

const graceSeconds = 30;
const absoluteSeconds = 100_000;
/** Random histories in all. CI runs 10,000: SEGNO_HISTORIES. */
const histories = Number(process.env.SEGNO_HISTORIES ?? "500");
const share = (part: number) => ({ numRuns: Math.ceil(histories * part) });
const timeoutMs = 60_000 + histories * 100;

let nodes: readonly Node[];
let keeping: readonly Node[];
beforeAll(async () => {
  const twoNodes = async (rotateBound: boolean): Promise<readonly Node[]> => {
    const options = { tokens: { rotateBound, refreshAbsoluteSeconds: absoluteSeconds } };
    const first = await openNode(sqlite(":memory:"), options);
    const source = besides(first, () => sqlite(":memory:"));
    return [first, await openNode(source, { ...options, clock: first.clock })];
  };
  nodes = await twoNodes(true);
  keeping = await twoNodes(false);
});
afterAll(async () => {
  for (const node of [...nodes, ...keeping].toReversed()) await node.stop();
});

function nodeAt(index: number, of: readonly Node[] = nodes): Node {
  const node = of[index % of.length];
  if (node === undefined) throw new Error("no node");
  return node;
}

interface Presented {
  readonly on: number;
  readonly refreshToken: string;
  readonly jkt?: string;
  readonly of?: readonly Node[];
}

/** @returns the successor, or undefined when the token was refused as a grant */
async function present({ on, refreshToken, jkt, of }: Presented): Promise<string | undefined> {
  try {
    const input = { refreshToken, clientId: "segno", jkt };
    return (await rotateRefreshToken(nodeAt(on, of).engine, input, actor)).refreshToken;
  } catch (error) {
    if (isSegnoError(error, "invalid_grant") || isSegnoError(error, "invalid_dpop_proof")) return undefined;
    throw error;
  }
}

/** A few tabs refresh together, each on some node; each answer arrives or is lost. Then time passes. */
const round = fc.record({
  tabs: fc.array(fc.record({ on: fc.nat(1), isLost: fc.boolean() }), { minLength: 1, maxLength: 4 }),
  pauseSeconds: fc.integer({ min: 0, max: 3600 }),
  retrySeconds: fc.integer({ min: 0, max: graceSeconds }),
});

/** What one device of many does next, or somebody who copied its tokens, or the one who signs it out. */
const move = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("refresh" as const), device: fc.nat(2), round }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("thief" as const), device: fc.nat(2), age: fc.nat(3), on: fc.nat(1) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("end" as const), device: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), seconds: fc.nat(20_000) }) },
);

describe("refresh rotation against a model", () => {
  it(
    "T-075: tabs, retries, lost answers and two nodes never sign an honest device out",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 8 }), async (rounds) => {
          const clock = nodeAt(0).clock;
          let stored = (await addFamily(nodeAt(0).engine)).refreshToken;
          for (const { tabs, pauseSeconds, retrySeconds } of rounds) {
            const answers = await Promise.all(tabs.map(({ on }) => present({ on, refreshToken: stored })));
            expect(answers).not.toContain(undefined);
            expect(new Set(answers).size).toBe(1);
            const arrived = answers.find((_, index) => tabs[index]?.isLost === false);
            if (arrived === undefined) {
              clock.advance({ seconds: retrySeconds });
              const retried = await present({ on: 1, refreshToken: stored });
              expect(retried).toBe(answers[0]);
              stored = retried ?? "";
            } else {
              stored = arrived;
            }
            clock.advance({ seconds: pauseSeconds });
          }
          expect((await introspectToken(nodeAt(1).engine, stored)).active).toBe(true);
        }),
        share(0.25),
      );
    },
    timeoutMs,
  );

  it(
    "T-075: whoever presents whatever copy when: accepted exactly when the model says so, and no family but its own ends",
    async () => {
      const step = fc.oneof(
        // one of the tokens ever seen in one of the families, counted from the newest
        fc.record({
          kind: fc.constant("present" as const),
          family: fc.nat(1),
          age: fc.nat(3),
          on: fc.nat(1),
          times: fc.integer({ min: 1, max: 3 }),
        }),
        fc.record({ kind: fc.constant("wait" as const), seconds: fc.constantFrom(0, 1, 10, 29, 30, 31, 60) }),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 14 }), async (steps) => {
          const { clock } = nodeAt(0);
          const families = await Promise.all(
            [0, 1].map(async () => newModel((await addFamily(nodeAt(0).engine)).refreshToken)),
          );
          for (const action of steps) {
            if (action.kind === "wait") {
              clock.advance({ seconds: action.seconds });
              continue;
            }
            const model = families[action.family];
            if (model === undefined) continue;
            for (let time = 0; time < action.times; time += 1) await presentCopy(model, action.age, action.on + time);
          }
          for (const model of families) {
            const told = await introspectToken(nodeAt(0).engine, model.tokens.at(-1) ?? "");
            expect(told.active).toBe(!model.isEnded);
          }
        }),
        share(0.35),
      );
    },
    timeoutMs,
  );

  it(
    "T-075: three devices with their tabs, a thief, sign-outs and the absolute limit: no wrong refusal, no wrong accept",
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(move, { minLength: 1, maxLength: 14 }), async (moves) => {
          const { clock, engine } = nodeAt(0);
          const opened = await addSession(engine);
          // two devices of one session, and one of another user
          const devices = [
            newModel((await addFamily(engine, { opened })).refreshToken),
            newModel((await addFamily(engine, { opened })).refreshToken),
            newModel((await addFamily(engine)).refreshToken),
          ];
          for (const each of moves) {
            const model = "device" in each ? devices[each.device] : undefined;
            if (each.kind === "wait") clock.advance({ seconds: each.seconds });
            else if (model === undefined) continue;
            else if (each.kind === "thief") await presentCopy(model, each.age, each.on);
            else if (each.kind === "refresh") await honestRound(model, each.round);
            else {
              const parts = parseRefreshToken(engine.secrets, model.tokens[0] ?? "");
              await endFamily(engine.store.db, {
                familyId: parts?.familyId ?? "",
                nowMs: clock.nowMs(),
                reason: "test",
              });
              model.isEnded = true;
            }
          }
          for (const model of devices) {
            const told = await introspectToken(nodeAt(1).engine, model.tokens.at(-1) ?? "");
            expect(told.active).toBe(isLive(model));
          }
        }),
        share(0.25),
      );
    },
    timeoutMs,
  );

  it(
    "T-075: with rotateBound off a bound family keeps its token: good with its key, on each node, until it ends",
    async () => {
      const use = fc.record({
        jkt: fc.constantFrom("key", "other key", undefined),
        on: fc.nat(1),
        times: fc.integer({ min: 1, max: 4 }),
        pauseSeconds: fc.nat(30_000),
      });
      await fc.assert(
        fc.asyncProperty(fc.array(use, { minLength: 1, maxLength: 8 }), async (uses) => {
          const { clock, engine } = nodeAt(0, keeping);
          const { refreshToken } = await addFamily(engine, { jkt: "key" });
          const endsAtMs = clock.nowMs() + absoluteSeconds * 1000;
          for (const { jkt, on, times, pauseSeconds } of uses) {
            const isGood = jkt === "key" && clock.nowMs() < endsAtMs;
            const again = Array.from({ length: times }, (_, time) =>
              present({ on: on + time, refreshToken, of: keeping, ...(jkt === undefined ? {} : { jkt }) }),
            );
            for (const answer of await Promise.all(again)) expect(answer).toBe(isGood ? refreshToken : undefined);
            clock.advance({ seconds: pauseSeconds });
          }
          const unbound = (await addFamily(engine)).refreshToken;
          expect(await present({ on: 0, refreshToken: unbound, of: keeping, jkt: "key" })).not.toBe(unbound);
        }),
        share(0.15),
      );
    },
    timeoutMs,
  );
});

/** What must be true of a family: every token it ever had, the newest last. */
interface Model {
  readonly tokens: string[];
  readonly bornAtMs: number;
  rotatedAt: number;
  isEnded: boolean;
}

function newModel(first: string): Model {
  return { tokens: [first], bornAtMs: nodeAt(0).clock.nowMs(), rotatedAt: 0, isEnded: false };
}

function isLive(model: Model): boolean {
  return !model.isEnded && nodeAt(0).clock.nowMs() < model.bornAtMs + absoluteSeconds * 1000;
}

/** One copy of a token, `age` rotations old: accepted, answered with the same successor, or the end of its family. */
async function presentCopy(model: Model, wantedAge: number, on: number): Promise<void> {
  const { clock } = nodeAt(0);
  const index = Math.max(0, model.tokens.length - 1 - wantedAge);
  const age = model.tokens.length - 1 - index;
  const inGrace = clock.nowMs() - model.rotatedAt <= graceSeconds * 1000;
  const answer = await present({ on, refreshToken: model.tokens[index] ?? "" });
  if (!isLive(model) || age > 1 || (age === 1 && !inGrace)) {
    expect(answer).toBeUndefined();
    model.isEnded = true;
  } else if (age === 1) {
    expect(answer).toBe(model.tokens.at(-1));
  } else {
    expect(answer).toBeDefined();
    expect(model.tokens).not.toContain(answer);
    model.tokens.push(answer ?? "");
    model.rotatedAt = clock.nowMs();
  }
}

/** The tabs of one device, at once; a device that lost every answer tries again within the grace. */
async function honestRound(
  model: Model,
  { tabs, pauseSeconds, retrySeconds }: typeof round extends fc.Arbitrary<infer Round> ? Round : never,
): Promise<void> {
  const { clock } = nodeAt(0);
  const stored = model.tokens.at(-1) ?? "";
  const wasLive = isLive(model);
  const answers = await Promise.all(tabs.map(({ on }) => present({ on, refreshToken: stored })));
  if (!wasLive) {
    expect(new Set(answers)).toEqual(new Set([undefined]));
    model.isEnded = true;
    return;
  }
  expect(new Set(answers).size).toBe(1);
  model.tokens.push(answers[0] ?? "");
  model.rotatedAt = clock.nowMs();
  expect(model.tokens.slice(0, -1)).not.toContain(answers[0]);
  if (tabs.every(({ isLost }) => isLost)) {
    clock.advance({ seconds: retrySeconds });
    const isStillLive = isLive(model);
    expect(await present({ on: 1, refreshToken: stored })).toBe(isStillLive ? answers[0] : undefined);
    if (!isStillLive) model.isEnded = true;
  }
  clock.advance({ seconds: pauseSeconds });
}
