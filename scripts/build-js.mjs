// Builds the JavaScript of every package, in parallel, and skips those whose sources did not change.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** @returns {Promise<number>} how many packages had to be built */
export async function buildPackages() {
  const stale = readdirSync(join(root, "packages"))
    .map((name) => join(root, "packages", name))
    .filter((folder) => existsSync(join(folder, "tsup.config.ts")))
    .map((folder) => ({ folder, hash: sourceHash(folder) }))
    .filter(({ folder, hash }) => readStamp(folder) !== hash);
  for (let next = 0; next < stale.length; next += 2) {
    await Promise.all(stale.slice(next, next + 2).map(build));
  }
  return stale.length;
}

async function build({ folder, hash }) {
  const tsup = join(root, "node_modules", "tsup", "dist", "cli-default.js");
  const child = spawn(process.execPath, [tsup, "--silent"], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`tsup failed in ${folder}`);
  mkdirSync(dirname(stampOf(folder)), { recursive: true });
  writeFileSync(stampOf(folder), hash);
}

function stampOf(folder) {
  return join(root, ".toolchain", "built", basename(folder));
}

function readStamp(folder) {
  const file = stampOf(folder);
  return existsSync(file) && existsSync(join(folder, "dist")) ? readFileSync(file, "utf8") : "";
}

function sourceHash(folder) {
  const hash = createHash("sha256");
  const files = readdirSync(join(folder, "src"), { recursive: true })
    .map((file) => join(folder, "src", file))
    .concat(join(folder, "package.json"), join(folder, "tsup.config.ts"), join(root, "scripts", "tsup-package.js"))
    .filter((file) => !/\.test(-d)?\.tsx?$/.test(file) && statSync(file).isFile())
    .sort();
  for (const file of files) hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest("hex");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = performance.now();
  const built = await buildPackages();
  console.log(
    `segno: ${built === 0 ? "packages are up to date" : `built ${built} packages in ${((performance.now() - started) / 1000).toFixed(1)} s`}`,
  );
}
