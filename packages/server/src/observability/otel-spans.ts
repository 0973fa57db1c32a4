import type { OperationContext, TelemetryHook } from "@segno/core";
import { formatTraceparent, parseTraceparent } from "../http/traceparent.js";
import {
  type OtelApi,
  type OtelContext,
  type OtelSpan,
  type OtelTracer,
  otelAttributes,
} from "./open-telemetry-api.js";

/** `SpanKind` of OpenTelemetry: what it is to whoever asked. */
const internal = 0;
const server = 1;
/** `SpanStatusCode.ERROR`. */
const failed = 2;

/** A span for each operation, under the span of the operation it is a step of. */
export function createSpanHook(
  api: OtelApi,
  tracer: OtelTracer,
): Pick<TelemetryHook, "before" | "error" | "finally" | "traceparentOf"> {
  const spans = new WeakMap<OperationContext, OtelSpan>();

  /** Its step's parent; else what an instrumentation of the host made active; else who asked; else a trace of its own. */
  function contextFor({ parent, traceparent }: OperationContext): OtelContext {
    const above = parent === undefined ? undefined : spans.get(parent);
    if (above !== undefined) return api.trace.setSpanContext(api.ROOT_CONTEXT, above.spanContext());
    const active = api.context.active();
    if (api.trace.getSpanContext(active) !== undefined) return active;
    const given = parseTraceparent(traceparent);
    if (given === undefined) return api.ROOT_CONTEXT;
    const { traceId, spanId, flags } = given;
    return api.trace.setSpanContext(api.ROOT_CONTEXT, { traceId, spanId, traceFlags: flags & 1, isRemote: true });
  }

  return {
    before(context) {
      const { operation, requestId, attributes } = context;
      const isRequest = operation.startsWith("http.");
      const span = tracer.startSpan(
        `segno.${operation}`,
        {
          kind: isRequest ? server : internal,
          attributes: {
            ...otelAttributes(attributes),
            ...(requestId === null ? {} : { "segno.request.id": requestId }),
          },
        },
        contextFor(context),
      );
      spans.set(context, span);
    },
    error(context, error) {
      const span = spans.get(context);
      span?.setStatus({ code: failed });
      span?.setAttributes({ "error.type": error.code });
    },
    finally(context, { attributes }) {
      const span = spans.get(context);
      if (attributes !== undefined) span?.setAttributes(otelAttributes(attributes));
      span?.end();
    },
    traceparentOf(context) {
      const found = spans.get(context)?.spanContext();
      if (found === undefined) return undefined;
      return formatTraceparent({ traceId: found.traceId, spanId: found.spanId, flags: found.traceFlags });
    },
  };
}
