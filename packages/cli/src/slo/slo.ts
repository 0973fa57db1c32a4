import type { SloReport } from "@segno/server";
import type { Command } from "../command.js";
import { openEngine } from "../open-engine.js";
import { timeText } from "../time-text.js";

export const sloCommand: Command = {
  name: "slo",
  summary: "shows what the service promises, what is left of each error budget, and which alerts fire",
  notes: [
    "burn: how fast the budget goes. 1 spends all of it by the end of the period; above 14.4 for an",
    "hour wakes somebody.",
    "Counts are written every ten seconds by every node. The last ones may be missing.",
  ],
  example: "$ segno slo --config ./segno.ts",
  failsWhen: "an alert fires, or a budget is spent",
  async run(input) {
    const { api } = await openEngine(input, "counts");
    const report = await api.readSlos();
    const isSpent = report.slos.some(({ budgetLeft }) => budgetLeft <= 0);
    return {
      ok: report.firing.length === 0 && report.signInDrop === undefined && !isSpent,
      json: { ...report },
      text: reportText(report),
    };
  },
};

/** One line per objective, and one per alert. */
export function reportText(report: SloReport): string {
  const head = line(["objective", "promised", "was", "budget left", "burn 1h", "6h", "3d", "counted"]);
  const rows = report.slos.map(({ name, objective, actual, budgetLeft, burn, total }) =>
    line([
      name,
      percent(objective),
      actual === undefined ? "-" : percent(actual),
      actual === undefined ? "-" : percent(budgetLeft, 1),
      burn.hour.toFixed(1),
      burn.sixHours.toFixed(1),
      burn.threeDays.toFixed(1),
      String(total),
    ]),
  );
  const { signInDrop: drop } = report;
  const dropText =
    drop === undefined
      ? []
      : [
          `sign-ins succeed in ${percent(drop.rate, 1)} of the last ${drop.windowMinutes} minutes; usual at this hour: ${percent(drop.usual, 1)}`,
        ];
  const firing = report.firing.map(({ id, sinceMs }) => `fires since ${timeText(sinceMs)}: ${id}`);
  const alerts = [...dropText, ...firing];
  return [head, ...rows, "", ...(alerts.length === 0 ? ["No alert fires."] : alerts)].join("\n");
}

const widths = [18, 9, 9, 12, 8, 6, 6, 9] as const;
const line = (cells: readonly string[]): string =>
  cells
    .map((cell, index) => (index === 0 ? cell.padEnd(widths[index] ?? 0) : cell.padStart(widths[index] ?? 0)))
    .join(" ")
    .trimEnd();

/** Rounded down, so that 99.96 % of 99.9 % never reads as all. */
const percent = (share: number, digits = 2): string =>
  `${(Math.floor(share * 100 * 10 ** digits + 1e-9) / 10 ** digits).toFixed(digits)}%`;
