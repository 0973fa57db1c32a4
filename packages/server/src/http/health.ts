import * as v from "valibot";
import { defineRoute, type Route } from "./route.js";

/** One named check; false or a throw means failing. */
export type HealthCheck = () => Promise<boolean | HealthState>;
/** `degraded`: it works, and somebody should look at it before it does not. Such a node stays in service. */
export type HealthState = "ok" | "degraded" | "failing";
/** What `GET /health/ready` answers: one line per check. Ready when none is failing. */
export interface HealthReport {
  readonly status: "ready" | "not_ready";
  readonly checks: Readonly<Record<string, HealthState>>;
}

export async function checkHealth(checks: Readonly<Record<string, HealthCheck>>): Promise<HealthReport> {
  const results = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, stateOf(await check().catch(() => false))] as const),
  );
  const isReady = results.every(([, result]) => result !== "failing");
  return { status: isReady ? "ready" : "not_ready", checks: Object.fromEntries(results) };
}

function stateOf(result: boolean | HealthState): HealthState {
  if (typeof result !== "boolean") return result;
  return result ? "ok" : "failing";
}

const report = v.object({
  status: v.picklist(["ready", "not_ready"]),
  checks: v.record(v.string(), v.picklist(["ok", "degraded", "failing"])),
});

/** Liveness asks nothing of the store: a process that waits for its database must not be restarted for it. */
export function healthRoutes(check: () => Promise<HealthReport>): readonly Route[] {
  return [
    defineRoute({
      method: "GET",
      path: "/health/live",
      operationId: "getLiveness",
      summary: "Whether the process runs",
      tag: "health",
      access: "public",
      rate: "none",
      answers: { 200: { description: "It runs.", schema: v.object({ status: v.literal("live") }) } },
      handle: async () => ({ json: { status: "live" } }),
    }),
    defineRoute({
      method: "GET",
      path: "/health/ready",
      operationId: "getReadiness",
      summary: "Whether requests can be served: the store answers and there is a key to sign with",
      tag: "health",
      access: "public",
      answers: {
        200: { description: "Ready.", schema: report },
        503: { description: "Not ready.", schema: report },
      },
      handle: async () => {
        const result = await check();
        return { status: result.status === "ready" ? 200 : 503, json: result };
      },
    }),
  ];
}
