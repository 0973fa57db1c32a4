import { writeEvidence } from "@segno/server/audit";
import { tellingAudit } from "../audit/inputs.js";
import type { Command } from "../command.js";
import { UsageError } from "../failure.js";
import { openEngine } from "../open-engine.js";
import { version } from "../version.js";
import { queryOptions, readQuery } from "./query-options.js";

export const evidenceBuildCommand: Command = {
  name: "evidence build",
  summary: "writes what proves an answer of the audit log to somebody without it",
  notes: [
    "Holds the query, its answer as a table, a proof for each entry, and a signed list of it all.",
    "Nothing personal is opened: a bundle is out of the reach of a later erasure.",
  ],
  options: {
    ...queryOptions,
    out: { type: "string", value: "PATH", help: "a file that ends in .zip, or a folder; must not be there yet" },
  },
  example: "$ segno evidence build --type key.* --since 2026-10-01T00:00:00Z --out keys-q4.zip",
  failsWhen: "the log has no checkpoint, the query finds more than 10000 entries, or PATH is there",
  async run(input) {
    const { out } = input.values;
    if (typeof out !== "string") throw new UsageError("--out is missing.", "Give a file: --out evidence.zip");
    const query = readQuery(input.values);
    const { api } = await openEngine(input, "audit log");
    const files = await tellingAudit(() => api.audit.evidence(query, { name: "segno", version: version() }));
    await tellingAudit(() => writeEvidence(out, files));
    const entries = [...files.keys()].filter((name) => name.startsWith("proofs/")).length;
    const text = `${out} proves ${entries} entries. Check it anywhere: segno evidence verify ${out} --keys keys.txt`;
    return { ok: true, json: { out, entries }, text };
  },
};
