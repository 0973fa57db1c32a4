import { type AlertSeverity, type BurnWindow, burnWindows, type SloDefinition, sloDays } from "./definitions.js";

/** What was counted in one minute, or in one hour once it is some days old. */
export interface SliBucket {
  /** When it begins. */
  readonly atMs: number;
  readonly good: number;
  readonly total: number;
}

/** An alert that would fire or fires: both of its windows spend too fast. */
export interface BurnAlert {
  readonly severity: AlertSeverity;
  readonly longMinutes: number;
  readonly shortMinutes: number;
  /** How fast the long window spends. */
  readonly burnRate: number;
}

/** Where an objective stands. */
export interface SloState {
  readonly name: string;
  readonly summary: string;
  readonly objective: number;
  readonly days: number;
  /** Everything that was counted over the period. */
  readonly total: number;
  /** The share that was good; undefined while nothing was counted. */
  readonly actual: number | undefined;
  /** The share of the error budget that is left; below 0 when more than all is spent. 1 while nothing was counted. */
  readonly budgetLeft: number;
  /** Spending pace over the last hour, six hours and three days; 1 spends exactly all of it by the end of the period. */
  readonly burn: { readonly hour: number; readonly sixHours: number; readonly threeDays: number };
  readonly alerts: readonly BurnAlert[];
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
/** Fewer than this in the short window say nothing: one failure among three is no trend. */
const fewestToJudge = 10;

/** Where an objective stands now. Pure: the same buckets and the same time give the same answer. */
export function sloState(definition: SloDefinition, buckets: readonly SliBucket[], nowMs: number): SloState {
  const days = definition.days ?? sloDays;
  const budget = 1 - definition.objective;
  const period = countsSince(buckets, nowMs - days * dayMs, nowMs);
  const burn = (minutes: number) => burnOf(countsSince(buckets, nowMs - minutes * minuteMs, nowMs), budget);
  return {
    name: definition.name,
    summary: definition.summary,
    objective: definition.objective,
    days,
    total: period.total,
    actual: period.total === 0 ? undefined : period.good / period.total,
    budgetLeft: 1 - burnOf(period, budget),
    burn: { hour: burn(60), sixHours: burn(360), threeDays: burn(4_320) },
    alerts: burnWindows.flatMap((window) => alertOf(window, { buckets, budget, nowMs })),
  };
}

interface Judged {
  readonly buckets: readonly SliBucket[];
  readonly budget: number;
  readonly nowMs: number;
}

function alertOf(window: BurnWindow, { buckets, budget, nowMs }: Judged): readonly BurnAlert[] {
  const { severity, longMinutes, shortMinutes } = window;
  const long = countsSince(buckets, nowMs - longMinutes * minuteMs, nowMs);
  const short = countsSince(buckets, nowMs - shortMinutes * minuteMs, nowMs);
  const burnRate = burnOf(long, budget);
  if (short.total < fewestToJudge || burnRate < window.burnRate || burnOf(short, budget) < window.burnRate) return [];
  return [{ severity, longMinutes, shortMinutes, burnRate }];
}

interface Counts {
  readonly good: number;
  readonly total: number;
}

function countsSince(buckets: readonly SliBucket[], fromMs: number, untilMs: number): Counts {
  let good = 0;
  let total = 0;
  for (const bucket of buckets) {
    if (bucket.atMs < fromMs || bucket.atMs > untilMs) continue;
    good += bucket.good;
    total += bucket.total;
  }
  return { good, total };
}

function burnOf({ good, total }: Counts, budget: number): number {
  return total === 0 ? 0 : (total - good) / total / budget;
}
