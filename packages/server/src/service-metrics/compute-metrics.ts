/** One figure of how identity does, with where it comes from. */
export interface ServiceMetric {
  readonly name: "sign_in_latency" | "token_issuance" | "vault_share" | "time_to_recover" | "audit_completeness";
  /** For people. Never empty: where there is nothing to measure it says so. */
  readonly value: string;
  /** The same for machines; null where there was nothing to measure. */
  readonly figures: Readonly<Record<string, number | null>>;
  readonly definition: string;
  readonly source: string;
}

/** What the figures are made of. */
export interface MetricFacts {
  readonly spanMs: number;
  /** From `attempt.started` to `login.success`, in milliseconds. */
  readonly signInMs: readonly number[];
  readonly inTime: Ratio;
  /** Access tokens that were issued, refreshed or exchanged. */
  readonly tokens: number;
  readonly tokenAnswers: Ratio;
  /** Of keys in use, those whose private part a vault or key service holds or wraps. */
  readonly keys: Ratio;
  /** Of confidential clients that are good, those that share no secret with this service. */
  readonly services: Ratio;
  /** How long each alert lasted that is over. */
  readonly recoveredSeconds: readonly number[];
  readonly firing: number;
  /** Undefined where no audit log is kept. */
  readonly audit: { readonly ratio: number; readonly checked: number; readonly missing: number } | undefined;
}

export interface Ratio {
  readonly good: number;
  readonly total: number;
}

/** The five figures, none of them empty. Pure: the same facts give the same figures. */
export function computeMetrics(facts: MetricFacts): readonly ServiceMetric[] {
  return [signInLatency(facts), tokenIssuance(facts), vaultShare(facts), timeToRecover(facts), completeness(facts)];
}

function signInLatency({ signInMs, inTime }: MetricFacts): ServiceMetric {
  const sorted = signInMs.toSorted((a, b) => a - b);
  const rank = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? null;
  const [p50, p99, inTimeShare] = [rank(0.5), rank(0.99), shareOf(inTime)];
  const spread = p50 === null || p99 === null ? "no sign-in" : `p50 ${seconds(p50)}, p99 ${seconds(p99)}`;
  const answered = inTimeShare === null ? "no answer counted" : `${percent(inTimeShare)} answered in time`;
  return {
    name: "sign_in_latency",
    value: `${spread}; ${answered}`,
    figures: { count: sorted.length, p50Ms: p50, p99Ms: p99, inTimeShare },
    definition: "login.success minus attempt.started, the person included; share of last steps within the objective",
    source: "events; segno_sli sign-in-latency",
  };
}

function tokenIssuance({ spanMs, tokens, tokenAnswers }: MetricFacts): ServiceMetric {
  const perMinute = tokens / (spanMs / 60_000);
  const errors = tokenAnswers.total - tokenAnswers.good;
  const errorShare = tokenAnswers.total === 0 ? null : errors / tokenAnswers.total;
  const failed = errorShare === null ? "no answer counted" : `${errors} errors (${percent(errorShare)})`;
  return {
    name: "token_issuance",
    value: `${tokens} tokens, ${perMinute.toFixed(2)} a minute; ${failed}`,
    figures: { tokens, perMinute, errors, errorShare },
    definition: "access tokens issued, refreshed and exchanged; errors are those by our fault, not refusals",
    source: "events token.*; segno_sli token-issue",
  };
}

function vaultShare({ keys, services }: MetricFacts): ServiceMetric {
  const [keyShare, serviceShare] = [shareOf(keys), shareOf(services)];
  const ofServices = serviceShare === null ? "no services" : `${services.good} of ${services.total} services`;
  return {
    name: "vault_share",
    value: `${keys.good} of ${keys.total} keys; ${ofServices}`,
    figures: { keyShare, keys: keys.total, serviceShare, services: services.total },
    definition: "keys in use that a vault or key service holds or wraps; services that share no secret with this one",
    source: "segno_keys custody; methods of services and service accounts",
  };
}

function timeToRecover({ recoveredSeconds, firing }: MetricFacts): ServiceMetric {
  const count = recoveredSeconds.length;
  const meanSeconds = count === 0 ? null : recoveredSeconds.reduce((sum, each) => sum + each, 0) / count;
  const mean = meanSeconds === null ? "no incident is over" : `${(meanSeconds / 60).toFixed(1)} min, mean of ${count}`;
  const isQuiet = count === 0 && firing === 0;
  return {
    name: "time_to_recover",
    value: isQuiet ? "no incident" : `${mean}; ${firing} open`,
    figures: { meanSeconds, incidents: count, open: firing },
    definition: "mean lastedSeconds of the alerts of objectives that are over, as long as events are kept",
    source: "events slo.recovered; segno_slo_alerts",
  };
}

function completeness({ audit }: MetricFacts): ServiceMetric {
  const { ratio = null, checked = null, missing = null } = audit ?? {};
  return {
    name: "audit_completeness",
    value: ratio === null ? "no audit log is kept" : `${percent(ratio)} of ${checked} changes, ${missing} missing`,
    figures: { ratio, checked, missing },
    definition: "changes of state that have their entry in the audit log, or wait for it",
    source: "the state tables against the audit log",
  };
}

const shareOf = ({ good, total }: Ratio) => (total === 0 ? null : good / total);
const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
/** Rounded down: what lacks anything never reads as all. */
const percent = (share: number) => `${(Math.floor(share * 10_000 + 1e-9) / 100).toFixed(2)} %`;
