// What `npm start` runs once everything is installed: the quickstart on node:sqlite.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPackages } from "./build-js.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const quickstart = join(root, "examples", "quickstart");
const entry = join(quickstart, "server.ts");

console.log("segno: npm start: builds the packages and serves the quickstart (Express, React, node:sqlite).");
if (!existsSync(entry)) {
  console.error(`segno: ${entry} is missing.`);
  process.exit(1);
}
const started = performance.now();
const built = await buildPackages();
console.log(
  `segno: packages: ${built === 0 ? "up to date" : `${built} built in ${((performance.now() - started) / 1000).toFixed(1)} s`}`,
);

// The server takes the port from PORT, or the next free one from 3000, and prints what to open.
const child = spawn(process.execPath, [entry, ...process.argv.slice(2)], { cwd: quickstart, stdio: "inherit" });
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  // A terminal sends Ctrl-C to the whole group: the child has it already.
  process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
}
child.on("close", (code, signal) => {
  process.exitCode = code ?? (signal === "SIGINT" ? 130 : 143);
});
