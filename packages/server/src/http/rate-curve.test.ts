import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import type { Store } from "../engine.js";
import { sqlBuckets } from "../storage/rate-buckets.js";
import { createRateLimiter, type LeasedRule } from "./rate-limiter.js";

const leased = { name: "leased", limit: 12, windowSeconds: 6, leaseSize: 4 } as const;
const single = { name: "single", limit: 7, windowSeconds: 3 } as const;

/** Some calls to some instances, together or one after the other; the clock may move before they are answered. */
const step = fc.record({
  pauseMs: fc.oneof(fc.constantFrom(0, 1, 250, 500, 998, 999, 1_000), fc.nat(4_000)),
  calls: fc.array(fc.nat(2), { minLength: 1, maxLength: 8 }),
  isTogether: fc.boolean(),
  flightMs: fc.constantFrom(0, 0, 0, 3, 700),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

interface Call {
  readonly atMs: number;
  readonly isAdmitted: boolean;
}

describe.each(testDatabases)("rate limits under the declared curve: $name", ({ name, skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let store: Store;
  let keys = 0;
  beforeAll(async () => {
    database = await create();
    store = await database.source().open();
  });
  afterAll(async () => {
    await store.close();
    await database.drop();
  });
  const numRuns = name === "sqlite memory" ? 300 : 25;

  async function play(rule: LeasedRule, steps: readonly Step[]): Promise<readonly Call[]> {
    let nowMs = 1_800_000_000_000;
    const clock = { nowMs: () => nowMs };
    const limiters = [0, 1, 2].map(() => createRateLimiter({ buckets: sqlBuckets(store.db), clock, isOn: true }));
    const key = `run ${(keys += 1)}`;
    const call = async (on: number): Promise<Call> => {
      const atMs = nowMs;
      const taken = limiters[on]?.take(rule, key) ?? Promise.reject(new Error("no limiter"));
      return await taken.then(
        () => ({ atMs, isAdmitted: true }),
        () => ({ atMs, isAdmitted: false }),
      );
    };
    const calls: Call[] = [];
    for (const { pauseMs, calls: on, isTogether, flightMs } of steps) {
      nowMs += pauseMs;
      if (isTogether) {
        const started = on.map(call);
        nowMs += flightMs;
        calls.push(...(await Promise.all(started)));
      } else for (const each of on) calls.push(await call(each));
    }
    return calls;
  }

  it.each([leased, single])("T-036: no interval admits more than the limit and its rate ($name)", async (rule) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
        const calls = await play(rule, steps);
        const admitted = calls.filter(({ isAdmitted }) => isAdmitted).map(({ atMs }) => atMs);
        expect(excess(rule, admitted)).toBeLessThanOrEqual(0);
      }),
      { numRuns },
    );
  });

  it("refuses nobody who stays under half the curve, whatever batches went unused", async () => {
    const windowMs = leased.windowSeconds * 1_000;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 20 }), async (steps) => {
        const calls = await play(leased, steps);
        for (const { atMs } of calls.filter(({ isAdmitted }) => !isAdmitted)) {
          const before = calls.filter((call) => call.isAdmitted && call.atMs <= atMs).map((call) => call.atMs);
          const used = before.map(
            (sinceMs, index) => (before.length - index) * windowMs - (atMs - sinceMs) * leased.limit,
          );
          expect(Math.max(...used)).toBeGreaterThanOrEqual((leased.limit / 2 - 1) * windowMs - leased.limit * 1_000);
        }
      }),
      { numRuns },
    );
  });
});

/** How far the fullest interval lies above the curve, in permits times the window, so that nothing is rounded. */
function excess(rule: LeasedRule, admitted: readonly number[]): number {
  const windowMs = rule.windowSeconds * 1_000;
  let worst = Number.NEGATIVE_INFINITY;
  for (const [first, fromMs] of admitted.entries()) {
    for (const [offset, toMs] of admitted.slice(first).entries()) {
      worst = Math.max(worst, (offset + 1 - rule.limit) * windowMs - rule.limit * (toMs - fromMs));
    }
  }
  return worst;
}
