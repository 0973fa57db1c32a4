import type { CommittedEvent, OperationContext, OperationEnd, SegnoError, TelemetryHook } from "@segno/core";
import type { MetricName, Recorder } from "./metrics.js";

const maxLines = 5_000;

/** Operations whose answer is a token, as the metric calls them. The verbs of `token` differ by grant, which a client names. */
const tokenOperations: Readonly<{ readonly [operation: string]: string }> = {
  "http.createSessionToken": "session_token",
  "http.createSessionGrant": "session_grant",
  "http.token": "token",
};

/** What a hook that only counts is made of. */
export type MetricHook = Required<Pick<TelemetryHook, "error" | "finally" | "event">>;

type Record = (name: MetricName, value: number, labels: Readonly<{ readonly [label: string]: string }>) => void;

/** Turns operations and events into figures. */
export function createMetricHook(recorder: Recorder): MetricHook {
  const record = remembering(recorder);
  const plain = new Map<string, (seconds: number) => void>();
  return {
    error: (context, error) => countFailure(record, context, error),
    finally(context, end) {
      const { operation } = context;
      if (!operation.startsWith("http.") || operation in tokenOperations) return measure(record, context, end);
      // what every request passes: no label is put together for it twice
      const key = end.outcome === "success" ? operation : `${operation} failed`;
      let line = plain.get(key);
      if (line === undefined) {
        const labels = { operation: operation.slice(5), outcome: end.outcome };
        line = recorder.line("segno.operation.duration", labels);
        plain.set(key, line);
      }
      line(end.durationMs / 1_000);
      countRefusal(record, end);
    },
    event: (event) => countEvent(record, event),
  };
}

/** Lines met before are looked up by what they say. What is said is bounded, and so is this. */
function remembering(recorder: Recorder): Record {
  const lines = new Map<string, (value: number) => void>();
  return (name, value, labels) => {
    let key: string = name;
    for (const label in labels) key += ` ${labels[label]}`;
    let line = lines.get(key);
    if (line === undefined) {
      line = recorder.line(name, labels);
      if (lines.size < maxLines) lines.set(key, line);
    }
    line(value);
  };
}

function countRefusal(record: Record, end: OperationEnd): void {
  const reason = end.attributes?.["segno.auth.reason"];
  if (typeof reason === "string") record("segno.verification.failures", 1, { code: reason });
}

function countFailure(record: Record, { operation }: OperationContext, error: SegnoError): void {
  if (!operation.startsWith("http.")) return;
  record("segno.operation.failures", 1, { operation: operation.slice(5), code: error.code });
  const rule = error.detail["rule"];
  if (error.code === "rate_limited" && typeof rule === "string") record("segno.rate_limit.refusals", 1, { rule });
}

function measure(record: Record, context: OperationContext, end: OperationEnd): void {
  const { operation, attributes } = context;
  const { outcome } = end;
  const seconds = end.durationMs / 1_000;
  if (operation.startsWith("http.")) {
    record("segno.operation.duration", seconds, { operation: operation.slice(5), outcome });
    const token = tokenOperations[operation];
    if (token !== undefined) record("segno.token.duration", seconds, { operation: token, outcome });
    countRefusal(record, end);
    return;
  }
  if (operation === "store.transaction") {
    record("segno.store.transaction.duration", seconds, { outcome });
    return;
  }
  if (operation === "mail.send") {
    record("segno.mail.send.duration", seconds, { outcome });
    return;
  }
  const custody = String(attributes["custody"] ?? "none");
  if (operation.startsWith("custody."))
    record("segno.custody.call.duration", seconds, { custody, call: operation.slice(8), outcome });
  // a key in a remote custody is used by the call; the step around it only waits
  const isUse = operation === "custody.sign" || (operation === "key.sign" && !custody.endsWith(":remote"));
  if (isUse && end.attributes?.["deferred"] !== true) record("segno.key.use.duration", seconds, { custody, outcome });
}

function countEvent(record: Record, event: CommittedEvent): void {
  const count = (name: MetricName, labels: Readonly<{ readonly [label: string]: string }>) => record(name, 1, labels);
  count("segno.events", { type: event.type });
  switch (event.type) {
    case "login.success":
      return count("segno.sign_ins", { method: event.data.method, outcome: "success" });
    case "login.failure":
      count("segno.sign_in.failures", { method: event.data.method, code: event.data.reason });
      return count("segno.sign_ins", { method: event.data.method, outcome: "failure" });
    case "stepup.required":
      return count("segno.step_ups", { outcome: "required" });
    case "stepup.success":
      return count("segno.step_ups", { outcome: "success" });
    case "session.created":
      return count("segno.sessions.created", { method: event.data.method });
    case "session.revoked":
      return count("segno.sessions.revoked", { reason: event.data.reason });
    case "token.issued":
      return count("segno.tokens.issued", { token_type: event.data.tokenType });
    case "token.refreshed":
      return count("segno.tokens.refreshed", { repeat: String(event.data.isRepeat) });
    case "token.revoked":
      return count("segno.tokens.revoked", { kind: event.data.kind });
    case "risk.alert":
      return count("segno.risk_alerts", { kind: event.data.kind });
    default:
  }
}
