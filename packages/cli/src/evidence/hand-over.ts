import { handOverEvidence, readEvidence, replaceEvidence, verifyEvidence } from "@segno/server/audit";
import { readInput, tellingAudit } from "../audit/inputs.js";
import type { Command } from "../command.js";
import { CommandError, UsageError } from "../failure.js";

const needed = ["from", "to", "reason", "key"] as const;

export const evidenceHandOverCommand: Command = {
  name: "evidence hand-over",
  summary: "adds to a bundle who gave it to whom, when and why, signed",
  notes: ["Whoever hands over signs with a key of their own: openssl genpkey -algorithm ed25519 -out me.pem"],
  positionals: [{ name: "PATH", help: "the bundle" }],
  options: {
    from: { type: "string", value: "NAME", help: "who hands over" },
    to: { type: "string", value: "NAME", help: "who receives" },
    reason: { type: "string", value: "TEXT", help: "why" },
    key: { type: "string", value: "FILE", help: "the Ed25519 private key of who hands over, PEM" },
  },
  example: '$ segno evidence hand-over keys-q4.zip --from Ada --to "Audit Ltd" --reason SOC2 --key me.pem',
  failsWhen: "the bundle does not verify by itself, or the key is no Ed25519 key",
  async run({ positionals, values }) {
    const [path = ""] = positionals;
    const [from = "", to = "", reason = "", key = ""] = needed.map((name) => {
      const given = values[name];
      if (typeof given !== "string")
        throw new UsageError(`--${name} is missing.`, "See: segno evidence hand-over --help");
      return given;
    });
    const files = await tellingAudit(() => readEvidence(path));
    const [fault] = verifyEvidence(files).faults;
    if (fault !== undefined) {
      throw new CommandError({
        code: "evidence_broken",
        cause: `${fault.file} ${fault.reason}: nobody should hand this on.`,
        fix: `See everything that is wrong: segno evidence verify ${path}`,
        docs: "docs/concepts/audit-people.md#evidence",
      });
    }
    const privateKey = readInput(key);
    const grown = handOverEvidence(files, { from, to, reason, privateKey });
    await replaceEvidence(path, grown);
    const { handOvers } = verifyEvidence(grown);
    return {
      ok: true,
      json: { path, handOvers },
      text: `${path} went from ${from} to ${to}: hand-over ${handOvers.length}.`,
    };
  },
};
