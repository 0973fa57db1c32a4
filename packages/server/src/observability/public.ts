// What `@segno/server/observability` offers: the engine does not need it.
export type {
  OtelApi,
  OtelContext,
  OtelCounter,
  OtelGauge,
  OtelHistogram,
  OtelHistogramOptions,
  OtelLogger,
  OtelMeter,
  OtelMetricOptions,
  OtelSpan,
  OtelSpanContext,
  OtelTracer,
  OtelValue,
} from "./open-telemetry-api.js";
export { type MetricDefinition, type MetricName, metricDefinitions } from "./metrics.js";
export { openTelemetry, type OpenTelemetryOptions } from "./open-telemetry.js";
export { openTelemetryLogs, type OpenTelemetryLogsOptions } from "./otel-logs.js";
export { slowestStep, type SlowestStep, type TimedSpan } from "./slowest-step.js";
export { defaultSlos, grafanaDashboard, prometheusRules, type SloDefinition } from "./slo/index.js";
