import type { CompromiseReport } from "@segno/server";
import type { Command } from "../command.js";
import { readSince } from "../read-time.js";
import { timeText } from "../time-text.js";
import { openKeys } from "./open-keys.js";

export const keysCompromiseCommand: Command = {
  name: "keys compromise",
  summary: "ends a key that somebody else may have, and what it signed",
  notes: [
    "Takes the key out of the key set at once, lets the spare sign, and ends every session that may have",
    "got a token by it since then. Cannot be undone. Run again after an interruption, it goes on.",
  ],
  positionals: [{ name: "KID", help: "the key, as segno keys status shows it" }],
  options: {
    since: { type: "string", value: "TIME", help: "from when on it is not trusted: 2026-11-21T03:00:00Z" },
    "keep-sessions": { type: "boolean", help: "ends no session; tokens of the key are refused all the same" },
  },
  example: "$ segno keys compromise Zk3...43 characters...xQ --since 2026-11-21T03:00:00Z",
  failsWhen: "there is no such key, it retired before, or it was declined",
  async run(input) {
    const { positionals, values, confirm } = input;
    const [kid = ""] = positionals;
    const sinceMs = readSince(values["since"]);
    const keys = await openKeys(input);
    const isKept = values["keep-sessions"] === true;
    const sessions = isKept
      ? "Sessions stay."
      : `Sessions that may have got a token by it since ${timeText(sinceMs)} end.`;
    if (!(await confirm(`End key ${kid} for good? ${sessions}`)))
      return { ok: false, json: { report: null }, text: "Nothing was changed." };
    input.terminal.progress(`taking ${kid} out of the key set and ending sessions`);
    const report = await keys.compromise(kid, { sinceMs, sessions: isKept ? "keep" : "revoke" });
    return { ok: true, json: { report }, text: reportText(report, isKept) };
  },
};

function reportText(report: CompromiseReport, isKept: boolean): string {
  const line = (what: string, value: string) => `  ${what.padEnd(22)} ${value}`;
  return [
    `${report.kid} is out of the key set.${report.isFirst ? "" : " It was before; this went on where that stopped."}`,
    line("withdrawn", timeText(report.withdrawnAtMs)),
    line("not trusted", `${timeText(report.fromMs)} to ${timeText(report.untilMs)}`),
    line("tokens signed then", String(report.tokensSigned)),
    line(
      "sessions ended",
      isKept ? "0 (kept, as asked)" : `${report.sessionsRevoked} of ${report.usersAffected} users`,
    ),
    line("signs now", report.signingKid ?? "no key: none can be made, see segno doctor"),
    line("refused everywhere by", timeText(report.refusedEverywhereByMs)),
  ].join("\n");
}
