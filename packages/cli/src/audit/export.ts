import { exportLog } from "@segno/server/audit";
import type { Command } from "../command.js";
import { timeText } from "../time-text.js";
import { tellingAudit } from "./inputs.js";
import { openAudit } from "./open-audit.js";

export const auditExportCommand: Command = {
  name: "audit export",
  summary: "copies the engine's audit log into files that anybody can verify",
  notes: [
    "The layout is C2SP tlog-tiles: any web server can serve it. A folder with the beginning of the log",
    "gets the rest of it. What expired since an earlier export stays in that export: see the manual.",
  ],
  positionals: [{ name: "DIR", help: "where to; made when it is not there" }],
  example: "$ segno audit export ./audit --config ./segno.ts",
  failsWhen: "the folder holds another log, or one that forked",
  async run(input) {
    const [folder = ""] = input.positionals;
    const audit = await openAudit(input);
    const storage = await audit.storage();
    const exported = await tellingAudit(() =>
      exportLog(storage, folder, (done, of) => input.terminal.progress(`exported ${done} of ${of} leaves`)),
    );
    const { size, added, checkpoints } = exported;
    const text = `${folder} has ${size} leaves, ${added} of them new, and ${checkpoints} new checkpoints.`;
    return { ok: true, json: { ...exported }, text };
  },
};

export const auditStatusCommand: Command = {
  name: "audit status",
  summary: "shows how large the audit log is, what waits for it, and its public keys",
  notes: ["Keep the keys where whoever can change the log cannot: a verifier needs them from there."],
  example: "$ segno audit status --config ./segno.ts",
  failsWhen: "the log takes no events",
  async run(input) {
    const status = await (await openAudit(input)).status();
    const { origin, size, checkpointSize, waiting, oldestWaitingMs, failingSinceMs, keys } = status;
    const since = oldestWaitingMs === null ? "" : `, since ${timeText(oldestWaitingMs)}`;
    const text = [
      `log        ${origin}`,
      `leaves     ${size}, signed up to ${checkpointSize ?? 0}`,
      `waiting    ${waiting} events${since}`,
      "keys:",
      keys.trimEnd(),
    ];
    return { ok: failingSinceMs === null, json: { status }, text: text.join("\n") };
  },
};
