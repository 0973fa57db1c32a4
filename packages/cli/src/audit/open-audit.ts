import type { Segno } from "@segno/server";
import type { CommandInput } from "../command.js";
import { openEngine } from "../open-engine.js";

export type AuditVerbs = Segno["api"]["audit"];

/** The log of the configured engine. */
export async function openAudit(input: CommandInput): Promise<AuditVerbs> {
  return (await openEngine(input, "audit log")).api.audit;
}
