import { describe, expect, it } from "vitest";
import { type SliBucket, sloState } from "./burn-rate.js";
import { burnWindows, defaultSlos, type SloDefinition, sloFaults } from "./definitions.js";

const slo: SloDefinition = { name: "demo", summary: "it works", operations: ["http.demo"], objective: 0.999 };
const minute = 60_000;
const startMs = Date.UTC(2027, 0, 4);

/** A bucket a minute: a thousand requests, of which the share given is bad. */
function minutes(count: number, badShare: (index: number) => number): SliBucket[] {
  return Array.from({ length: count }, (_, index) => {
    const bad = Math.round(1_000 * badShare(index));
    return { atMs: startMs + index * minute, good: 1_000 - bad, total: 1_000 };
  });
}
const at = (index: number) => startMs + index * minute;

/** The first minute at which an alert of these windows fires. */
function firstAlert(buckets: readonly SliBucket[], longMinutes: number, from: number): number | undefined {
  for (let index = from; index < buckets.length; index += 1) {
    const { alerts } = sloState(slo, buckets.slice(0, index + 1), at(index));
    if (alerts.some((alert) => alert.longMinutes === longMinutes)) return index - from;
  }
  return undefined;
}

describe("R044: burn rates", () => {
  it("knows nothing of an objective that counted nothing, and calls its budget whole", () => {
    const state = sloState(slo, [], startMs);
    expect(state).toMatchObject({ total: 0, actual: undefined, budgetLeft: 1, alerts: [], days: 28 });
  });

  it("spends exactly the whole budget at a pace of 1", () => {
    const state = sloState(
      slo,
      minutes(4_320, () => 0.001),
      at(4_319),
    );
    expect(state.burn.hour).toBeCloseTo(1, 6);
    expect(state.burn.threeDays).toBeCloseTo(1, 6);
    expect(state.budgetLeft).toBeCloseTo(0, 6);
    expect(state.actual).toBeCloseTo(0.999, 6);
  });

  // x % bad from one minute on: the hour reaches 1.44 % after 60 * 1.44 / x minutes, six hours 0.6 % after 360 * 0.6 / x
  it.each([
    { badShare: 0.1, fast: 60 * 0.144, slow: 360 * 0.06 },
    { badShare: 0.03, fast: 60 * 0.48, slow: 360 * 0.2 },
    { badShare: 0.5, fast: 60 * 0.0288, slow: 360 * 0.012 },
  ])("fires both page alerts at the computed times with $badShare of requests bad", ({ badShare, fast, slow }) => {
    const buckets = minutes(1_000, (index) => (index >= 500 ? badShare : 0));
    expect(Math.abs((firstAlert(buckets, 60, 500) ?? Number.NaN) - fast)).toBeLessThanOrEqual(1);
    expect(Math.abs((firstAlert(buckets, 360, 500) ?? Number.NaN) - slow)).toBeLessThanOrEqual(1);
  });

  it("wakes nobody for what spends slowly, and files a ticket", () => {
    const buckets = minutes(4_320, () => 0.003);
    const { alerts } = sloState(slo, buckets, at(4_319));
    expect(alerts.map(({ severity, longMinutes }) => [severity, longMinutes])).toEqual([["ticket", 4_320]]);
  });

  it("is over minutes after the trouble is, although the long window still remembers it", () => {
    const buckets = minutes(600, (index) => (index >= 480 && index < 540 ? 0.2 : 0));
    expect(sloState(slo, buckets.slice(0, 540), at(539)).alerts).not.toEqual([]);
    const later = sloState(slo, buckets.slice(0, 546), at(545));
    expect(later.burn.hour).toBeGreaterThan(14.4);
    expect(later.alerts.filter(({ longMinutes }) => longMinutes === 60)).toEqual([]);
  });

  it("does not judge by a handful of requests", () => {
    const few: SliBucket[] = [{ atMs: at(0), good: 0, total: 3 }];
    expect(sloState(slo, few, at(1)).alerts).toEqual([]);
  });
});

describe("definitions", () => {
  it("has defaults without fault, for sign-in success and latency, token issue and key access", () => {
    expect(sloFaults(defaultSlos)).toEqual([]);
    expect(defaultSlos.map(({ name }) => name)).toEqual([
      "sign-in-success",
      "sign-in-latency",
      "token-issue",
      "token-latency",
      "key-access",
    ]);
    for (const { longMinutes, shortMinutes } of burnWindows) expect(longMinutes / shortMinutes).toBe(12);
  });

  it("names every fault", () => {
    const bad = { ...slo, name: "No Name", operations: [], objective: 1, underMs: 0, days: 0 };
    expect(sloFaults([bad, slo, slo])).toHaveLength(6);
  });
});
