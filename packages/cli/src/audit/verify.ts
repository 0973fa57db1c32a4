import { type LogProblem, type LogReport, verifyLog } from "@segno/server/audit";
import type { Command, CommandInput } from "../command.js";
import { UsageError } from "../failure.js";
import { timeText } from "../time-text.js";
import { readInput, readNumber, readTrust, trustOptions } from "./inputs.js";

export const auditVerifyCommand: Command = {
  name: "audit verify",
  summary: "checks every byte of an audit log in files: no server, no database, no network",
  notes: [
    "Checks every leaf, tile and file, the root at every checkpoint, signatures, witnesses and times.",
    "What only a witness can show (a rollback of everything, a fork) is said at the end.",
  ],
  positionals: [{ name: "DIR", help: "the log, as it was exported or as it lies in files" }],
  options: {
    ...trustOptions,
    known: { type: "string", value: "FILE", help: "a checkpoint kept elsewhere: the log must have grown from it" },
    origin: { type: "string", value: "NAME", help: "which log it must be; default: any that a key is for" },
    retention: { type: "string", value: "CLASS=DAYS,...", help: "whose leaves may be gone, and after how many days" },
    "clock-tolerance": { type: "string", value: "SECONDS", help: "how far times may go back; default 300" },
  },
  example: "$ segno audit verify ./audit --keys keys.txt --policy policy.txt",
  failsWhen: "anything is wrong with the log",
  async run({ positionals, values, terminal }) {
    const [folder = ""] = positionals;
    const known = values["known"];
    const tolerance = readNumber(values, "clock-tolerance");
    const origin = values["origin"];
    readInput(`${folder}/checkpoint`);
    let saidAt = 0;
    const report = await verifyLog(folder, {
      ...readTrust(values),
      ...(typeof known === "string" ? { known: [readInput(known)] } : {}),
      ...(typeof origin === "string" ? { origin } : {}),
      ...(tolerance === undefined ? {} : { clockToleranceMs: tolerance * 1000 }),
      retention: readRetention(values["retention"]),
      onProgress(done, of) {
        if (done - saidAt < 100_000 && !(done === of && saidAt > 0)) return;
        saidAt = done;
        terminal.progress(`verified ${done} of ${of} leaves`);
      },
    });
    return { ok: report.ok, json: { report }, text: reportText(report) };
  },
};

function readRetention(given: CommandInput["values"][string]): ReadonlyMap<string, number> {
  if (typeof given !== "string") return new Map();
  return new Map(
    given.split(",").map((part) => {
      const match = /^([a-z0-9][a-z0-9-]{0,39})=(\d{1,6})$/.exec(part.trim());
      if (match === null)
        throw new UsageError(`--retention "${part}" is no class and days.`, "As in: --retention token=30");
      return [match[1] ?? "", Number(match[2])] as const;
    }),
  );
}

function reportText(report: LogReport): string {
  const { ok, origin, size, signedSize, checkpoints, root, witnesses, expired, problems, problemCount } = report;
  const verdict = ok
    ? "The log is sound."
    : `The log is NOT sound: ${problemCount} problem${problemCount === 1 ? "" : "s"}.`;
  const seenBy = witnesses.map(({ name, atMs }) => `${name} at ${timeText(atMs)}`).join(", ");
  const gone = Object.entries(expired).map(([name, count]) => `${count} by class ${name}`);
  return [
    verdict,
    line("log", origin ?? "unknown"),
    line("leaves", `${size}, signed up to ${signedSize}`),
    line("checkpoints", String(checkpoints)),
    ...(root === null ? [] : [line("root", root)]),
    ...(seenBy === "" ? [] : [line("cosigned by", seenBy)]),
    ...(gone.length === 0 ? [] : [line("expired", gone.join(", "))]),
    ...(problems.length === 0 ? [] : ["", ...problems.map(problemText)]),
    ...(problemCount > problems.length ? [`  and ${problemCount - problems.length} more`] : []),
    "",
    ...report.notices,
  ].join("\n");
}

const line = (what: string, value: string): string => `  ${what.padEnd(12)} ${value}`;

function problemText({ code, path, from, to, reason }: LogProblem): string {
  return `  ${code}${path === undefined ? "" : ` in ${path}`}${rangeText(from, to)}: ${reason}`;
}

function rangeText(from: number | undefined, to: number | undefined): string {
  if (from === undefined) return "";
  if (to === undefined || to === from + 1) return `, leaf ${from}`;
  return `, leaves ${from} to ${to - 1}`;
}
