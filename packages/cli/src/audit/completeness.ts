import type { Command } from "../command.js";
import { openEngine } from "../open-engine.js";
import { tellingAudit } from "./inputs.js";

export const auditCompletenessCommand: Command = {
  name: "audit completeness",
  summary: "holds the database against the audit log and names what has no entry",
  notes: [
    "Every user, session, refresh family, passkey, key, client and revocation must have its entry.",
    "Reads all of them, and the whole log: run it from a job, not from a page.",
  ],
  example: "$ segno audit completeness --config ./segno.ts",
  failsWhen: "anything has no entry",
  async run(input) {
    const { api } = await openEngine(input, "audit log");
    const found = await tellingAudit(() => api.audit.completeness());
    const { ratio, checked, missing, missingCount, waiting, outside } = found;
    const shown = missing.slice(0, 20).map(({ kind, id }) => `  ${kind} ${id}`);
    const text = [
      `${percent(ratio)} of ${checked} changes of state have their entry; ${waiting} of them wait for the log.`,
      ...(outside === 0 ? [] : [`${outside} are older than the log, or their entry's time is over.`]),
      ...(missingCount === 0 ? [] : [`${missingCount} without an entry:`, ...shown]),
      ...(missingCount > shown.length ? ["  ... more with --json"] : []),
    ];
    return { ok: missingCount === 0, json: { ...found }, text: text.join("\n") };
  },
};

/** Never rounded up to a hundred. */
function percent(ratio: number): string {
  return `${(Math.floor(ratio * 10_000) / 100).toFixed(2)} %`;
}
