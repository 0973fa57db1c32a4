// What is used of OpenTelemetry, as shapes: instances of `@opentelemetry/api` fit, and nothing of it is imported.
import type { TelemetryValue } from "@segno/core";

/** A place in a trace. */
export interface OtelSpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean;
}

/** A span under way. */
export interface OtelSpan {
  spanContext(): OtelSpanContext;
  setAttributes(attributes: Record<string, OtelValue>): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

/** What an attribute may be. */
export type OtelValue = string | number | boolean | string[];

/** Whatever `@opentelemetry/api` calls a context. */
export interface OtelContext {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): OtelContext;
  deleteValue(key: symbol): OtelContext;
}

/** The module `@opentelemetry/api`, as far as it is used. */
export interface OtelApi {
  readonly ROOT_CONTEXT: OtelContext;
  readonly context: { active(): OtelContext };
  readonly trace: {
    getSpanContext(context: OtelContext): OtelSpanContext | undefined;
    setSpanContext(context: OtelContext, spanContext: OtelSpanContext): OtelContext;
  };
}

/** A tracer: `trace.getTracer("segno")`. */
export interface OtelTracer {
  startSpan(
    name: string,
    options: { kind?: number; attributes?: Record<string, OtelValue> },
    context?: OtelContext,
  ): OtelSpan;
}

/** A meter: `metrics.getMeter("segno")`. */
export interface OtelMeter {
  createCounter(name: string, options: OtelMetricOptions): OtelCounter;
  createHistogram(name: string, options: OtelHistogramOptions): OtelHistogram;
  createObservableGauge(name: string, options: OtelMetricOptions): OtelGauge;
}
/** What is said of a metric when it is made. */
export interface OtelMetricOptions {
  description?: string;
  unit?: string;
}
/** Of a histogram, also the bounds its buckets should have. */
export interface OtelHistogramOptions extends OtelMetricOptions {
  advice?: { explicitBucketBoundaries?: number[] };
}
/** Counts up. */
export interface OtelCounter {
  add(value: number, attributes?: Record<string, string>): void;
}
/** Spreads values over buckets. */
export interface OtelHistogram {
  record(value: number, attributes?: Record<string, string>): void;
}
/** Asks when somebody collects. */
export interface OtelGauge {
  addCallback(
    callback: (result: { observe(value: number, attributes?: Record<string, string>): void }) => void | Promise<void>,
  ): void;
}

/** A logger: `logs.getLogger("segno")`. */
export interface OtelLogger {
  emit(record: {
    eventName?: string;
    timestamp?: number | Date;
    severityNumber?: number;
    severityText?: string;
    body?: string;
    attributes?: Record<string, OtelValue>;
    context?: OtelContext;
  }): void;
}

/** Attributes as OpenTelemetry takes them. */
export function otelAttributes(attributes: Readonly<Record<string, TelemetryValue>>): Record<string, OtelValue> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      typeof value === "object" ? [...value] : (value as OtelValue),
    ]),
  );
}
