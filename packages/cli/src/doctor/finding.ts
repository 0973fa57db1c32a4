import type { Terminal } from "../terminal.js";

/** One line of the doctor. */
export interface Finding {
  readonly check: string;
  readonly level: "ok" | "warn" | "fail";
  readonly found: string;
  /** What to do; on every warn and fail. */
  readonly fix?: string;
  readonly docs?: string;
}

export const ok = (check: string, found: string): Finding => ({ check, level: "ok", found });

export function warn(check: string, found: string, advice: Advice): Finding {
  return { check, level: "warn", found, ...advice };
}

export function fail(check: string, found: string, advice: Advice): Finding {
  return { check, level: "fail", found, ...advice };
}

interface Advice {
  readonly fix: string;
  readonly docs: string;
}

/** Pages that fixes lead to. */
export const pages = {
  configuration: "docs/concepts/configuration.md",
  clientIp: "docs/concepts/rate-limits-and-client-ip.md",
  keys: "docs/concepts/keys-and-secrets.md",
  tokens: "docs/concepts/sessions-and-tokens.md",
  commandLine: "docs/concepts/command-line.md",
  platform: "docs/quick-start/platform.md",
} as const;

const colors = { ok: "green", warn: "yellow", fail: "red" } as const;
const indent = 22;

/** Findings as lines that fit the terminal. */
export function findingsText(findings: readonly Finding[], terminal: Terminal): string {
  const width = terminal.columns - indent;
  const lines = findings.flatMap(({ check, level, found, fix, docs }) => {
    const head = `  ${terminal.paint(colors[level], level.padEnd(5))} ${check.padEnd(indent - 9)} `;
    const more = [fix === undefined ? [] : wrap(`fix:  ${fix}`, width), docs === undefined ? [] : [`docs: ${docs}`]];
    const [first = "", ...rest] = wrap(found, width);
    return [`${head}${first}`, ...[...rest, ...more.flat()].map((line) => `${" ".repeat(indent)}${line}`)];
  });
  const count = (level: Finding["level"]) => findings.filter((finding) => finding.level === level).length;
  return [...lines, "", `${count("ok")} ok, ${count("warn")} warnings, ${count("fail")} failures`].join("\n");
}

/** Breaks at spaces; a word that is longer than a line stays whole. */
export function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
