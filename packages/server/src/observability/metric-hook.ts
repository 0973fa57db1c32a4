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

type Line = (value: number) => void;

/** Writes down how long one operation took. */
type Timing = (end: OperationEnd, attributes: OperationContext["attributes"]) => void;

/** Turns operations and events into figures. */
export function createMetricHook(recorder: Recorder): MetricHook {
  const record = remembering(recorder);
  const timings = new Map<string, Timing>();
  return {
    error: (context, error) => countFailure(record, context, error),
    finally({ operation, attributes }, end) {
      let timing = timings.get(operation);
      if (timing === undefined) timings.set(operation, (timing = timingOf(recorder, record, operation)));
      timing(end, attributes);
      if (end.attributes !== undefined) countRefusal(record, end);
    },
    event: (event) => countEvent(record, event),
  };
}

/** What was recorded before under one name, by the first of its labels, then by the next. */
interface Place {
  line: Line | undefined;
  readonly next: Map<string, Place>;
}

/** Lines met before are looked up by what they say. What is said is bounded, and so is this. */
function remembering(recorder: Recorder): Record {
  const root: Place = { line: undefined, next: new Map() };
  let size = 0;
  const within = (place: Place | undefined, key: string): Place | undefined => {
    const known = place?.next.get(key);
    if (known !== undefined || place === undefined || size >= maxLines) return known;
    const made: Place = { line: undefined, next: new Map() };
    place.next.set(key, made);
    size += 1;
    return made;
  };
  return (name, value, labels) => {
    let place = within(root, name);
    for (const label in labels) place = within(place, labels[label] ?? "");
    const line = place?.line ?? recorder.line(name, labels);
    if (place !== undefined) place.line = line;
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

/** Found once for each operation: no label is put together for a request that passes a second time. */
function timingOf(recorder: Recorder, record: Record, operation: string): Timing {
  const timed = (name: MetricName, labels: Readonly<{ readonly [label: string]: string }>): Timing => {
    const lines: { [outcome in OperationEnd["outcome"]]?: Line } = {};
    return ({ outcome, durationMs }) => {
      const line = (lines[outcome] ??= recorder.line(name, { ...labels, outcome }));
      line(durationMs / 1_000);
    };
  };
  if (operation === "store.transaction") return timed("segno.store.transaction.duration", {});
  if (operation === "mail.send") return timed("segno.mail.send.duration", {});
  if (!operation.startsWith("http."))
    return (end, attributes) => measureKeyUse(record, operation, String(attributes["custody"] ?? "none"), end);
  const request = timed("segno.operation.duration", { operation: operation.slice(5) });
  const token = tokenOperations[operation];
  if (token === undefined) return request;
  const issue = timed("segno.token.duration", { operation: token });
  return (end, attributes) => {
    request(end, attributes);
    issue(end, attributes);
  };
}

function measureKeyUse(record: Record, operation: string, custody: string, end: OperationEnd): void {
  const { outcome } = end;
  const seconds = end.durationMs / 1_000;
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
