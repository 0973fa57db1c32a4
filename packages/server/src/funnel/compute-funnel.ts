import type { FailureClass, SegnoEvent, SignInMethod } from "@segno/core";
import { type AttemptFacts, createTally, type Groups, type Tally } from "./tally.js";

/** How the figures may be cut. */
export type FunnelCut = "method" | "device" | "variant";

/** A middle and a late one of many, by the nearest rank; null for none. In milliseconds. */
export interface Spread {
  readonly p50: number | null;
  readonly p90: number | null;
}

/** The figures of one group. Formulas: docs/concepts/funnel.md. */
export interface FunnelRow {
  /** `all`, or the way, device class or `experiment:variant` that it is about; `none` where an event named none. */
  readonly group: string;
  /** Attempts begun, without autofill that nobody used. */
  readonly started: number;
  readonly completed: number;
  /** Not completed, and their ten minutes are over. */
  readonly abandoned: number;
  /** Not completed yet. */
  readonly open: number;
  /** `completed / (started - open)`; null while that is nothing. */
  readonly completion: number | null;
  /** `abandoned / (started - open)`; null while that is nothing. */
  readonly abandonment: number | null;
  /** Of the people who signed in at all, the share that did so in this group; null while nobody did. */
  readonly adoption: number | null;
  /** From the begin of an attempt to its session. */
  readonly timeToSuccessMs: Spread;
  /** By what they signed in in the end. */
  readonly methods: Readonly<Partial<Record<SignInMethod, number>>>;
  /** Refusals of the service, by class. One attempt may have several. */
  readonly failures: Readonly<Partial<Record<FailureClass, number>>>;
  /** What the screens told: shown, begun on, done, left; and what was begun on them. */
  readonly screens: {
    readonly exposed: number;
    readonly begun: number;
    readonly done: number;
    readonly left: number;
    /** From the begin of a prompt or mail to its success. */
    readonly latencyMs: Spread;
    readonly failures: Readonly<Partial<Record<FailureClass, number>>>;
  };
}

/** A funnel over a span of time. */
export interface FunnelReport {
  readonly by: FunnelCut | null;
  readonly rows: readonly FunnelRow[];
  /** Alerts in the same span, by kind. */
  readonly riskAlerts: Readonly<Record<string, number>>;
  /** Of all failures the share that no class fits; null without failures. */
  readonly unknownShare: number | null;
}

const attemptMs = 600_000;

/**
 * The figures of events, in their order. Pure: the same events and the same moment give the same figures.
 * @param nowMs an attempt without an end is abandoned ten minutes after its begin
 */
export function computeFunnel(
  events: Iterable<SegnoEvent>,
  options: { readonly nowMs: number; readonly by?: FunnelCut | undefined },
): FunnelReport {
  const tally = createTally();
  for (const event of events) tally.add(event);
  return reportOf(tally, options);
}

/** The figures of a tally that has read its events. */
export function reportOf(
  tally: Tally,
  { nowMs, by }: { readonly nowMs: number; readonly by?: FunnelCut | undefined },
): FunnelReport {
  const attempts = [...tally.attempts.values()].filter(isCounted);
  const everything: readonly { readonly group: Groups }[] = [
    ...attempts,
    ...tally.failures,
    ...tally.screens.values(),
    ...tally.ceremonies,
  ];
  const groups = by === undefined ? ["all"] : [...new Set(everything.map(({ group }) => group[by]))].sort();
  const people = peopleOf(attempts);
  const rows = groups.map((group) => {
    const isOf = (item: { readonly group: Groups }) => by === undefined || item.group[by] === group;
    return rowOf(group, {
      people,
      nowMs,
      attempts: attempts.filter(isOf),
      failures: tally.failures.filter(isOf),
      screens: [...tally.screens.values()].filter(isOf),
      ceremonies: tally.ceremonies.filter(isOf),
    });
  });
  return { by: by ?? null, rows, riskAlerts: Object.fromEntries(tally.alerts), unknownShare: unknownShareOf(rows) };
}

/** A ceremony that the browser armed by itself was begun only once somebody answered it. */
function isCounted({ isAutofill, endedMs, hasFailed }: AttemptFacts): boolean {
  return !isAutofill || endedMs !== undefined || hasFailed;
}

const peopleOf = (attempts: readonly AttemptFacts[]): ReadonlySet<string> =>
  new Set(attempts.flatMap(({ endedMs, subject }) => (endedMs === undefined || subject === null ? [] : [subject])));

function rowOf(
  group: string,
  part: Pick<Tally, "failures" | "ceremonies"> & {
    readonly attempts: readonly AttemptFacts[];
    readonly screens: readonly { readonly hasBegun: boolean; readonly isDone: boolean; readonly isLeft: boolean }[];
    readonly people: ReadonlySet<string>;
    readonly nowMs: number;
  },
): FunnelRow {
  const { attempts, screens, ceremonies } = part;
  const done = attempts.filter(({ endedMs }) => endedMs !== undefined);
  const open = attempts.filter(({ endedMs, startedMs }) => endedMs === undefined && part.nowMs - startedMs < attemptMs);
  const abandoned = attempts.length - done.length - open.length;
  const settled = attempts.length - open.length;
  const failed = ceremonies.flatMap(({ failureClass }) => (failureClass === null ? [] : [{ failureClass, count: 1 }]));
  return {
    group,
    started: attempts.length,
    completed: done.length,
    abandoned,
    open: open.length,
    completion: shareOf(done.length, settled),
    abandonment: shareOf(abandoned, settled),
    adoption: shareOf(peopleOf(attempts).size, part.people.size),
    timeToSuccessMs: spreadOf(done.map(({ startedMs, endedMs = startedMs }) => endedMs - startedMs)),
    methods: countBy(done.flatMap(({ method }) => (method === undefined ? [] : [[method, 1] as const]))),
    failures: countBy(part.failures.map(({ failureClass, count }) => [failureClass, count])),
    screens: {
      exposed: screens.length,
      begun: screens.filter(({ hasBegun }) => hasBegun).length,
      done: screens.filter(({ isDone }) => isDone).length,
      left: screens.filter(({ isLeft, isDone }) => isLeft && !isDone).length,
      latencyMs: spreadOf(
        ceremonies.filter(({ failureClass }) => failureClass === null).map(({ durationMs }) => durationMs),
      ),
      failures: countBy(failed.map(({ failureClass, count }) => [failureClass, count])),
    },
  };
}

const shareOf = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? null;
  return { p50: rank(0.5), p90: rank(0.9) };
}

function countBy<Key extends string>(items: readonly (readonly [Key, number])[]): Partial<Record<Key, number>> {
  const counts = new Map<Key, number>();
  for (const [key, count] of items) counts.set(key, (counts.get(key) ?? 0) + count);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))) as Partial<Record<Key, number>>;
}

function unknownShareOf(rows: readonly FunnelRow[]): number | null {
  let all = 0;
  let unknown = 0;
  for (const { failures, screens } of rows) {
    for (const counts of [failures, screens.failures]) {
      for (const count of Object.values(counts)) all += count;
      unknown += counts.unknown ?? 0;
    }
  }
  return shareOf(unknown, all);
}
