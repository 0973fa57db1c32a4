import { SegnoError } from "@segno/core";
import type { Completeness } from "../audit/index.js";
import { listServiceAccounts } from "../clients/index.js";
import type { Engine } from "../engine.js";
import { parseCloudEvent } from "../events/index.js";
import type { KeyStatusReport } from "../keys/index.js";
import { computeMetrics, type MetricFacts, type Ratio, type ServiceMetric } from "./compute-metrics.js";
import { countFiring, selectMetricRows, sumIndicator } from "./store.js";

/** What `segno.api.readMetrics` answers. */
export interface ServiceMetrics {
  readonly atMs: number;
  readonly sinceMs: number;
  readonly metrics: readonly ServiceMetric[];
}

/** What other domains tell. */
export interface MetricSources {
  readonly keys: () => Promise<KeyStatusReport>;
  readonly completeness: () => Promise<Completeness>;
}

const dayMs = 86_400_000;
const portion = 1_000;

/**
 * Reads the five figures of the service. Reads the events that are kept and the audit log whole: for reports.
 * @throws SegnoError `invalid_input` for a time that is none
 */
export async function readMetrics(
  engine: Engine,
  sources: MetricSources,
  query: { readonly since?: string } = {},
): Promise<ServiceMetrics> {
  const { clock, config, store } = engine;
  const atMs = clock.nowMs();
  const sinceMs = query.since === undefined ? atMs - dayMs : Date.parse(query.since);
  if (!(sinceMs < atMs)) throw new SegnoError("invalid_input", "since: must be a time such as 2026-11-20T00:00:00Z");
  const { keys } = await sources.keys();
  const inUse = keys.filter(({ state }) => ["published", "signing", "verify_only"].includes(state));
  const metrics = computeMetrics({
    spanMs: atMs - sinceMs,
    ...(await readEvents(engine, sinceMs)),
    inTime: await sumIndicator(store.db, "sign-in-latency", sinceMs),
    tokenAnswers: await sumIndicator(store.db, "token-issue", sinceMs),
    keys: { good: inUse.filter(({ custody }) => custody !== "local").length, total: inUse.length },
    services: await readServices(engine),
    firing: await countFiring(store.db),
    audit: config.audit === undefined ? undefined : auditOf(await sources.completeness()),
  });
  return { atMs, sinceMs, metrics };
}

const auditOf = ({ ratio, checked, missingCount }: Completeness) => ({ ratio, checked, missing: missingCount });

async function readServices(engine: Engine): Promise<Ratio> {
  const nowMs = engine.clock.nowMs();
  const accounts = (await listServiceAccounts(engine)).filter(
    ({ revokedAt, expiresAt }) => revokedAt === null && Date.parse(expiresAt) > nowMs,
  );
  const methods = [
    ...[...engine.config.services.values()].map(({ credential }) => credential.method),
    ...accounts.map(({ method }) => method),
  ];
  return { good: methods.filter((method) => method !== "client_secret_basic").length, total: methods.length };
}

type FromEvents = Pick<MetricFacts, "signInMs" | "tokens" | "recoveredSeconds">;

async function readEvents({ store }: Engine, sinceMs: number): Promise<FromEvents> {
  const begun = new Map<string, number>();
  const signInMs: number[] = [];
  const recoveredSeconds: number[] = [];
  let tokens = 0;
  for (let after = ""; ; ) {
    const rows = await selectMetricRows(store.db, { sinceMs, after, limit: portion });
    for (const { payload } of rows) {
      const event = parseCloudEvent(payload);
      if (event.type === "slo.recovered") recoveredSeconds.push(event.data.lastedSeconds);
      else if (event.deviceClass === "probe") continue;
      else if (event.type === "attempt.started") begun.set(event.data.attemptId, Date.parse(event.time));
      else if (event.type === "login.success") {
        const beganMs = begun.get(event.data.attemptId ?? "");
        if (beganMs !== undefined) signInMs.push(Date.parse(event.time) - beganMs);
      } else tokens += 1;
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < portion) return { signInMs, tokens, recoveredSeconds };
    after = last.id;
  }
}
