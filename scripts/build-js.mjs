// Builds the JavaScript of every package, in parallel, and skips those whose sources did not change.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
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
  const failed = [];
  for (let next = 0; next < stale.length; next += 2) {
    const results = await Promise.allSettled(stale.slice(next, next + 2).map(build));
    failed.push(...results.filter(({ status }) => status === "rejected").map(({ reason }) => reason.message));
  }
  if (failed.length > 0) throw new Error(`these packages do not build (see above): ${failed.join(", ")}`);
  return stale.length;
}

async function build({ folder, hash }) {
  const tsup = join(root, "node_modules", "tsup", "dist", "cli-default.js");
  const since = Date.now();
  const child = spawn(process.execPath, [tsup, "--silent"], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) throw new Error(`packages/${basename(folder)}`);
  removeStaleChunks(join(folder, "dist"), since);
  mkdirSync(dirname(stampOf(folder)), { recursive: true });
  writeFileSync(stampOf(folder), hash);
}

/** Shared chunks carry a hash in their name: those of earlier builds would be packed along. */
function removeStaleChunks(dist, since) {
  for (const file of readdirSync(dist).filter((name) => /^chunk-.*\.js$/.test(name))) {
    if (statSync(join(dist, file)).mtimeMs < since - 2000) rmSync(join(dist, file));
  }
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
  const files = [folder, ...copiedInto(folder)]
    .flatMap((each) => readdirSync(join(each, "src"), { recursive: true }).map((file) => join(each, "src", file)))
    .concat(join(folder, "package.json"), join(folder, "tsup.config.ts"), join(root, "scripts", "tsup-package.js"))
    .filter((file) => !/\.test(-d)?\.tsx?$/.test(file) && statSync(file).isFile())
    .sort();
  for (const file of files) hash.update(file.slice(root.length)).update(readFileSync(file));
  return hash.digest("hex");
}

/** Packages whose code ends up in this one's. */
function copiedInto(folder) {
  const list = /const copied = \[(.*)\];/.exec(readFileSync(join(folder, "tsup.config.ts"), "utf8"))?.[1] ?? "";
  return [...list.matchAll(/"(.*?)"/g)].map(([, name]) => join(root, "packages", name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const started = performance.now();
  try {
    const built = await buildPackages();
    const took = ((performance.now() - started) / 1000).toFixed(1);
    console.log(`segno: ${built === 0 ? "packages are up to date" : `built ${built} packages in ${took} s`}`);
  } catch (error) {
    console.error(`segno: ${error.message}`);
    process.exitCode = 1;
  }
}
