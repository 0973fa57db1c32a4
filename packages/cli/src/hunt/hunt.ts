import type { Finding } from "@segno/server";
import type { Command } from "../command.js";
import { openEngine } from "../open-engine.js";

export const huntCommand: Command = {
  name: "hunt",
  summary: "looks through the stored events for what attacks leave behind",
  notes: [
    "Reads what is kept (events.keepDays), a day back by default. A finding is a suspicion: its events",
    "tell what happened, its runbook what to do. Reads events alone, so it shows no personal data.",
  ],
  options: {
    only: { type: "string", value: "NAMES", help: "these hunts, separated by commas; default: all" },
    since: { type: "string", value: "TIME", help: "from when on: 2026-11-20T00:00:00Z" },
    list: { type: "boolean", help: "shows the hunts instead" },
  },
  example: "$ segno hunt --since 2026-11-20T00:00:00Z --only code-spray,refresh-reuse",
  failsWhen: "something was found, or a name or time is none",
  async run(input) {
    const { api } = await openEngine(input, "events");
    const { only, since, list } = input.values;
    if (list === true) {
      const hunts = await api.listHunts();
      const text = hunts.map(({ name, summary }) => `${name.padEnd(24)} ${summary}`).join("\n");
      return { ok: true, json: { hunts }, text };
    }
    const findings = await api.hunt({
      ...(typeof since === "string" ? { since } : {}),
      ...(typeof only === "string" ? { hunts: only.split(",").map((name) => name.trim()) } : {}),
    });
    const runbooks = new Map((await api.listHunts()).map(({ name, runbook }) => [name, runbook]));
    return { ok: findings.length === 0, json: { findings }, text: findingsText(findings, runbooks) };
  },
};

/** One block per finding. */
export function findingsText(findings: readonly Finding[], runbooks: ReadonlyMap<string, string>): string {
  if (findings.length === 0) return "Nothing was found.";
  return findings
    .map(({ hunt, about, from, until, what, eventIds }) =>
      [
        `${hunt}: ${about}`,
        `  ${what}`,
        `  ${from} to ${until}, ${eventIds.length === 20 ? "20 events or more" : `${eventIds.length} events`}, the first ${eventIds[0] ?? "-"}`,
        `  what to do: docs/runbooks/${runbooks.get(hunt) ?? "README"}.md`,
      ].join("\n"),
    )
    .join("\n\n");
}
