import type { ServiceMetrics } from "@segno/server";
import type { Command } from "../command.js";
import { openEngine } from "../open-engine.js";
import { readSince } from "../read-time.js";
import { timeText } from "../time-text.js";

export const metricsCommand: Command = {
  name: "metrics",
  summary: "shows five figures of how identity does, each with its definition and source",
  notes: [
    "Latency of sign-in, issuing of tokens, what a vault backs, time to recover, completeness of the",
    "audit log. Reads the kept events and the audit log whole: for reports, not every minute.",
  ],
  options: { since: { type: "string", value: "TIME", help: "from when on: 2026-11-21T03:00:00Z; else a day ago" } },
  example: "$ segno metrics --since 2026-11-21T03:00:00Z --config ./segno.ts",
  failsWhen: "the figures cannot be read",
  async run(input) {
    const { since } = input.values;
    const query = since === undefined ? {} : { since: timeText(readSince(since)) };
    const report = await (await openEngine(input, "figures")).api.readMetrics(query);
    return { ok: true, json: { ...report }, text: metricsText(report) };
  },
};

function metricsText({ sinceMs, metrics }: ServiceMetrics): string {
  const blocks = metrics.map(({ name, value, definition, source }) =>
    [`${name.padEnd(20)}${value}`, `  is: ${definition}`, `  from: ${source}`].join("\n"),
  );
  return [`since ${timeText(sinceMs)}`, ...blocks].join("\n\n");
}
