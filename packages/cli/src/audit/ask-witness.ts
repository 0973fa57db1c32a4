import { askWitness, parseWitnessPolicy } from "@segno/server/audit";
import type { Command } from "../command.js";
import { CommandError, UsageError } from "../failure.js";
import { tellingAudit } from "./inputs.js";
import { openAudit } from "./open-audit.js";

export const auditAskWitnessCommand: Command = {
  name: "audit ask-witness",
  summary: "has a witness cosign the newest checkpoint of the engine's log",
  notes: ["Run it from time to time, once for each witness. Speaks C2SP tlog-witness."],
  options: {
    url: { type: "string", value: "URL", help: "where the witness is, without a slash at the end" },
    "witness-key": { type: "string", value: "KEY", help: "its public key: name+id+key" },
  },
  example:
    "$ segno audit ask-witness --url https://witness.example \\\n    --witness-key witness.example/one+8f2c11aa+BHV3...",
  failsWhen: "the witness is away, or saw another log",
  async run(input) {
    const { url, "witness-key": text } = input.values;
    if (typeof url !== "string" || !URL.canParse(url))
      throw new UsageError("--url is missing or none.", "Give it: --url https://witness.example");
    const key = readKey(text);
    const storage = await (await openAudit(input)).storage();
    const kept = await tellingAudit(() => askWitness(storage, { url: url.replace(/\/+$/, ""), key }, reach(url)));
    return { ok: true, json: { ...kept }, text: `${key.name} cosigned the log at ${kept.size} leaves.` };
  },
};

/** @throws UsageError */
function readKey(text: unknown) {
  try {
    const [witness] = parseWitnessPolicy(`witness w ${String(text)}\nquorum w`).witnesses;
    if (witness !== undefined) return witness.key;
  } catch {
    // told below
  }
  throw new UsageError("--witness-key is missing or none.", "It is what segno audit witness --show-key prints.");
}

/** A witness that is away is told by its address, and does not hold the command for ever. */
function reach(url: string): typeof globalThis.fetch {
  return async (target, init) => {
    try {
      return await fetch(target, { ...init, signal: AbortSignal.timeout(10_000) });
    } catch {
      throw new CommandError({
        code: "witness_away",
        cause: `No witness answers at ${url}.`,
        fix: "Look whether it runs, and ask again.",
        docs: "docs/concepts/audit-log.md#witnesses",
      });
    }
  };
}
