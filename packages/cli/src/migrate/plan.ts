import type { Command } from "../command.js";
import { inState, migrationData, nameOf, refusalOf } from "./describe.js";

export const planCommand: Command = {
  name: "migrate plan",
  summary: "shows the migrations that are missing, with their SQL",
  notes: ["Changes nothing, and makes no database file. Only the database has to be configured."],
  example: "$ SEGNO_DATABASE_URL=postgres://app@db.internal/app segno migrate plan",
  failsWhen: "a migration is missing, was changed, or is newer than this version",
  async run({ engine }) {
    const { schema } = await engine("store");
    const status = await schema.status();
    const pending = inState(status, "pending");
    const refusal = refusalOf(status);
    const json = {
      database: schema.store,
      state: status.state,
      pending: pending.map(migrationData),
      ...(refusal === undefined ? {} : { error: refusal }),
    };
    const lines = [`-- ${schema.store}: ${status.state}`];
    if (refusal !== undefined) lines.push(`-- ${refusal.cause}`, `-- fix:  ${refusal.fix}`, `-- docs: ${refusal.docs}`);
    for (const migration of refusal === undefined ? pending : []) {
      lines.push("", `-- ${nameOf(migration)}`);
      for (const statement of migration.statements) lines.push(`${statement};`);
    }
    if (refusal === undefined && pending.length > 0) lines.push("", "-- Apply them: segno migrate apply");
    return { ok: status.state === "current", json, text: lines.join("\n") };
  },
};
