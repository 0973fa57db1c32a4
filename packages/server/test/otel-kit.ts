// A receiver of OTLP over HTTP in JSON, and the real OpenTelemetry SDK that sends to it.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import * as api from "@opentelemetry/api";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { openTelemetry, openTelemetryLogs } from "../src/observability/public.js";

type Json = Readonly<Record<string, unknown>>;

/** One span as it came over the wire. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly kind: number;
  readonly failed: boolean;
  readonly durationMs: number;
  readonly attributes: Json;
}
export interface ReceivedLog {
  readonly eventName: string;
  readonly traceId: string | null;
  readonly spanId: string | null;
  readonly severity: string;
  readonly attributes: Json;
}
export interface ReceivedPoint {
  readonly name: string;
  readonly unit: string;
  readonly attributes: Json;
  readonly value: number;
}

export interface OtelKit {
  readonly hook: ReturnType<typeof openTelemetry>;
  readonly sink: ReturnType<typeof openTelemetryLogs>;
  /** Everything that arrived, as text. */
  readonly raw: readonly string[];
  flush(): Promise<void>;
  spans(): readonly ReceivedSpan[];
  logs(): readonly ReceivedLog[];
  /** The latest state of every metric. */
  points(): readonly ReceivedPoint[];
  close(): Promise<void>;
}

export async function startOtel(): Promise<OtelKit> {
  const received: { readonly path: string; readonly body: Json }[] = [];
  const raw: string[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const text = Buffer.concat(chunks).toString();
      raw.push(text);
      received.push({ path: request.url ?? "", body: JSON.parse(text) as Json });
      response.setHeader("content-type", "application/json").end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const spanProcessor = new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url: `${url}/v1/traces` }) });
  const tracers = new TracerProvider({ spanProcessors: [spanProcessor] });
  const reader = new PeriodicExportingMetricReader({
    exporter: new OTLPMetricExporter({ url: `${url}/v1/metrics` }),
    exportIntervalMillis: 3_600_000,
    exportTimeoutMillis: 5_000,
  });
  const meters = new MeterProvider({ readers: [reader] });
  const logProcessor = new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${url}/v1/logs` }) });
  const loggers = new LoggerProvider({ processors: [logProcessor] });

  const lists = (path: string, outer: string, scope: string, inner: string): Json[] =>
    received
      .filter((item) => item.path === path)
      .flatMap(({ body }) => (body[outer] as Json[]).flatMap((item) => item[scope] as Json[]))
      .flatMap((item) => (item[inner] as Json[] | undefined) ?? []);
  return {
    hook: openTelemetry({ api, tracer: tracers.getTracer("segno"), meter: meters.getMeter("segno") }),
    sink: openTelemetryLogs({ api, logger: loggers.getLogger("segno") }),
    raw,
    async flush() {
      await Promise.all([tracers.forceFlush(), meters.forceFlush(), loggers.forceFlush()]);
    },
    spans: () => lists("/v1/traces", "resourceSpans", "scopeSpans", "spans").map(spanOf),
    logs: () =>
      lists("/v1/logs", "resourceLogs", "scopeLogs", "logRecords").map((log) => ({
        eventName: String(log["eventName"]),
        traceId: textOf(log["traceId"]),
        spanId: textOf(log["spanId"]),
        severity: String(log["severityText"]),
        attributes: attributesOf(log["attributes"]),
      })),
    points() {
      const last = received.findLast(({ path }) => path === "/v1/metrics");
      if (last === undefined) return [];
      const metrics = (last.body["resourceMetrics"] as Json[])
        .flatMap((item) => item["scopeMetrics"] as Json[])
        .flatMap((item) => item["metrics"] as Json[]);
      return metrics.flatMap(pointsOf);
    },
    async close() {
      await Promise.all([tracers.shutdown(), meters.shutdown(), loggers.shutdown()]);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const textOf = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

function spanOf(span: Json): ReceivedSpan {
  const nanoseconds = BigInt(String(span["endTimeUnixNano"])) - BigInt(String(span["startTimeUnixNano"]));
  return {
    name: String(span["name"]),
    traceId: String(span["traceId"]),
    spanId: String(span["spanId"]),
    parentSpanId: textOf(span["parentSpanId"]),
    kind: Number(span["kind"]),
    failed: (span["status"] as Json | undefined)?.["code"] === 2,
    durationMs: Number(nanoseconds) / 1e6,
    attributes: attributesOf(span["attributes"]),
  };
}

function pointsOf(metric: Json): ReceivedPoint[] {
  const state = (metric["sum"] ?? metric["histogram"] ?? metric["gauge"]) as Json | undefined;
  return ((state?.["dataPoints"] as Json[] | undefined) ?? []).map((point) => ({
    name: String(metric["name"]),
    unit: String(metric["unit"]),
    attributes: attributesOf(point["attributes"]),
    value: Number(point["asDouble"] ?? point["asInt"] ?? point["count"]),
  }));
}

function attributesOf(list: unknown): Json {
  return Object.fromEntries(
    ((list as { readonly key: string; readonly value: Json }[] | undefined) ?? []).map(({ key, value }) => [
      key,
      Object.values(value)[0],
    ]),
  );
}
