// Runs the real command in a process of its own, without a terminal: as it was built where the packages were built just
// now, else from source.
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const loader = new URL("../../server/test/source-loader.mjs", import.meta.url).href;
const isBuilt = process.env["SEGNO_TEST_BUILT"] === "1";
const fileOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What `node` takes before the arguments of the command. */
export const command: readonly string[] = isBuilt
  ? [fileOf("../dist/bin.js")]
  : ["--import", loader, fileOf("../src/bin.ts")];

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as the one JSON document it must be. */
  json(): Record<string, unknown>;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

export function runCli(args: readonly string[], { cwd, env = {} }: CliOptions): Promise<CliResult> {
  const child = spawn(process.execPath, [...command, ...args], {
    cwd,
    // nothing of the machine that runs the tests
    env: { PATH: process.env["PATH"] ?? "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const texts = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) child[name].on("data", (chunk) => (texts[name] += String(chunk)));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => {
      resolve({ code, ...texts, json: () => JSON.parse(texts.stdout) as Record<string, unknown> });
    });
  });
}

/** A folder of its own, with the files given. */
export function makeFolder(files: Readonly<Record<string, string>> = {}): {
  readonly path: string;
  readonly write: (name: string, text: string) => void;
  readonly remove: () => void;
} {
  const path = mkdtempSync(join(tmpdir(), "segno-cli-"));
  const write = (name: string, text: string) => writeFileSync(join(path, name), text);
  // what a module in this folder may import
  mkdirSync(join(path, "node_modules", "@segno"), { recursive: true });
  symlinkSync(fileOf("../../server"), join(path, "node_modules", "@segno", "server"));
  for (const [name, text] of Object.entries(files)) write(name, text);
  return { path, write, remove: () => rmSync(path, { recursive: true, force: true }) };
}
