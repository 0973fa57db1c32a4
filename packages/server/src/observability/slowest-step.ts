/** A span, wherever it was recorded. */
export interface TimedSpan {
  readonly name: string;
  readonly spanId: string;
  /** The span it is a step of; null or unknown for the first. */
  readonly parentSpanId: string | null;
  readonly durationMs: number;
}

/** Where the time went. */
export interface SlowestStep {
  readonly name: string;
  /** Its own time: without that of its steps. Several spans of one name count together. */
  readonly ownMs: number;
  /** Of the time of all requests among the spans, 0 to 1. */
  readonly share: number;
}

/**
 * The step that took the most time of its own, in one trace or in many. Steps that ran at the same time each count in full, so
 * the shares of a request may add up to more than one. Time that no span covers counts for the span around it.
 * @returns undefined where there are no spans, or none took any time
 * @example
 * ```ts
 * import { slowestStep } from "@segno/server/observability";
 *
 * const spans = [
 *   { name: "http.token", spanId: "a", parentSpanId: null, durationMs: 1_000 },
 *   { name: "custody.sign", spanId: "b", parentSpanId: "a", durationMs: 800 },
 * ];
 * console.log(slowestStep(spans)); // { name: "custody.sign", ownMs: 800, share: 0.8 }
 * ```
 */
export function slowestStep(spans: readonly TimedSpan[]): SlowestStep | undefined {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const inSteps = new Map<string, number>();
  let totalMs = 0;
  for (const { parentSpanId, durationMs } of spans) {
    if (parentSpanId === null || !known.has(parentSpanId)) totalMs += durationMs;
    else inSteps.set(parentSpanId, (inSteps.get(parentSpanId) ?? 0) + durationMs);
  }
  const own = new Map<string, number>();
  for (const { name, spanId, durationMs } of spans) {
    const ownMs = Math.max(0, durationMs - (inSteps.get(spanId) ?? 0));
    own.set(name, (own.get(name) ?? 0) + ownMs);
  }
  const [slowest] = [...own].toSorted(([, a], [, b]) => b - a);
  if (slowest === undefined || totalMs === 0) return undefined;
  const [name, ownMs] = slowest;
  return { name, ownMs, share: Math.min(1, ownMs / totalMs) };
}
