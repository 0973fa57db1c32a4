import type { Actor, Engine } from "../../engine.js";
import { type BurnAlert, type SloState, sloState } from "./burn-rate.js";
import { type OperationCounter, signInRate } from "./count-operations.js";
import { type SloDefinition, sloDays } from "./definitions.js";
import { type RateDrop, rateDrop } from "./learn-hours.js";
import { addCounts, compactBuckets, endAlert, firingAlerts, raiseAlert, readBuckets } from "./store.js";

type Parts = Pick<Engine, "clock" | "store" | "events" | "log">;

/** What `segno slo` shows. */
export interface SloReport {
  readonly atMs: number;
  readonly slos: readonly SloState[];
  /** Set while sign-ins succeed less often than is usual at this hour of the week. */
  readonly signInDrop: RateDrop | undefined;
  /** Alerts that were told and are not over. */
  readonly firing: readonly { readonly id: string; readonly sinceMs: number }[];
}

const dayMs = 86_400_000;
const keepMinutesMs = 4 * dayMs;
const longestDays = 90;
const learnMs = 36 * dayMs;
const system: Actor = { requestId: "slo", kind: "system" };

/** Reads where every objective stands. Changes nothing. */
export async function reportSlos(parts: Parts, definitions: readonly SloDefinition[]): Promise<SloReport> {
  const { clock, store } = parts;
  const atMs = clock.nowMs();
  const slos: SloState[] = [];
  for (const definition of definitions) {
    const buckets = await readBuckets(
      store.db,
      definition.name,
      atMs - Math.max(3, definition.days ?? sloDays) * dayMs,
    );
    slos.push(sloState(definition, buckets, atMs));
  }
  const signInDrop = rateDrop(await readBuckets(store.db, signInRate, atMs - learnMs), atMs);
  return { atMs, slos, signInDrop, firing: await firingAlerts(store.db) };
}

/** Writes what this process counted; what cannot be written is kept for the next time. */
export async function writeCounts(parts: Parts, counter: OperationCounter): Promise<void> {
  const counts = counter.take();
  if (counts.length === 0) return;
  try {
    await parts.store.transaction((trx) => addCounts(trx, counts));
  } catch (error) {
    counter.giveBack(counts);
    throw error;
  }
}

/**
 * Looks at every objective and tells of each change once, whichever node looks: `slo.alert` when an alert begins,
 * `slo.recovered` when it is over. Called once a minute by every node.
 */
export async function watchSlos(parts: Parts, definitions: readonly SloDefinition[]): Promise<void> {
  const report = await reportSlos(parts, definitions);
  const now = new Map<string, { slo: string; alert: BurnAlert | undefined; drop: RateDrop | undefined }>();
  for (const { name, alerts } of report.slos) {
    for (const alert of alerts)
      now.set(`${name}/${alert.severity}/${alert.longMinutes}`, { slo: name, alert, drop: undefined });
  }
  const { signInDrop: drop } = report;
  if (drop !== undefined) now.set(`${signInRate}/drop`, { slo: signInRate, alert: undefined, drop });
  for (const [id, { slo, alert, drop: dropped }] of now) {
    if (report.firing.some((each) => each.id === id)) continue;
    await parts.store.transaction(async (trx) => {
      if (!(await raiseAlert(trx, id, report.atMs))) return;
      await parts.events.append(trx, "slo.alert", system, {
        slo,
        kind: alert === undefined ? "rate_drop" : "burn_rate",
        severity: alert?.severity ?? "page",
        windowMinutes: alert?.longMinutes ?? dropped?.windowMinutes ?? 0,
        ...(alert === undefined ? {} : { burnRate: rounded(alert.burnRate) }),
        ...(dropped === undefined ? {} : { rate: rounded(dropped.rate), usual: rounded(dropped.usual) }),
      });
    });
  }
  for (const { id } of report.firing) if (!now.has(id)) await recover(parts, id);
  parts.events.nudge();
  await compact(parts, report.atMs);
}

async function recover(parts: Parts, id: string): Promise<void> {
  await parts.store.transaction(async (trx) => {
    const sinceMs = await endAlert(trx, id);
    if (sinceMs === undefined) return;
    const [slo = "", severity = "page"] = id.split("/");
    const lastedSeconds = Math.round((parts.clock.nowMs() - sinceMs) / 1_000);
    await parts.events.append(trx, "slo.recovered", system, { slo, severity, lastedSeconds });
  });
}

async function compact({ store }: Parts, nowMs: number): Promise<void> {
  const limits = { beforeMs: nowMs - keepMinutesMs, forgetMs: nowMs - longestDays * dayMs };
  // a node that was away for long catches up over some minutes
  for (let hours = 0; hours < 50; hours += 1)
    if (!(await store.transaction((trx) => compactBuckets(trx, limits)))) return;
}

const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;
