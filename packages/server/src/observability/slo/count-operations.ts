import { type Clock, failureClassOf, type SegnoError, type TelemetryHook } from "@segno/core";
import { isOurFault, type SloDefinition } from "./definitions.js";
import { type SliCounts, startOfMinute } from "./store.js";

/** The rate that is held against the usual of its hour: finished sign-ins among those the person tried to finish. */
export const signInRate = "sign-in-rate";

/** Counts operations as they end, by objective and minute. */
export interface OperationCounter {
  /** For what is observed already. */
  readonly hook: TelemetryHook;
  /** What to tell when an operation ends; undefined where no objective counts it, so that it need not be looked at. */
  ending(operation: string): OperationEnding | undefined;
  /** What was counted since the last call. */
  take(): readonly SliCounts[];
  /** Puts back what could not be written. */
  giveBack(counts: readonly SliCounts[]): void;
}

/** `error` where it failed. */
export type OperationEnding = (durationMs: number, error?: SegnoError) => void;

/**
 * Makes a counter for these objectives. Where an objective has a time, only what was answered as asked is counted, and what
 * took longer is bad. Elsewhere everything is counted, and only what failed by our fault is bad.
 */
export function createOperationCounter(definitions: readonly SloDefinition[], clock: Clock): OperationCounter {
  const pending = new Map<string, { name: string; atMs: number; good: number; total: number }>();
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
  };
  const ended = (operation: string, durationMs: number, error: SegnoError | undefined): void => {
    const isOurs = error !== undefined && isOurFault(failureClassOf(error.code));
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
    ending: (operation) =>
      of(operation).length === 0 ? undefined : (durationMs, error) => ended(operation, durationMs, error),
    take() {
      const taken = [...pending.values()];
      pending.clear();
      return taken;
    },
    giveBack(counts) {
      for (const each of counts) add(each);
    },
  };
}

function takes(pattern: string, operation: string): boolean {
  return pattern.endsWith("*") ? operation.startsWith(pattern.slice(0, -1)) : pattern === operation;
}
