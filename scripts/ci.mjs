// Runs the steps of ci-steps.mjs one after the other, never stopping at a failure, and adds everything up.
// Built-ins only, and fit for Node 20: it starts before anything is installed.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { steps } from "./ci-steps.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wanted = process.argv.slice(2);
if (wanted.includes("--list")) {
  for (const { name, what, command } of steps) console.log(`${name.padEnd(20)} ${what}  (${command})`);
  process.exit(0);
}
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`ci: no step named ${unknown.join(", ")}. Steps: ${steps.map(({ name }) => name).join(", ")}`);
  process.exit(2);
}

const results = [];
const started = performance.now();
for (const step of steps) {
  if (wanted.length === 0 || wanted.includes(step.name)) results.push(await runStep(step));
}
report();

async function runStep(step) {
  const blocker = results.find(({ name, status }) => name === step.needs && status !== "passed");
  if (blocker !== undefined) {
    console.log(`\n=== ${step.name}: not run, because ${blocker.name} failed`);
    return { ...step, status: "failed", seconds: 0, note: `needs ${blocker.name}`, counts: undefined };
  }
  console.log(`\n=== ${step.name}: ${step.what}\n    $ ${step.command}`);
  const countsFile = join(root, ".toolchain", `counts-${process.pid}.json`);
  mkdirSync(dirname(countsFile), { recursive: true });
  rmSync(countsFile, { force: true });
  const since = performance.now();
  const code = await shell(step.command, { ...environment(), ...step.env, SEGNO_COUNTS_FILE: countsFile });
  const seconds = (performance.now() - since) / 1000;
  const counts = existsSync(countsFile) ? JSON.parse(readFileSync(countsFile, "utf8")) : undefined;
  rmSync(countsFile, { force: true });
  const status = code === 0 ? "passed" : "failed";
  console.log(`=== ${step.name}: ${status} in ${seconds.toFixed(1)} s`);
  return { ...step, status, seconds, note: code === 0 ? "" : `exit ${code}`, counts };
}

/** Own process group, so that whatever a step leaves running ends with it. */
function shell(command, env) {
  const child = spawn("bash", ["-c", command], {
    cwd: root,
    env,
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
  const endGroup = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
    } catch {
      // nothing of it is left
    }
  };
  const onSignal = () => {
    endGroup();
    process.exit(130);
  };
  process.once("SIGINT", onSignal).once("SIGTERM", onSignal);
  return new Promise((resolve) => {
    child.on("error", () => resolve(127));
    child.on("close", (code) => {
      endGroup();
      process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
      resolve(code ?? 1);
    });
  });
}

function environment() {
  const bins = [join(root, ".toolchain", "node_modules", ".bin"), join(root, "node_modules", ".bin")];
  return { ...process.env, CI: "true", NO_COLOR: "1", PATH: [...bins, process.env.PATH].join(delimiter) };
}

/** Counts every test and check a step reported, and the step itself. */
function report() {
  const total = { passed: 0, failed: 0 };
  console.log(`\n${"step".padEnd(20)} ${"result".padEnd(8)} ${"seconds".padStart(8)}  tests and checks`);
  for (const { name, status, seconds, note, counts } of results) {
    total.passed += (counts?.passed ?? 0) + (status === "passed" ? 1 : 0);
    total.failed += (counts?.failed ?? 0) + (status === "failed" ? 1 : 0);
    const detail = counts === undefined ? note : `${counts.passed} passed, ${counts.failed} failed ${note}`;
    console.log(`${name.padEnd(20)} ${status.padEnd(8)} ${seconds.toFixed(1).padStart(8)}  ${detail}`.trimEnd());
  }
  console.log(`\nall steps: ${((performance.now() - started) / 60_000).toFixed(1)} minutes`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}
