import type { RequestSpec } from "./transport.js";

/** One request as this page saw it. No personal data: ids in the path are left out. */
export interface ClientSpan {
  /** For example `POST /v1/email/start`. */
  readonly name: string;
  /** 32 hex digits. The parts of one sign-in share it, and so do the repeats of one call. */
  readonly traceId: string;
  /** 16 hex digits. The service's span names it as its parent. */
  readonly spanId: string;
  /** By the wall clock of this page, milliseconds since 1970. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** Of the answer; 0 when none arrived. */
  readonly status: number;
  /** Of the error; null when there is none. */
  readonly code: string | null;
  /** What the service calls the request, where an answer arrived. */
  readonly requestId: string | null;
}

/** One request under way. */
export interface SpanStart {
  readonly traceId: string;
  readonly spanId: string;
  /** W3C Trace Context. */
  readonly traceparent: string;
}

/** Sign-ins that rest longer than an attempt lives are two. */
const attemptMs = 600_000;

/** Names traces and spans. A trace says nothing about who it is: it is random, and forgotten after the sign-in. */
export function createTracer(wallMs: () => number): {
  trace(spec: RequestSpec): string;
  span(traceId: string): SpanStart;
} {
  let flow: { readonly traceId: string; readonly untilMs: number } | undefined;
  return {
    trace(spec) {
      if (!spec.isAttempt) return randomHex(16);
      const nowMs = wallMs();
      const traceId = flow !== undefined && nowMs < flow.untilMs ? flow.traceId : randomHex(16);
      flow = { traceId, untilMs: nowMs + attemptMs };
      return traceId;
    },
    span(traceId) {
      const spanId = randomHex(8);
      return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-01` };
    },
  };
}

/** The name of a request without what differs from one to the next. */
export function spanName({ method, path }: RequestSpec): string {
  const plain = path.split("?")[0] ?? "";
  return `${method} ${plain.replace(/\/[^/]*\d[^/]{7,}(?=\/|$)/g, "/{id}")}`;
}

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * What a person can read to support when no answer came: the minute, and 25 bits of the trace the request was sent with.
 * The service finds the request by it if it arrived. Made as the service makes its own (docs/concepts/observability.md).
 */
export function offlineCode(traceId: string, atMs: number): string {
  const name = Number.parseInt(traceId.slice(-7), 16) % 2 ** 25;
  const text = inDigits(Math.floor(atMs / 60_000) % 2 ** 15, 3) + inDigits(name, 5);
  return `${text.slice(0, 4)}-${text.slice(4)}`;
}

function inDigits(value: number, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32)) text = digits.charAt(rest % 32) + text;
  return text;
}

function randomHex(bytes: number): string {
  const values = crypto.getRandomValues(new Uint8Array(bytes));
  // all zero means none (W3C Trace Context section 3.2)
  values[0] = (values[0] ?? 0) | 1;
  return Array.from(values, (value) => value.toString(16).padStart(2, "0")).join("");
}
