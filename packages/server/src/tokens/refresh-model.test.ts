import fc from "fast-check";
import { isSegnoError } from "@segno/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { actor, addFamily, besides, type Node, openNode } from "../../test/engine-kit.js";
import { sqlite } from "../storage/index.js";
import { introspectToken } from "./introspect-token.js";
import { rotateRefreshToken } from "./rotate-refresh-token.js";

const graceSeconds = 30;
let nodes: readonly Node[];
beforeAll(async () => {
  const first = await openNode(sqlite(":memory:"));
  nodes = [
    first,
    await openNode(
      besides(first, () => sqlite(":memory:")),
      { clock: first.clock },
    ),
  ];
});
afterAll(async () => {
  for (const node of nodes.toReversed()) await node.stop();
});

function nodeAt(index: number): Node {
  const node = nodes[index % nodes.length];
  if (node === undefined) throw new Error("no node");
  return node;
}

/** @returns the successor, or undefined when the token was refused as a grant */
async function present(on: number, refreshToken: string): Promise<string | undefined> {
  try {
    return (await rotateRefreshToken(nodeAt(on).engine, { refreshToken, clientId: "segno" }, actor)).refreshToken;
  } catch (error) {
    if (isSegnoError(error, "invalid_grant")) return undefined;
    throw error;
  }
}

/** A few tabs refresh together, each on some node; each answer arrives or is lost. Then time passes. */
const round = fc.record({
  tabs: fc.array(fc.record({ on: fc.nat(1), isLost: fc.boolean() }), { minLength: 1, maxLength: 4 }),
  pauseSeconds: fc.integer({ min: 0, max: 3600 }),
  retrySeconds: fc.integer({ min: 0, max: graceSeconds }),
});

describe("refresh rotation against a model", () => {
  it("T-075: tabs, retries, lost answers and two nodes never sign an honest device out", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(round, { minLength: 1, maxLength: 8 }), async (rounds) => {
        const clock = nodeAt(0).clock;
        let stored = (await addFamily(nodeAt(0).engine)).refreshToken;
        for (const { tabs, pauseSeconds, retrySeconds } of rounds) {
          const answers = await Promise.all(tabs.map(({ on }) => present(on, stored)));
          expect(answers).not.toContain(undefined);
          expect(new Set(answers).size).toBe(1);
          const arrived = answers.find((_, index) => tabs[index]?.isLost === false);
          if (arrived === undefined) {
            clock.advance({ seconds: retrySeconds });
            const retried = await present(1, stored);
            expect(retried).toBe(answers[0]);
            stored = retried ?? "";
          } else {
            stored = arrived;
          }
          clock.advance({ seconds: pauseSeconds });
        }
        expect((await introspectToken(nodeAt(1).engine, stored)).active).toBe(true);
      }),
      { numRuns: 200 },
    );
  }, 60_000);

  it("T-075: whoever presents whatever copy when: accepted exactly when the model says so, and no family but its own ends", async () => {
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
          [0, 1].map(async () => ({
            tokens: [(await addFamily(nodeAt(0).engine)).refreshToken],
            rotatedAt: 0,
            isEnded: false,
          })),
        );
        for (const action of steps) {
          if (action.kind === "wait") {
            clock.advance({ seconds: action.seconds });
            continue;
          }
          const model = families[action.family];
          if (model === undefined) continue;
          for (let time = 0; time < action.times; time += 1) {
            const index = Math.max(0, model.tokens.length - 1 - action.age);
            const token = model.tokens[index] ?? "";
            const age = model.tokens.length - 1 - index;
            const inGrace = clock.nowMs() - model.rotatedAt <= graceSeconds * 1000;
            const answer = await present(action.on + time, token);
            if (model.isEnded || age > 1 || (age === 1 && !inGrace)) {
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
        }
        for (const model of families) {
          const told = await introspectToken(nodeAt(0).engine, model.tokens.at(-1) ?? "");
          expect(told.active).toBe(!model.isEnded);
        }
      }),
      { numRuns: 300 },
    );
  }, 60_000);
});
