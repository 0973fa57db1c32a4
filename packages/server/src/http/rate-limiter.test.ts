import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { isSegnoError } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import type { Store } from "../engine.js";
import { sqlBuckets } from "../storage/rate-buckets.js";
import { createRateLimiter } from "./rate-limiter.js";

const rule = { name: "test", limit: 7, windowSeconds: 60 };

describe.each(testDatabases)("rate limiter: $name", ({ name, skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let store: Store;
  let nowMs: number;
  const clock = { nowMs: () => nowMs };
  beforeEach(async () => {
    nowMs = 1_800_000_000_123;
    database = await create();
    store = await database.source().open();
  });
  afterEach(async () => {
    await store.close();
    await database.drop();
  });
  const passes = async (takes: Promise<void>[]) =>
    (await Promise.allSettled(takes)).filter((take) => take.status === "fulfilled").length;

  it("T-036: of 60 parallel takes over a limit of 7 exactly 7 pass", async () => {
    const limiter = createRateLimiter({ buckets: sqlBuckets(store.db), clock, isOn: true });
    expect(await passes(Array.from({ length: 60 }, () => limiter.take(rule, "a")))).toBe(7);
    expect(await passes([limiter.take(rule, "b"), limiter.take({ ...rule, name: "other" }, "a")])).toBe(2);
  });

  it("lets one more through each time a permit's share of the window has passed, and says when", async () => {
    const limiter = createRateLimiter({ buckets: sqlBuckets(store.db), clock, isOn: true });
    await passes(Array.from({ length: 10 }, () => limiter.take(rule, "a")));
    const refused = await limiter.take(rule, "a").catch((error: unknown) => error);
    expect(isSegnoError(refused, "rate_limited") && refused.retryAfterSeconds).toBe(9);
    nowMs += 9_000;
    expect(await passes([limiter.take(rule, "a"), limiter.take(rule, "a")])).toBe(1);
    nowMs += 120_000;
    expect(await passes(Array.from({ length: 20 }, () => limiter.take(rule, "a")))).toBe(7);
  });

  it("a leased rule never passes more than its limit, and does not outlive its second", async () => {
    const limiter = createRateLimiter({ buckets: sqlBuckets(store.db), clock, isOn: true });
    const leased = { name: "read", limit: 50, windowSeconds: 60, leaseSize: 10 };
    const takes: Promise<void>[] = [];
    for (let index = 0; index < 200; index += 1) {
      const take = limiter.take(leased, "a");
      takes.push(take);
      await take.catch(() => {});
    }
    expect(await passes(takes)).toBe(49);
    nowMs += 60_000;
    await limiter.take(leased, "a");
    nowMs += 1_500;
    const row = await store.db.selectFrom("segno_rate_limits").select("tat").executeTakeFirstOrThrow();
    await limiter.take(leased, "a");
    const after = await store.db.selectFrom("segno_rate_limits").select("tat").executeTakeFirstOrThrow();
    expect(after.tat).toBeGreaterThan(row.tat);
  });

  it("T-036: refuses a flood from memory until the very moment a permit is free, and not one moment longer", async () => {
    let queries = 0;
    const db = store.db.withPlugin({
      transformQuery: ({ node }) => {
        queries += 1;
        return node;
      },
      transformResult: async ({ result }) => result,
    });
    const limiter = createRateLimiter({ buckets: sqlBuckets(db), clock, isOn: true });
    const leased = { ...rule, name: "leased", leaseSize: 3 };
    for (const [each, burst] of [
      [rule, 7],
      [leased, 6],
    ] as const) {
      for (let index = 0; index < burst; index += 1) await limiter.take(each, "a");
      const refused = await limiter.take(each, "a").catch((error: unknown) => error);
      const asked = queries;
      for (let index = 0; index < 1_000; index += 1) {
        const again = await limiter.take(each, "a").catch((error: unknown) => error);
        expect(again).toMatchObject({ code: "rate_limited", retryAfterSeconds: burst === 7 ? 9 : 1 });
      }
      expect([isSegnoError(refused, "rate_limited"), queries]).toEqual([true, asked]);
    }
    nowMs += Math.floor(60_000 / 7);
    expect(await passes([limiter.take(rule, "a")])).toBe(0);
    nowMs += 1;
    expect(await passes([limiter.take(rule, "a")])).toBe(1);
    expect(await passes([limiter.take(rule, "a")])).toBe(0);
    nowMs -= 600_000;
    const before = queries;
    await passes([limiter.take(rule, "a")]);
    expect(queries).toBeGreaterThan(before);
  });

  it("takes nothing when switched off", async () => {
    const limiter = createRateLimiter({ buckets: sqlBuckets(store.db), clock, isOn: false });
    expect(await passes(Array.from({ length: 60 }, () => limiter.take(rule, "a")))).toBe(60);
  });

  if (name === "sqlite memory") return;

  it("T-036: two stores on one database share a bucket", async () => {
    const other = await database.source().open();
    const limiters = [store, other].map(({ db }) => createRateLimiter({ buckets: sqlBuckets(db), clock, isOn: true }));
    const takes = Array.from({ length: 30 }, () => limiters.map((limiter) => limiter.take(rule, "a"))).flat();
    expect(await passes(takes)).toBe(7);
    await other.close();
  });
});

const shared = testDatabases.filter(({ name }) => name === "sqlite file" || name === "postgres");
describe.each(shared)("rate limiter in three processes ($name)", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  it("T-036: together they pass exactly the limit", async () => {
    const database = await create();
    const store = await database.source().open();
    const counts = await Promise.all([1, 2, 3].map(() => run(database.address ?? "")));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(7);
    await store.close();
    await database.drop();
  });
});

const inTests = (name: string) => fileURLToPath(new URL(`../../test/${name}`, import.meta.url));

function run(address: string): Promise<number> {
  const args = ["--import", inTests("source-loader.mjs"), inTests("rate-limit-process.ts"), address];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.on("close", (code) => (code === 0 ? resolve(Number(output)) : reject(new Error(`exit ${code}`))));
  });
}
