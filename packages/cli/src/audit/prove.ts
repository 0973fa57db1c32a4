import { writeFileSync } from "node:fs";
import type { LeafName, ProvenLeaf } from "@segno/server/audit";
import { findProof, verifyProof } from "@segno/server/audit";
import type { Command, CommandInput, OptionRow } from "../command.js";
import { CommandError, UsageError } from "../failure.js";
import { openFolder, readInput, readNumber, readTrust, tellingAudit, trustOptions } from "./inputs.js";
import { leafText, type OpenPersonal } from "./leaf-text.js";
import { type AuditVerbs, openAudit } from "./open-audit.js";

/** Options that name one leaf. */
const leafOptions: Readonly<Record<string, OptionRow>> = {
  event: { type: "string", value: "ID", help: "the leaf of this event" },
  index: { type: "string", value: "NUMBER", help: "the leaf at this place, from 0" },
  log: { type: "string", value: "DIR", help: "a log in files; else the one of the configured engine" },
};

export const auditProveCommand: Command = {
  name: "audit prove",
  summary: "writes one leaf with its proof into a file that verifies alone",
  notes: ["The file is a C2SP tlog-proof with the leaf in it: segno audit check-proof, or any other verifier."],
  options: { ...leafOptions, out: { type: "string", value: "FILE", help: "where to; default EVENT.tlog-proof" } },
  example: "$ segno audit prove --event 01978f3c-5f6e-7a10-b4c0-4d0f6a1c2e3b",
  failsWhen: "there is no such leaf, or no checkpoint covers it yet",
  async run(input) {
    const { values } = input;
    const name = readLeafName(values);
    const { found } = await findLeaf(input, name);
    if (found.proof === undefined) {
      throw new CommandError({
        code: "not_signed",
        cause: `No checkpoint covers leaf ${found.index} yet.`,
        fix: "Try again after the next checkpoint, which comes within a minute.",
        docs: "docs/concepts/audit-log.md",
      });
    }
    const given = values["out"];
    const file = typeof given === "string" ? given : `${"eventId" in name ? name.eventId : found.index}.tlog-proof`;
    writeFileSync(file, found.proof);
    const text = `${file} proves leaf ${found.index}. Check it: segno audit check-proof ${file} --keys keys.txt`;
    return { ok: true, json: { file, index: found.index }, text };
  },
};

export const auditShowCommand: Command = {
  name: "audit show",
  summary: "shows a leaf in plain words",
  notes: [
    "Personal fields are sealed under a key of the person: readable with the engine of the service,",
    "[sealed] in a log in files, and [erased] once the person's key was destroyed.",
  ],
  options: leafOptions,
  example: "$ segno audit show --index 1042 --config ./segno.ts",
  failsWhen: "there is no such leaf",
  async run(input) {
    const { found, api } = await findLeaf(input, readLeafName(input.values));
    const { index, leaf } = found;
    const { text, json } = leafText(leaf, await personalOf(api, leaf));
    return { ok: true, json: { index, leaf: json }, text: `leaf ${index}\n${text}` };
  },
};

export const auditCheckProofCommand: Command = {
  name: "audit check-proof",
  summary: "checks a proof of one leaf, with nothing but the log's keys",
  notes: ["Needs no log, no server and no network."],
  positionals: [{ name: "FILE", help: "a .tlog-proof, as segno audit prove writes it" }],
  options: {
    ...trustOptions,
    leaf: { type: "string", value: "FILE", help: "the leaf, where the proof has none in it" },
  },
  example: "$ segno audit check-proof login.tlog-proof --keys keys.txt",
  failsWhen: "the proof does not hold",
  async run({ positionals, values }) {
    const leafFile = values["leaf"];
    const verdict = verifyProof(readInput(positionals[0] ?? ""), {
      ...readTrust(values),
      ...(typeof leafFile === "string" ? { leaf: Buffer.from(readInput(leafFile)) } : {}),
    });
    if (!verdict.ok)
      return { ok: false, json: { reason: verdict.reason }, text: `The proof does NOT hold: ${verdict.reason}.` };
    const { index, checkpoint, witnesses } = verdict;
    const { text, json } = leafText(verdict.leaf);
    const names = witnesses.map((witness) => witness.name);
    const seen = names.length === 0 ? "" : `, seen by ${names.join(", ")}`;
    return {
      ok: true,
      json: { index, origin: checkpoint.origin, size: checkpoint.size, witnesses, leaf: json },
      text: `The proof holds: leaf ${index} of ${checkpoint.origin} at ${checkpoint.size} leaves${seen}.\n${text}`,
    };
  },
};

async function findLeaf(
  input: CommandInput,
  name: LeafName,
): Promise<{ readonly found: ProvenLeaf; readonly api: AuditVerbs | undefined }> {
  const { log } = input.values;
  const api = typeof log === "string" ? undefined : await openAudit(input);
  const storage = typeof log === "string" ? await openFolder(log) : await api?.storage();
  if (storage === undefined) throw new UsageError("There is no log.", "Give one: --log DIR");
  return { found: await tellingAudit(() => findProof(storage, name)), api };
}

/** What is personal in a leaf, as the engine sees it. */
async function personalOf(api: AuditVerbs | undefined, leaf: Uint8Array): Promise<OpenPersonal | undefined> {
  const { id, time } = eventOf(leaf);
  const sinceMs = Date.parse(String(time));
  if (api === undefined || Number.isNaN(sinceMs)) return undefined;
  const entries = await api.show({ sinceMs, untilMs: sinceMs + 1, limit: 10_000 });
  const personal = entries.find((entry) => entry.id === id)?.personal;
  if (personal?.state === "readable") return () => ({ ...personal.fields });
  return personal?.state === "erased" ? () => undefined : undefined;
}

function eventOf(leaf: Uint8Array): { readonly id?: unknown; readonly time?: unknown } {
  try {
    const { event } = JSON.parse(Buffer.from(leaf).toString("utf8")) as { readonly event?: object };
    return event ?? {};
  } catch {
    return {};
  }
}

function readLeafName(values: CommandInput["values"]): LeafName {
  const index = readNumber(values, "index");
  const eventId = values["event"];
  if ((index === undefined) === (eventId === undefined))
    throw new UsageError("Name one leaf.", "By its event or its place: --event ID, or --index 1042");
  return typeof eventId === "string" ? { eventId } : { index: index ?? 0 };
}
