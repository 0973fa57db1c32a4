import type { FunnelCut, FunnelReport, FunnelRow } from "@segno/server";
import type { Command, CommandInput } from "../command.js";
import { UsageError } from "../failure.js";
import { openEngine } from "../open-engine.js";

const cuts: readonly FunnelCut[] = ["method", "device", "variant"];

export const funnelCommand: Command = {
  name: "funnel",
  summary: "shows how many sign-ins were completed and left, how long they took, why they failed",
  notes: [
    "From the events that are kept (events.keepDays). Formulas: docs/concepts/funnel.md.",
    "Time is from the begin of an attempt to its session: middle, and the slowest but one in ten.",
  ],
  options: {
    since: { type: "string", value: "TIME", help: "from when on: 2026-11-21T03:00:00Z; else a day ago" },
    by: { type: "string", value: "CUT", help: "one row for each method, device or variant" },
  },
  example: "$ segno funnel --by method --config ./segno.ts",
  failsWhen: "the time or the cut is none",
  async run(input) {
    const query = queryOf(input.values);
    const report = await (await openEngine(input, "events")).api.funnel(query);
    return { ok: true, json: { ...report }, text: funnelText(report) };
  },
};

const isoTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

function queryOf({ since, by }: CommandInput["values"]): { readonly since?: string; readonly by?: FunnelCut } {
  if (since !== undefined && !(typeof since === "string" && isoTime.test(since) && !Number.isNaN(Date.parse(since))))
    throw new UsageError(`--since "${since}" is no time with an offset.`, "Give one: --since 2026-11-21T03:00:00Z");
  const cut = cuts.find((name) => name === by);
  if (by !== undefined && cut === undefined)
    throw new UsageError(`--by "${by}" is no cut.`, "Give one of: --by method, --by device, --by variant");
  return { ...(since === undefined ? {} : { since: String(since) }), ...(cut === undefined ? {} : { by: cut }) };
}

/** One table, at most 100 columns wide, and what failed below it. */
export function funnelText(report: FunnelReport): string {
  const head = line("", ["started", "done", "left", "open", "done %", "adopt %", "p50", "p90"]);
  const rows = report.rows.map((row) =>
    line(row.group.slice(0, 24), [
      String(row.started),
      String(row.completed),
      String(row.abandoned),
      String(row.open),
      percent(row.completion),
      percent(row.adoption),
      seconds(row.timeToSuccessMs.p50),
      seconds(row.timeToSuccessMs.p90),
    ]),
  );
  const alerts = Object.entries(report.riskAlerts).map(([kind, count]) => `  ${String(count).padStart(6)}  ${kind}`);
  return [
    [head, ...rows].join("\n"),
    ...report.rows.map(failuresText),
    ...(alerts.length === 0 ? [] : [["alerts", ...alerts].join("\n")]),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function failuresText(row: FunnelRow): string {
  const names = [...new Set([...Object.keys(row.failures), ...Object.keys(row.screens.failures)])].sort();
  if (names.length === 0) return "";
  const count = (counts: Readonly<Record<string, number | undefined>>, name: string) =>
    String(counts[name] ?? 0).padStart(8);
  return [
    `failures, ${row.group}`.padEnd(26) + ["service", "screen"].map((text) => text.padStart(8)).join(""),
    ...names.map((name) => `  ${name.padEnd(24)}${count(row.failures, name)}${count(row.screens.failures, name)}`),
  ].join("\n");
}

const line = (name: string, cells: readonly string[]) =>
  `${name.padEnd(24)} ${cells.map((cell) => cell.padStart(8)).join("")}`.trimEnd();
const percent = (share: number | null) => (share === null ? "-" : `${Math.round(share * 100)}`);
const seconds = (ms: number | null) => (ms === null ? "-" : `${(ms / 1000).toFixed(1)} s`);
