import { describe, expect, it } from "vitest";
import type { SliBucket } from "./burn-rate.js";
import { rateDrop } from "./learn-hours.js";

const minute = 60_000;
const hour = 3_600_000;
const startMs = Date.UTC(2027, 0, 4); // a Monday
const weeks = 5;

/** Mulberry32: the same numbers each time. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Busy by day and quiet by night; nights fail a little more, weekends too. */
function usualOf(ms: number): { perMinute: number; rate: number } {
  const of = Math.floor(ms / hour) % 24;
  const isNight = of < 7;
  const isWeekend = [0, 6].includes(new Date(ms).getUTCDay());
  return { perMinute: isNight ? 4 : isWeekend ? 60 : 400, rate: (isNight ? 0.93 : 0.965) - (isWeekend ? 0.01 : 0) };
}

function traffic(random: () => number, from: number, count: number, drop: (ms: number) => number): SliBucket[] {
  return Array.from({ length: count }, (_, index) => {
    const atMs = from + index * minute;
    const { perMinute, rate } = usualOf(atMs);
    let good = 0;
    for (let each = 0; each < perMinute; each += 1) if (random() < rate - drop(atMs)) good += 1;
    return { atMs, good, total: perMinute };
  });
}

/** As the store keeps it: minutes of the last days, hours before. */
function hourly(buckets: readonly SliBucket[]): SliBucket[] {
  const hours = new Map<number, { good: number; total: number }>();
  for (const { atMs, good, total } of buckets) {
    const at = Math.floor(atMs / hour) * hour;
    const sum = hours.get(at) ?? { good: 0, total: 0 };
    hours.set(at, { good: sum.good + good, total: sum.total + total });
  }
  return [...hours].map(([atMs, counts]) => ({ atMs, ...counts }));
}

const past = (random: () => number) => hourly(traffic(random, startMs, weeks * 7 * 24 * 60, () => 0));
const nowMs = startMs + weeks * 7 * 24 * hour;

describe("R039: sign-ins that succeed less often than is usual at this hour of the week", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("tells of a drop by three points within ten minutes, seed %i", (seed) => {
    const random = seeded(seed);
    const learned = past(random);
    const beginsMs = nowMs + 10 * hour; // Monday, ten o'clock
    const today = traffic(random, nowMs, 11 * 60, (ms) => (ms >= beginsMs ? 0.03 : 0));
    let told: number | undefined;
    for (let index = 0; index < today.length && told === undefined; index += 1) {
      const until = today[index]?.atMs ?? 0;
      const drop = rateDrop([...learned, ...today.slice(0, index + 1)], until);
      if (drop !== undefined) told = (until - beginsMs) / minute;
    }
    expect(told).toBeGreaterThanOrEqual(0);
    expect(told).toBeLessThan(10);
  });

  it.each([42, 43, 44])("says nothing through a normal week with its nights and its weekend, seed %i", (seed) => {
    const random = seeded(seed);
    const learned = past(random);
    const week = traffic(random, nowMs, 7 * 24 * 60, () => 0);
    let told = 0;
    for (let index = 0; index < week.length; index += 3) {
      const recent = week.slice(Math.max(0, index - 60), index + 1);
      if (rateDrop([...learned, ...recent], week[index]?.atMs ?? 0) !== undefined) told += 1;
    }
    expect(told).toBe(0);
  });

  it("learns for two weeks before it says anything", () => {
    const random = seeded(7);
    const week = hourly(traffic(random, nowMs - 7 * 24 * hour, 7 * 24 * 60, () => 0));
    const down = traffic(random, nowMs, 30, () => 0.9);
    expect(rateDrop([...week, ...down], nowMs + 29 * minute)).toBeUndefined();
    expect(rateDrop([], nowMs)).toBeUndefined();
  });
});
