import type { TelemetryFigure, TelemetryHook } from "@segno/core";
import { createMetricHook } from "./metric-hook.js";
import { durationBounds, type MetricName, metricDefinitions, type Recorder, safeLabel } from "./metrics.js";
import type { OtelCounter, OtelHistogram, OtelMeter } from "./open-telemetry-api.js";

/** Every metric of the table by a meter. */
export function createMeterHook(meter: OtelMeter): Pick<TelemetryHook, "error" | "finally" | "event" | "figures"> {
  let read: (() => Promise<readonly TelemetryFigure[]>) | undefined;
  for (const { name, kind, help: description, unit } of metricDefinitions) {
    if (kind !== "gauge") continue;
    meter.createObservableGauge(name, { description, unit }).addCallback(async (result) => {
      const figures = (await read?.()) ?? [];
      for (const figure of figures) if (figure.name === name) result.observe(figure.value, safe(figure.labels));
    });
  }
  return {
    ...createMetricHook(createMeterRecorder(meter)),
    figures(given) {
      read = given;
    },
  };
}

function createMeterRecorder(meter: OtelMeter): Recorder {
  const counters = new Map<MetricName, OtelCounter>();
  const histograms = new Map<MetricName, OtelHistogram>();
  for (const { name, kind, help: description, unit } of metricDefinitions) {
    if (kind === "counter") counters.set(name, meter.createCounter(name, { description, unit }));
    if (kind === "histogram") {
      const advice = { explicitBucketBoundaries: [...durationBounds] };
      histograms.set(name, meter.createHistogram(name, { description, unit, advice }));
    }
  }
  return {
    line(name, labels) {
      const attributes = safe(labels);
      const counter = counters.get(name);
      if (counter !== undefined) return (value) => counter.add(value, attributes);
      const histogram = histograms.get(name);
      return (value) => histogram?.record(value, attributes);
    },
  };
}

function safe(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, safeLabel(value)]));
}
