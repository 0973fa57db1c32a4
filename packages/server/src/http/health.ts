import * as v from "valibot";
import { defineRoute, type Route } from "./route.js";

/** One named check; false or a throw means not ready. */
export type HealthCheck = () => Promise<boolean>;
/** What `GET /health/ready` answers: one line per check. */
export interface HealthReport {
  readonly status: "ready" | "not_ready";
  readonly checks: Readonly<Record<string, "ok" | "failing">>;
}

export async function checkHealth(checks: Readonly<Record<string, HealthCheck>>): Promise<HealthReport> {
  const results = await Promise.all(
    Object.entries(checks).map(
      async ([name, check]) => [name, (await check().catch(() => false)) ? "ok" : "failing"] as const,
    ),
  );
  const isReady = results.every(([, result]) => result === "ok");
  return { status: isReady ? "ready" : "not_ready", checks: Object.fromEntries(results) };
}

const report = v.object({
  status: v.picklist(["ready", "not_ready"]),
  checks: v.record(v.string(), v.picklist(["ok", "failing"])),
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
