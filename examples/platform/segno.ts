// Everything that ties Segno to the platform: traces, log records, figures, the broker and a webhook.
import { jetstream } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import * as api from "@opentelemetry/api";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { createSegno, type MailTransport } from "@segno/server";
import { webhookSink } from "@segno/server/events";
import { natsSink } from "@segno/server/events/nats";
import { openTelemetry, openTelemetryLogs } from "@segno/server/observability";

const { BASE_URL = "", NATS_URL = "", WEBHOOK_URL = "", WEBHOOK_SECRET = "", METRICS_TOKEN = "" } = process.env;

// the exporters read OTEL_EXPORTER_OTLP_ENDPOINT by themselves
const traces = new TracerProvider({ spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })] });
const logs = new LoggerProvider({ processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() })] });
const nats = await connect({ servers: NATS_URL, maxReconnectAttempts: -1, reconnectTimeWait: 250 });

/** Mail goes to the parent process, which reads the code out of it. */
const mailToParent: MailTransport = { send: async (mail) => void process.send?.({ mail }) };

export const segno = createSegno({
  baseUrl: BASE_URL,
  email: mailToParent,
  // spans of every request, and Prometheus figures at /api/auth/metrics for whoever has the token
  telemetry: [openTelemetry({ api, tracer: traces.getTracer("segno") })],
  metrics: { token: METRICS_TOKEN },
  // each of them keeps a place of its own in the order of events: one that is away holds up no other
  events: {
    sinks: [
      natsSink({ jetstream: jetstream(nats), headers, stream: "IDENTITY" }),
      openTelemetryLogs({ api, logger: logs.getLogger("segno") }),
      webhookSink({
        name: "crm",
        url: WEBHOOK_URL,
        secrets: [WEBHOOK_SECRET],
        types: ["login.*", "user.*"],
        allowAddresses: ["127.0.0.1/32"],
        allowHttpOnLocalhost: true,
      }),
    ],
  },
});

/** The engine first: what it still has to say goes through the others. */
export async function close(): Promise<void> {
  await segno.close();
  await Promise.allSettled([nats.close(), traces.shutdown(), logs.shutdown()]);
}
