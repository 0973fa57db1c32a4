// Runs a runbook: every `console` block of a page, command by command in one shell, and holds the output against the page.
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "./run-cli.js";

/** One command of a page, and what it should say. */
export interface Step {
  /** Where on the page, from 1. */
  readonly line: number;
  readonly command: string;
  /** `...` alone stands for any lines, within a line for any text. */
  readonly output: readonly string[];
  readonly exitCode: number;
}

/**
 * ```console
 * $ command \
 *   that goes on
 * ? 1
 * output
 * ```
 * `? N` is the exit code where it is not 0.
 */
export function readSteps(page: string): readonly Step[] {
  const steps: Step[] = [];
  /** How far the block is indented, inside one. */
  let indent: number | undefined;
  for (const [index, raw] of page.split("\n").entries()) {
    const fence = /^(\s*)```(\w*)$/.exec(raw);
    if (fence !== null) indent = indent === undefined && fence[2] === "console" ? (fence[1] ?? "").length : undefined;
    else if (indent !== undefined) addLine(steps, raw.slice(Math.min(indent, raw.search(/\S|$/))), index + 1);
  }
  return steps;
}

function addLine(steps: Step[], text: string, line: number): void {
  const last = steps.at(-1);
  if (text.startsWith("$ ")) steps.push({ line, command: text.slice(2), output: [], exitCode: 0 });
  else if (last === undefined) throw new Error(`line ${line}: output before the first command`);
  else if (last.command.endsWith("\\")) steps[steps.length - 1] = { ...last, command: `${last.command}\n${text}` };
  else if (/^\? \d+$/.test(text)) steps[steps.length - 1] = { ...last, exitCode: Number(text.slice(2)) };
  else steps[steps.length - 1] = { ...last, output: [...last.output, text] };
}

/** Whether what came is what the page promises. */
export function isAsPromised(output: readonly string[], actual: string): boolean {
  const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const pattern = output.map((line) =>
    line.trim() === "..." ? "(?:[^\\n]*\\n)*?" : `${line.trimEnd().split("...").map(escape).join("[^\\n]*")}[ ]*\\n`,
  );
  const text = actual.trimEnd();
  return new RegExp(`^${pattern.join("")}$`).test(text === "" ? "" : `${text}\n`);
}

export interface Shell {
  run(line: string): Promise<{ readonly exitCode: number; readonly output: string }>;
  close(): void;
}

/** One bash for a whole page, so that a variable set in one step is there in the next. `segno` is the real command. */
export function openShell(folder: string, env: Readonly<Record<string, string>>): Shell {
  const bin = join(folder, "bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "segno"), `#!/bin/sh\nexec "${process.execPath}" ${command.join(" ")} "$@"\n`);
  chmodSync(join(bin, "segno"), 0o755);
  const shell = spawn("bash", ["--norc", "--noprofile"], {
    cwd: folder,
    env: { ...env, PATH: `${bin}:${process.env["PATH"] ?? ""}` },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let text = "";
  let waiting: (() => void) | undefined;
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.on("data", (chunk) => {
      text += String(chunk);
      waiting?.();
    });
  }
  shell.stdin.write("exec 2>&1\n");
  const mark = "~~~ step over:";
  return {
    async run(line) {
      text = "";
      // input of a command must not be the rest of our script
      shell.stdin.write(`{ ${line}\n} </dev/null; printf '\\n${mark} %s\\n' $?\n`);
      const done = new RegExp(`\\n${mark} (\\d+)\\n`);
      for (let found = done.exec(text); ; found = done.exec(text)) {
        if (found !== null) return { exitCode: Number(found[1]), output: text.slice(0, found.index) };
        await new Promise<void>((resolve) => (waiting = resolve));
      }
    },
    close: () => void shell.kill(),
  };
}
