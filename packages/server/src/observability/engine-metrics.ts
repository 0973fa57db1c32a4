import type { TelemetryFigure, TelemetryHook } from "@segno/core";
import { asCounting } from "./counting.js";
import { createMetricHook } from "./metric-hook.js";
import { prometheusText } from "./prometheus-text.js";
import { createRegistry } from "./registry.js";

/** The figures of this engine, kept in memory for whoever scrapes them. */
export interface EngineMetrics {
  readonly hook: TelemetryHook;
  /** In the Prometheus text format. */
  text(): Promise<string>;
}

/** Counts from the engine's start. */
export function createEngineMetrics(): EngineMetrics {
  const registry = createRegistry();
  let read: (() => Promise<readonly TelemetryFigure[]>) | undefined;
  return {
    hook: asCounting({
      ...createMetricHook(registry),
      figures(given) {
        read = given;
      },
    }),
    // without the store the counters still tell, and they are what tells why
    text: async () => prometheusText(registry, (await read?.().catch(() => [])) ?? []),
  };
}
