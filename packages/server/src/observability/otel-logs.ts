import { type SegnoEvent, toOtelAttributes } from "@segno/core";
import type { EventSink } from "../events/index.js";
import { parseTraceparent } from "../http/traceparent.js";
import { type OtelApi, type OtelLogger, otelAttributes } from "./open-telemetry-api.js";

/** What `openTelemetryLogs` takes: instances of yours. */
export interface OpenTelemetryLogsOptions {
  /** The module: `import * as api from "@opentelemetry/api"`. */
  readonly api: OtelApi;
  /** `api.logs.getLogger("segno")`, or a provider's own. */
  readonly logger: OtelLogger;
  /** The sink's name. Default `opentelemetry`. */
  readonly name?: string;
}

/** `SeverityNumber` of OpenTelemetry. */
const info = 9;
const warn = 13;

/**
 * Events as log records: `eventName`, the attributes of `toOtelAttributes`, and the trace and span that wrote the event,
 * whichever process delivers it. A sink like the others. Handing over is all it sees: what becomes of a record in
 * the SDK, its exporter and the collector is theirs, and a record can be lost there.
 * @example
 * ```ts
 * import * as api from "@opentelemetry/api";
 * import { createSegno } from "@segno/server";
 * import { openTelemetryLogs } from "@segno/server/observability";
 *
 * const sink = openTelemetryLogs({ api, logger: api.logs.getLogger("segno") });
 * export const segno = createSegno({ baseUrl: "http://localhost:3000", events: { sinks: [sink] } });
 * ```
 */
export function openTelemetryLogs(options: OpenTelemetryLogsOptions): EventSink {
  const { api, logger, name = "opentelemetry" } = options;
  const emit = (event: SegnoEvent): void => {
    const given = parseTraceparent(event.traceparent);
    const context =
      given === undefined
        ? api.ROOT_CONTEXT
        : api.trace.setSpanContext(api.ROOT_CONTEXT, {
            traceId: given.traceId,
            spanId: given.spanId,
            traceFlags: given.flags & 1,
            isRemote: true,
          });
    const isFailure = event.outcome === "failure";
    logger.emit({
      eventName: `segno.${event.type}`,
      timestamp: new Date(event.time),
      severityNumber: isFailure ? warn : info,
      severityText: isFailure ? "WARN" : "INFO",
      body: event.type,
      attributes: otelAttributes(toOtelAttributes(event)),
      context,
    });
  };
  return {
    name,
    async deliver(events) {
      for (const { event } of events) emit(event);
    },
  };
}
