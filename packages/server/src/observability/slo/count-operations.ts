import { type Clock, type FailureClass, failureClassOf, type SegnoError, type TelemetryHook } from "@segno/core";
import type { SloDefinition } from "./definitions.js";
import { type SliCounts, startOfMinute } from "./store.js";

/** The rate that is held against the usual of its hour: finished sign-ins among those the person tried to finish. */
export const signInRate = "sign-in-rate";

/** Counts operations as they end, by objective and minute. */
export interface OperationCounter {
  readonly hook: TelemetryHook;
  /** Whether any objective counts this operation: others need not be looked at. */
  counts(operation: string): boolean;
  /** What was counted since the last call. */
  take(): readonly SliCounts[];
  /** Puts back what could not be written. */
  giveBack(counts: readonly SliCounts[]): void;
  /** Everything this process counted since it started, for a scrape. */
  totals(): ReadonlyMap<string, { readonly good: number; readonly total: number }>;
}

const ours: ReadonlySet<FailureClass> = new Set(["server", "key_unavailable", "timeout"]);

/**
 * Makes a counter for these objectives. Where an objective has a time, only what was answered as asked is counted, and what
 * took longer is bad. Elsewhere everything is counted, and only what failed by our fault is bad.
 */
export function createOperationCounter(definitions: readonly SloDefinition[], clock: Clock): OperationCounter {
  const pending = new Map<string, { name: string; atMs: number; good: number; total: number }>();
  const totals = new Map<string, { good: number; total: number }>();
  const byOperation = new Map<string, readonly SloDefinition[]>();
  const ofRate = definitions.find(({ name }) => name === "sign-in-success");

  const of = (operation: string): readonly SloDefinition[] => {
    let known = byOperation.get(operation);
    if (known === undefined) {
      known = definitions.filter(({ operations }) => operations.some((pattern) => takes(pattern, operation)));
      byOperation.set(operation, known);
    }
    return known;
  };
  const add = (counts: SliCounts): void => {
    const key = `${counts.name} ${counts.atMs}`;
    const bucket = pending.get(key) ?? { name: counts.name, atMs: counts.atMs, good: 0, total: 0 };
    bucket.good += counts.good;
    bucket.total += counts.total;
    pending.set(key, bucket);
  };
  const count = (name: string, isGood: boolean): void => {
    const good = isGood ? 1 : 0;
    add({ name, atMs: startOfMinute(clock.nowMs()), good, total: 1 });
    const total = totals.get(name) ?? { good: 0, total: 0 };
    total.good += good;
    total.total += 1;
    totals.set(name, total);
  };
  const ended = (operation: string, durationMs: number, error: SegnoError | undefined): void => {
    const isOurs = error !== undefined && ours.has(failureClassOf(error.code));
    for (const definition of of(operation)) {
      if (definition.underMs === undefined) count(definition.name, !isOurs);
      else if (error === undefined) count(definition.name, durationMs <= definition.underMs);
      if (definition === ofRate) count(signInRate, error === undefined);
    }
  };
  return {
    hook: {
      after: ({ operation }, { durationMs }) => ended(operation, durationMs, undefined),
      error: ({ operation }, error, { durationMs }) => ended(operation, durationMs, error),
    },
    counts: (operation) => of(operation).length > 0,
    take() {
      const taken = [...pending.values()];
      pending.clear();
      return taken;
    },
    giveBack(counts) {
      for (const each of counts) add(each);
    },
    totals: () => totals,
  };
}

function takes(pattern: string, operation: string): boolean {
  return pattern.endsWith("*") ? operation.startsWith(pattern.slice(0, -1)) : pattern === operation;
}
