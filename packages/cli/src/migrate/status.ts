import type { Command } from "../command.js";
import { migrationData, nameOf, refusalOf, stateText } from "./describe.js";

export const statusCommand: Command = {
  name: "migrate status",
  summary: "shows which migrations the database has",
  notes: ["Changes nothing. A migration that was changed after it was applied is named and explained."],
  example: "$ segno migrate status --config ./segno.ts --json",
  failsWhen: "a migration is missing, was changed, or is newer than this version",
  async run({ engine }) {
    const { schema } = await engine("store");
    const status = await schema.status();
    const refusal = refusalOf(status);
    const lines = [`${schema.store}: ${status.state}`, ""];
    for (const migration of status.migrations) lines.push(`  ${nameOf(migration).padEnd(32)} ${stateText(migration)}`);
    if (refusal !== undefined) lines.push("", refusal.cause, `  fix:  ${refusal.fix}`, `  docs: ${refusal.docs}`);
    if (status.state === "pending") lines.push("", "Apply what is pending: segno migrate apply");
    const migrations = status.migrations.map(migrationData);
    const json = {
      database: schema.store,
      state: status.state,
      migrations,
      ...(refusal === undefined ? {} : { error: refusal }),
    };
    return { ok: status.state === "current", json, text: lines.join("\n") };
  },
};
