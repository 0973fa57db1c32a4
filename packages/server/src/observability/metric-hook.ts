import type { CommittedEvent, OperationContext, OperationEnd, SegnoError, TelemetryHook } from "@segno/core";
import type { Recorder } from "./metrics.js";

/** Operations whose answer is a token, as the metric calls them. The verbs of `token` differ by grant, which a client names. */
const tokenOperations: Readonly<Record<string, string>> = {
  "http.createSessionToken": "session_token",
  "http.createSessionGrant": "session_grant",
  "http.token": "token",
};

/** Turns operations and events into figures. */
export function createMetricHook(recorder: Recorder): Pick<TelemetryHook, "error" | "finally" | "event"> {
  return {
    error: (context, error) => countFailure(recorder, context, error),
    finally: (context, end) => measure(recorder, context, end),
    event: (event) => countEvent(recorder, event),
  };
}

function countFailure(recorder: Recorder, { operation }: OperationContext, error: SegnoError): void {
  if (!operation.startsWith("http.")) return;
  recorder.record("segno.operation.failures", 1, { operation: operation.slice(5), code: error.code });
  const rule = error.detail["rule"];
  if (error.code === "rate_limited" && typeof rule === "string")
    recorder.record("segno.rate_limit.refusals", 1, { rule });
}

function measure(recorder: Recorder, context: OperationContext, end: OperationEnd): void {
  const { operation, attributes } = context;
  const { outcome } = end;
  const seconds = end.durationMs / 1_000;
  if (operation.startsWith("http.")) {
    recorder.record("segno.operation.duration", seconds, { operation: operation.slice(5), outcome });
    const token = tokenOperations[operation];
    if (token !== undefined) recorder.record("segno.token.duration", seconds, { operation: token, outcome });
    const reason = end.attributes?.["segno.auth.reason"];
    if (typeof reason === "string") recorder.record("segno.verification.failures", 1, { code: reason });
    return;
  }
  if (operation === "store.transaction") {
    recorder.record("segno.store.transaction.duration", seconds, { outcome });
    return;
  }
  if (operation === "mail.send") {
    recorder.record("segno.mail.send.duration", seconds, { outcome });
    return;
  }
  const custody = String(attributes["custody"] ?? "none");
  if (operation.startsWith("custody."))
    recorder.record("segno.custody.call.duration", seconds, { custody, call: operation.slice(8), outcome });
  // a key in a remote custody is used by the call; the step around it only waits
  const isUse = operation === "custody.sign" || (operation === "key.sign" && !custody.endsWith(":remote"));
  if (isUse && end.attributes?.["deferred"] !== true)
    recorder.record("segno.key.use.duration", seconds, { custody, outcome });
}

function countEvent(recorder: Recorder, event: CommittedEvent): void {
  const count = (name: Parameters<Recorder["record"]>[0], labels: Readonly<Record<string, string>>) =>
    recorder.record(name, 1, labels);
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
