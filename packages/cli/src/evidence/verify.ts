import { readEvidence, verifyEvidence } from "@segno/server/audit";
import { readTrust, tellingAudit, trustOptions } from "../audit/inputs.js";
import type { Command } from "../command.js";

export const evidenceVerifyCommand: Command = {
  name: "evidence verify",
  summary: "checks a bundle of evidence by itself: no network, no database, no engine",
  notes: [
    "Without --keys the bundle's own keys are taken: that shows only that it agrees with itself.",
    "Not checked: that the query found everything, and whose the keys in the custody record are.",
  ],
  positionals: [{ name: "PATH", help: "the bundle" }],
  options: { keys: { type: "string", value: "FILE", help: trustOptions["keys"]?.help ?? "" } },
  example: "$ segno evidence verify keys-q4.zip --keys keys.txt",
  failsWhen: "anything in it was changed, is missing or was added",
  async run({ positionals, values }) {
    const [path = ""] = positionals;
    const files = await tellingAudit(() => readEvidence(path));
    const keys = values["keys"] === undefined ? undefined : readTrust(values).keys;
    const verdict = verifyEvidence(files, keys);
    const { ok, faults, entries, handOvers, keysFrom, manifest } = verdict;
    const own = keysFrom === "bundle" ? " by its own keys alone: give --keys from elsewhere" : "";
    const custody = handOvers.map(
      (each) => `  ${each.at}  ${each.from} to ${each.to}: ${each.reason} (key ${each.key})`,
    );
    const text = ok
      ? [`${path} holds${own}. ${entries} entries of ${manifest?.origin ?? ""}.`, ...custody]
      : [`${path} does NOT hold:`, ...faults.map(({ file, reason }) => `  ${file} ${reason}`)];
    return { ok, json: { ...verdict }, text: text.join("\n") };
  },
};
