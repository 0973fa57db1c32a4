import type { Command } from "../command.js";
import { UsageError } from "../failure.js";
import { openKeys } from "./open-keys.js";

const purposes = ["access_token", "document", "audit", "data"] as const;

export const keysRotateCommand: Command = {
  name: "keys rotate",
  summary: "lets the spare key sign, and publishes a new spare",
  notes: [
    "Tokens of the old key stay good until they end, so nobody notices. Refused while a cache may not",
    "know the spare yet. A spare that does not open is replaced; a verifier then fetches the set anew.",
  ],
  options: {
    "at-once": { type: "boolean", help: "does not wait until every cache must know the spare" },
    "change-custody": { type: "boolean", help: "moves to the configured custody, from the one the key lies in" },
    purpose: { type: "string", value: "PURPOSE", help: `whose keys: ${purposes.join(", ")}; else access_token` },
  },
  example: "$ segno keys rotate --yes",
  failsWhen: "it was refused or declined, or another process was rotating",
  async run(input) {
    const { values, confirm } = input;
    const purpose = readPurpose(values["purpose"]);
    const keys = await openKeys(input);
    if (!(await confirm(`Rotate the ${purpose} key?`)))
      return { ok: false, json: { rotated: null }, text: "Nothing rotated." };
    const rotated = await keys.rotate({
      purpose,
      atOnce: values["at-once"] === true,
      changeCustody: values["change-custody"] === true,
    });
    if (rotated === null) {
      return { ok: false, json: { rotated }, text: "Another process was rotating at this moment: segno keys status" };
    }
    const unseen = rotated.wasPublished
      ? ""
      : "\nIt was not published before: verifiers fetch the key set when they meet it.";
    return { ok: true, json: { rotated }, text: `${rotated.kid} signs now, after ${rotated.previousKid}.${unseen}` };
  },
};

function readPurpose(given: string | boolean | undefined): (typeof purposes)[number] {
  if (given === undefined) return "access_token";
  const purpose = purposes.find((each) => each === given);
  if (purpose === undefined) throw new UsageError(`There is no purpose "${given}".`, `One of: ${purposes.join(", ")}`);
  return purpose;
}
