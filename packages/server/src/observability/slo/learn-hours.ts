import type { SliBucket } from "./burn-rate.js";

const hourMs = 3_600_000;
const weekMs = 168 * hourMs;
/** Weeks that are looked back on. */
const learnedWeeks = 5;
/** Seen in fewer weeks than this, an hour has no usual yet. */
const fewestWeeks = 2;
/** Sign-ins that an hour of the week must have had, all weeks together, to know its usual. */
const fewestLearned = 100;
/** And those of now, to be held against it. */
const fewestNow = 30;
/** How far below its usual the rate must be, in shares, before it matters to anybody. */
const leastDrop = 0.015;
/** And how unlikely chance alone is, in standard deviations: looked at each minute, chance alone gets there every few months. */
const leastDeviations = 4.25;
/** Each is looked at: a deep drop shows in minutes, a shallow one needs more sign-ins. */
const windowsMinutes = [5, 8, 12, 20] as const;

/** Sign-ins succeed less often than is usual at this hour of the week. */
export interface RateDrop {
  readonly windowMinutes: number;
  readonly rate: number;
  readonly usual: number;
  readonly deviations: number;
}

/**
 * Whether the success rate has left its usual band, by hour of the week. Nothing is known, and so nothing is told, before two
 * weeks have passed. How unlikely a number of failures is comes from the square roots of what was seen and what is usual
 * (Anscombe), which holds for small numbers too, widened by how much the rate differed from week to week. To tell three
 * points from chance where 3.5 % usually fail takes some 1,200 sign-ins.
 */
export function rateDrop(buckets: readonly SliBucket[], nowMs: number): RateDrop | undefined {
  const usualOf = usualRates(buckets, nowMs);
  for (const windowMinutes of windowsMinutes) {
    const fromMs = nowMs - windowMinutes * 60_000;
    const drop = judge(
      buckets.filter(({ atMs, total }) => atMs > fromMs && atMs <= nowMs && total > 0),
      usualOf,
    );
    if (drop !== undefined) return { windowMinutes, ...drop };
  }
  return undefined;
}

type Usual = (atMs: number) => { readonly rate: number; readonly variance: number } | undefined;

/** Each minute is held against the usual of its own hour: a window may reach over from a quiet hour into a busy one. */
function judge(now: readonly SliBucket[], usualOf: Usual): Omit<RateDrop, "windowMinutes"> | undefined {
  const { good, total } = sum(now);
  if (total < fewestNow) return undefined;
  let failures = 0;
  let spread = 0;
  for (const bucket of now) {
    const usual = usualOf(bucket.atMs);
    if (usual === undefined) return undefined;
    failures += bucket.total * (1 - usual.rate);
    spread += bucket.total ** 2 * usual.variance;
  }
  const [rate, usual] = [good / total, 1 - failures / total];
  const distance = 2 * (Math.sqrt(total - good + 0.375) - Math.sqrt(failures + 0.375));
  const deviations = distance / Math.sqrt(1 + spread / Math.max(failures, 1));
  return usual - rate >= leastDrop && deviations >= leastDeviations ? { rate, usual, deviations } : undefined;
}

function usualRates(buckets: readonly SliBucket[], nowMs: number): Usual {
  const known = new Map<number, ReturnType<Usual>>();
  return (atMs) => {
    const hour = startOfHour(atMs);
    if (!known.has(hour)) known.set(hour, usualRate(buckets, hour, nowMs));
    return known.get(hour);
  };
}

function usualRate(buckets: readonly SliBucket[], hour: number, nowMs: number): ReturnType<Usual> {
  const weeks: Counts[] = [];
  for (let week = 1; week <= learnedWeeks; week += 1) {
    const fromMs = hour - week * weekMs;
    const counted = sum(buckets.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + hourMs && atMs < nowMs));
    if (counted.total > 0) weeks.push(counted);
  }
  const all = sum(weeks);
  if (weeks.length < fewestWeeks || all.total < fewestLearned) return undefined;
  const rate = all.good / all.total;
  // five weeks differ by chance too: what is up to twice that says nothing
  return { rate, variance: Math.max(0, betweenWeeks(weeks, rate) - 2 * withinWeeks(weeks, rate)) };
}

interface Counts {
  readonly good: number;
  readonly total: number;
}

const betweenWeeks = (weeks: readonly Counts[], rate: number): number =>
  weeks.reduce((total, week) => total + (week.good / week.total - rate) ** 2, 0) / weeks.length;

const withinWeeks = (weeks: readonly Counts[], rate: number): number =>
  weeks.reduce((total, week) => total + (rate * (1 - rate)) / week.total, 0) / weeks.length;

function sum(counts: readonly Counts[]): Counts {
  return counts.reduce((all, { good, total }) => ({ good: all.good + good, total: all.total + total }), {
    good: 0,
    total: 0,
  });
}

const startOfHour = (ms: number): number => Math.floor(ms / hourMs) * hourMs;
