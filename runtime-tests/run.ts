// Runs each suite on each runtime and prints a table.   node run.ts [runtime ...]
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { CaseResult } from "./harness.ts";

interface Runner {
  readonly runtime: string;
  readonly suite: string;
  readonly command: readonly [string, ...string[]];
}

const deno = ["deno", "run", "--quiet", "--node-modules-dir=manual", "--no-lock", "--allow-all"] as const;
const runners: readonly Runner[] = [
  { runtime: "node", suite: "core, client", command: ["node", "runners/core.ts"] },
  { runtime: "bun", suite: "core, client", command: ["bun", "runners/core.ts"] },
  { runtime: "deno", suite: "core, client", command: [...deno, "runners/core.ts"] },
  { runtime: "workerd", suite: "core, client", command: ["node", "runners/workerd.ts"] },
  { runtime: "node", suite: "server", command: ["node", "runners/server.ts"] },
  { runtime: "bun", suite: "server", command: ["bun", "runners/server.ts"] },
  { runtime: "deno", suite: "server", command: [...deno, "runners/server.ts"] },
];

const wanted = process.argv.slice(2);
const lines: string[] = [];
const total = { passed: 0, failed: 0 };
for (const { runtime, suite, command } of runners) {
  if (wanted.length > 0 && !wanted.includes(runtime)) continue;
  const [program, ...args] = command;
  const started = performance.now();
  const run = spawnSync(program, args, {
    cwd: fileURLToPath(new URL(".", import.meta.url)),
    encoding: "utf8",
    timeout: 120_000,
  });
  const results = resultsOf(run.stdout ?? "");
  if (results === undefined) {
    console.error(
      `${runtime}, ${suite}: did not run to the end (${run.error?.message ?? `exit ${run.status}`})\n${run.stdout}${run.stderr}`,
    );
  }
  const failures = results?.filter(({ error }) => error !== undefined) ?? [{ name: "the run itself" }];
  for (const { name, error } of failures) console.error(`${runtime}: ${name}\n  ${error ?? ""}`);
  const passed = (results?.length ?? 0) - (results === undefined ? 0 : failures.length);
  total.passed += passed;
  total.failed += failures.length;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  lines.push(
    `${runtime.padEnd(10)} ${suite.padEnd(14)} ${String(passed).padStart(6)} ${String(failures.length).padStart(6)} ${seconds.padStart(8)}`,
  );
}

console.log(
  `${"runtime".padEnd(10)} ${"suite".padEnd(14)} ${"passed".padStart(6)} ${"failed".padStart(6)} ${"seconds".padStart(8)}`,
);
for (const line of lines) console.log(line);
const countsFile = process.env["SEGNO_COUNTS_FILE"];
if (countsFile) writeFileSync(countsFile, JSON.stringify(total));
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;

function resultsOf(output: string): readonly CaseResult[] | undefined {
  const line = output.split("\n").find((text) => text.startsWith("results "));
  return line === undefined ? undefined : (JSON.parse(line.slice("results ".length)) as CaseResult[]);
}
