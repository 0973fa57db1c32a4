import type { AuditEntry, PersonalView } from "@segno/server";
import type { Command } from "../command.js";
import { queryOptions, readQuery } from "../evidence/query-options.js";
import { openEngine } from "../open-engine.js";
import { readNumber, tellingAudit } from "./inputs.js";

export const auditListCommand: Command = {
  name: "audit list",
  summary: "answers who did what to whom, when, from what to what",
  notes: [
    "The newest entries that fulfil everything asked for, oldest first. Reads the whole log.",
    "What is personal is shown while the person's key is there: then it says when it was erased.",
  ],
  options: { ...queryOptions, limit: { type: "string", value: "N", help: "at most so many; else 100, at most 10000" } },
  example: "$ segno audit list --type consent.* --since 2026-11-01T00:00:00Z",
  failsWhen: "no audit log is kept, or it cannot be read",
  async run(input) {
    const query = readQuery(input.values);
    const limit = readNumber(input.values, "limit");
    const { api } = await openEngine(input, "audit log");
    const entries = await tellingAudit(() => api.audit.show({ ...query, ...(limit === undefined ? {} : { limit }) }));
    return {
      ok: true,
      json: { entries },
      text: entries.length === 0 ? "No entry." : entries.map(entryText).join("\n"),
    };
  },
};

function entryText(entry: AuditEntry): string {
  const { index, time, type, outcome, subject, data, personal } = entry;
  const { type: kind, id } = entry.actor;
  const who = `${kind ?? "system"}${id === null ? "" : ` ${id}`}`;
  return [
    `${time}  ${type}  ${outcome ?? ""}  leaf ${index}`.trimEnd(),
    `  by        ${who}`,
    ...(subject === null ? [] : [`  about     ${subject}`]),
    `  says      ${JSON.stringify(data)}`,
    ...(personal === null ? [] : [`  personal  ${personalText(personal)}`]),
  ].join("\n");
}

function personalText(personal: PersonalView): string {
  if (personal.state === "sealed") return "[sealed: its key cannot be opened here]";
  if (personal.state === "erased") return `[erased ${new Date(personal.erasedAtMs).toISOString().slice(0, 10)}]`;
  return JSON.stringify(personal.fields);
}
