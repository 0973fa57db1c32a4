/** One metric: named as OpenTelemetry names them; `prometheusName` derives the other spelling. */
export interface MetricDefinition {
  readonly name: string;
  readonly kind: "counter" | "histogram" | "gauge";
  /** `s` for seconds, `1` for a number of things. */
  readonly unit: "s" | "1";
  readonly help: string;
  /** Each takes a handful of values: never an id, an address or anything a client chose. */
  readonly labels: readonly string[];
}

const definitions = [
  {
    name: "segno.operation.duration",
    kind: "histogram",
    unit: "s",
    help: "Requests by operation, and how long they took.",
    labels: ["operation", "outcome"],
  },
  {
    name: "segno.operation.failures",
    kind: "counter",
    unit: "1",
    help: "Requests that failed, by operation and error code.",
    labels: ["operation", "code"],
  },
  {
    name: "segno.sign_ins",
    kind: "counter",
    unit: "1",
    help: "Sign-ins that ended, by method and outcome.",
    labels: ["method", "outcome"],
  },
  {
    name: "segno.sign_in.failures",
    kind: "counter",
    unit: "1",
    help: "Sign-ins that failed, by method and error code.",
    labels: ["method", "code"],
  },
  {
    name: "segno.step_ups",
    kind: "counter",
    unit: "1",
    help: "Step-ups asked for, and done.",
    labels: ["outcome"],
  },
  {
    name: "segno.attempts",
    kind: "gauge",
    unit: "1",
    help: "Attempts to sign in whose ten minutes ended within the last hour: finished (or replaced by a newer one), or abandoned. Of all nodes together.",
    labels: ["kind", "outcome"],
  },
  {
    name: "segno.sessions.created",
    kind: "counter",
    unit: "1",
    help: "Sessions made, by method.",
    labels: ["method"],
  },
  {
    name: "segno.sessions.revoked",
    kind: "counter",
    unit: "1",
    help: "Sessions ended, by reason.",
    labels: ["reason"],
  },
  {
    name: "segno.tokens.issued",
    kind: "counter",
    unit: "1",
    help: "Access tokens issued, by token type. A refresh issues one too.",
    labels: ["token_type"],
  },
  {
    name: "segno.tokens.refreshed",
    kind: "counter",
    unit: "1",
    help: "Refreshes, and retries that were answered with what they already had.",
    labels: ["repeat"],
  },
  {
    name: "segno.tokens.revoked",
    kind: "counter",
    unit: "1",
    help: "Tokens and token families revoked, by kind.",
    labels: ["kind"],
  },
  {
    name: "segno.token.duration",
    kind: "histogram",
    unit: "s",
    help: "How long issuing or refreshing tokens took, the whole request.",
    labels: ["operation", "outcome"],
  },
  {
    name: "segno.verification.failures",
    kind: "counter",
    unit: "1",
    help: "Session cookies and access tokens that were refused, by error code.",
    labels: ["code"],
  },
  {
    name: "segno.rate_limit.refusals",
    kind: "counter",
    unit: "1",
    help: "Requests refused by a rate limit, by rule.",
    labels: ["rule"],
  },
  {
    name: "segno.key.use.duration",
    kind: "histogram",
    unit: "s",
    help: "How long one signature took, by custody.",
    labels: ["custody", "outcome"],
  },
  {
    name: "segno.custody.call.duration",
    kind: "histogram",
    unit: "s",
    help: "Calls to a custody outside this process, waiting for a turn included.",
    labels: ["custody", "call", "outcome"],
  },
  {
    name: "segno.store.transaction.duration",
    kind: "histogram",
    unit: "s",
    help: "Database transactions, waiting and retries included.",
    labels: ["outcome"],
  },
  {
    name: "segno.mail.send.duration",
    kind: "histogram",
    unit: "s",
    help: "Handing one mail to the transport.",
    labels: ["outcome"],
  },
  {
    name: "segno.events",
    kind: "counter",
    unit: "1",
    help: "Events committed by this process, by type.",
    labels: ["type"],
  },
  {
    name: "segno.risk_alerts",
    kind: "counter",
    unit: "1",
    help: "Risk alerts, by kind: each has a runbook.",
    labels: ["kind"],
  },
  {
    name: "segno.outbox.waiting",
    kind: "gauge",
    unit: "1",
    help: "Events no receiver has had yet. Of all nodes together.",
    labels: [],
  },
  {
    name: "segno.audit.waiting",
    kind: "gauge",
    unit: "1",
    help: "Committed events that are no leaves of the audit log yet. Of all nodes together.",
    labels: [],
  },
  {
    name: "segno.outbox.lag",
    kind: "gauge",
    unit: "s",
    help: "Age of the oldest event that waits. Of all nodes together.",
    labels: [],
  },
  {
    name: "segno.outbox.dead_letters",
    kind: "gauge",
    unit: "1",
    help: "Events that were set aside because a receiver keeps failing on them. Of all nodes together.",
    labels: [],
  },
] as const;

/** The name of a metric. */
export type MetricName = (typeof definitions)[number]["name"];

/** Every metric there is. */
export const metricDefinitions: readonly (MetricDefinition & { readonly name: MetricName })[] = definitions;

/** Bounds of the histograms in seconds: from a signature to a mail server that hangs. */
export const durationBounds: readonly number[] = [
  0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Where figures go. */
export interface Recorder {
  /** One line of a metric: what it answers adds to a counter, or to a histogram. Looked up once, called often. */
  line(name: MetricName, labels: Readonly<Record<string, string>>): (value: number) => void;
}

/** `segno.token.duration` in seconds is `segno_token_duration_seconds`, a counter ends in `_total`. */
export function prometheusName({ name, kind, unit }: MetricDefinition): string {
  const base = name.replace(/[^a-zA-Z0-9]/g, "_");
  return `${base}${unit === "s" ? "_seconds" : ""}${kind === "counter" ? "_total" : ""}`;
}

/** What a label may say. Anything else is `other`, so that nothing a client chose gets into a label. */
export function safeLabel(value: string): string {
  return /^[A-Za-z0-9_.:-]{1,64}$/.test(value) && !/\d{5}|^[\d.:]+$/.test(value) ? value : "other";
}
