import { isSegnoError } from "@segno/core";
import * as fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import type { RateBuckets } from "../engine.js";
import { memoryBuckets } from "./memory-buckets.js";
import { createRateLimiter, type LeasedRule } from "./rate-limiter.js";

const reads = { name: "reads", limit: 40, windowSeconds: 60, isCountedAnywhere: true } as const;
const secrets = { name: "secrets", limit: 40, windowSeconds: 60 } as const;
const startMs = 1_800_000_000_000;

describe("limits while the store takes nothing new", () => {
  let nowMs: number;
  let fault: Error | undefined;
  let asked: number;
  const durable = memoryBuckets(1);
  const buckets: RateBuckets = {
    async take(take) {
      asked += 1;
      if (fault !== undefined) throw fault;
      return await durable.take(take);
    },
    readTatMs: durable.readTatMs,
  };
  beforeEach(() => {
    nowMs = startMs;
    fault = undefined;
    asked = 0;
  });
  const open = () => createRateLimiter({ buckets, clock: { nowMs: () => nowMs }, isOn: true });
  const passes = async (limiter: ReturnType<typeof open>, rule: LeasedRule, key: string, times: number) => {
    let passed = 0;
    for (let turn = 0; turn < times; turn += 1)
      await limiter.take(rule, key).then(
        () => (passed += 1),
        () => undefined,
      );
    return passed;
  };
  const codeOf = async (work: Promise<void>) =>
    await work.then(
      () => "passed",
      (error: unknown) => (isSegnoError(error) ? error.code : error),
    );

  it.each([
    ["SQLITE_FULL", Object.assign(new Error("full"), { errcode: 13 })],
    ["PostgreSQL's disk_full", Object.assign(new Error("full"), { code: "53100" })],
    ["a PostgreSQL that may only be read", Object.assign(new Error("read only"), { code: "25006" })],
  ])("F10: %s: reads go on, a quarter as many, and nothing else", async (name, given) => {
    fault = given;
    const limiter = open();
    expect(await passes(limiter, reads, name, 100)).toBe(10);
    expect(await codeOf(limiter.take(reads, name))).toBe("rate_limited");
    expect(await codeOf(limiter.take(secrets, name))).toBe(given);
    nowMs += 6_000;
    expect(await passes(limiter, reads, name, 100)).toBe(1);
    // the first call that finds room is counted where it belongs
    fault = undefined;
    nowMs += 60_000;
    asked = 0;
    expect(await passes(limiter, reads, name, 100)).toBe(40);
    expect(asked).toBeGreaterThan(0);
  });

  it("a store that does not answer is no store to read from: nothing passes", async () => {
    for (const fields of [{ code: "ECONNREFUSED" }, { errcode: 10 }, { errcode: 5 }, {}]) {
      const given = Object.assign(new Error("gone"), fields);
      fault = given;
      expect(await codeOf(open().take(reads, "a"))).toBe(given);
    }
  });

  it("T-036: however many addresses ask, memory is bounded, and none of them empties another's bucket", async () => {
    const small = memoryBuckets(1);
    const take = (bucket: string) => small.take({ bucket, nowMs, costMs: 1_000, fullMs: 2_000 });
    expect((await take("first")).isTaken).toBe(true);
    expect((await take("first")).isTaken).toBe(true);
    for (let index = 1; index < 10_000; index += 1) await take(`other ${index}`);
    expect((await take("one more")).isTaken).toBe(false);
    expect((await take("first")).isTaken).toBe(false);
    nowMs += 2_000;
    expect((await take("one more")).isTaken).toBe(true);
    expect((await take("first")).isTaken).toBe(true);
  });

  it("never passes more in any time than it promises, whatever the clock does", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: -5_000, max: 20_000 }), { maxLength: 200 }), async (steps) => {
        const buckets = memoryBuckets(4);
        let atMs = startMs;
        let latestMs = startMs;
        let passed = 0;
        for (const step of steps) {
          atMs += step;
          latestMs = Math.max(latestMs, atMs);
          if ((await buckets.take({ bucket: "a", nowMs: atMs, costMs: 1_000, fullMs: 40_000 })).isTaken) passed += 1;
        }
        // a clock that goes back and forth makes time that the bucket takes for its own
        const forwardMs = steps.reduce((sum, step) => sum + Math.max(0, step), 0);
        expect(passed).toBeLessThanOrEqual(10 + forwardMs / 4_000);
      }),
    );
  });
});
