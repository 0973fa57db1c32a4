import type { TelemetryHook } from "@segno/core";
import { asCounting } from "./counting.js";
import type { OtelApi, OtelMeter, OtelTracer } from "./open-telemetry-api.js";
import { createMeterHook } from "./otel-metrics.js";
import { createSpanHook } from "./otel-spans.js";

/** What `openTelemetry` takes: instances of yours. */
export interface OpenTelemetryOptions {
  /** The module: `import * as api from "@opentelemetry/api"`. */
  readonly api: OtelApi;
  /** `api.trace.getTracer("segno")`, or a provider's own. Left out: no spans. */
  readonly tracer?: OtelTracer;
  /** `api.metrics.getMeter("segno")`, or a provider's own. Left out: no metrics. */
  readonly meter?: OtelMeter;
}

/**
 * Spans and metrics by OpenTelemetry: a span for each request and for each step of it that somebody waits for, and every
 * metric of the table in docs/concepts/observability.md. Give it as `telemetry: [openTelemetry({ ... })]`. Events are log
 * records by `openTelemetryLogs`. It exports nothing itself: that is the SDK's, whose limits and sampling apply. What the
 * SDK throws is dropped. A span is not made active: spans of other libraries do not become its children.
 * @example
 * ```ts
 * import * as api from "@opentelemetry/api";
 * import { createSegno } from "@segno/server";
 * import { openTelemetry } from "@segno/server/observability";
 *
 * const hook = openTelemetry({ api, tracer: api.trace.getTracer("segno"), meter: api.metrics.getMeter("segno") });
 * export const segno = createSegno({ baseUrl: "http://localhost:3000", telemetry: [hook] });
 * ```
 */
export function openTelemetry(options: OpenTelemetryOptions): TelemetryHook {
  const { api, tracer, meter } = options;
  const spans = tracer === undefined ? undefined : createSpanHook(api, tracer);
  const figures = meter === undefined ? undefined : createMeterHook(meter);
  if (spans === undefined) return asCounting({ ...figures });
  return {
    ...spans,
    ...figures,
    error(context, error, end) {
      void spans.error?.(context, error, end);
      void figures?.error?.(context, error, end);
    },
    finally(context, end) {
      void spans.finally?.(context, end);
      void figures?.finally?.(context, end);
    },
  };
}
