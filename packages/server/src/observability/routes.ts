import { createHash, timingSafeEqual } from "node:crypto";
import { SegnoError } from "@segno/core";
import { defineRoute, type Route } from "../http/index.js";
import type { EngineMetrics } from "./engine-metrics.js";
import { prometheusType } from "./prometheus-text.js";

/** `GET /metrics` for whoever holds the token. There is no such route without one. */
export function metricsRoutes(metrics: EngineMetrics | undefined, token: string | undefined): readonly Route[] {
  if (metrics === undefined || token === undefined) return [];
  const wanted = hash(token);
  return [
    defineRoute({
      method: "GET",
      path: "/metrics",
      operationId: "getMetrics",
      summary: "Figures of this process in the Prometheus text format",
      tag: "health",
      access: "public",
      // the header holds no access token of ours
      crossSite: true,
      answers: { 200: { description: "The figures." } },
      async handle({ request }) {
        const given = /^Bearer +(\S+) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
        if (given === undefined || !timingSafeEqual(hash(given), wanted)) throw new SegnoError("unauthenticated");
        return { text: await metrics.text(), headers: { "content-type": prometheusType } };
      },
    }),
  ];
}

function hash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
