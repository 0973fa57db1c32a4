// Installs the packed packages into projects outside the workspace and runs what each project says.
//   node scripts/check-consumers.mjs [name ...]
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packAll, publicPackages, root, run } from "./packages.mjs";

const consumers = join(root, "e2e", "consumers");
const wanted = process.argv.slice(2);
const names = readdirSync(consumers).filter(
  (name) => existsSync(join(consumers, name, "package.json")) && (wanted.length === 0 || wanted.includes(name)),
);
const packed = packAll();
const catalog = readCatalog();
const work = mkdtempSync(join(tmpdir(), "segno-consumers-"));
process.on("exit", () => rmSync(work, { recursive: true, force: true }));

const count = { passed: 0, failed: 0 };
if (names.length === 0) {
  count.failed += 1;
  console.error(`no consumer in ${consumers} is called ${wanted.join(", ")}`);
}
for (const name of names) {
  const since = performance.now();
  const problem = check(name);
  count[problem === undefined ? "passed" : "failed"] += 1;
  console.log(
    `segno: consumer ${name}: ${problem === undefined ? "works" : "FAILS"} (${((performance.now() - since) / 1000).toFixed(1)} s)`,
  );
  if (problem !== undefined) console.error(problem);
}
if (process.env.SEGNO_COUNTS_FILE) writeFileSync(process.env.SEGNO_COUNTS_FILE, JSON.stringify(count));
process.exitCode = count.failed > 0 ? 1 : 0;

function check(name) {
  const folder = join(work, name);
  try {
    cpSync(join(consumers, name), folder, {
      recursive: true,
      filter: (path) => !/node_modules|\.next|\/dist$/.test(path),
    });
    const settings = install(folder);
    for (const absent of settings.absent ?? []) {
      if (isInstalled(folder, absent)) throw new Error(`${absent} was installed although nothing here needs it`);
    }
    const installed = countPackages(folder);
    if (settings.maxPackages !== undefined && installed > settings.maxPackages)
      throw new Error(`${installed} packages were installed, at most ${settings.maxPackages} were expected`);
    for (const command of settings.run)
      run("bash", ["-c", command], {
        cwd: folder,
        env: { ...process.env, NEXT_TELEMETRY_DISABLED: "1", NODE_ENV: undefined },
      });
    return undefined;
  } catch (error) {
    return error.message;
  }
}

/** Replaces `*` and `catalog:` by tarballs and pinned versions, and makes the tarballs serve their dependants too. */
function install(folder) {
  const file = join(folder, "package.json");
  const { segnoConsumer: settings, ...manifest } = JSON.parse(readFileSync(file, "utf8"));
  const overrides = Object.fromEntries(publicPackages().map(({ name }) => [name, `file:${packed.get(name)}`]));
  for (const group of ["dependencies", "devDependencies"]) {
    for (const [name, version] of Object.entries(manifest[group] ?? {}))
      manifest[group][name] = overrides[name] ?? (version === "catalog:" ? catalog[name] : version);
  }
  if (settings.install === "npm") {
    writeFileSync(file, JSON.stringify({ ...manifest, overrides }));
    const flags = [
      "--no-audit",
      "--no-fund",
      "--prefer-offline",
      "--loglevel=error",
      "--fetch-timeout=30000",
      "--fetch-retries=1",
    ];
    // npm may run under another Node than the one of the machine; both trust what the machine trusts.
    const env = { ...process.env, NODE_USE_SYSTEM_CA: "1" };
    retry(() => run("npm", ["install", ...flags], { cwd: folder, env }));
  } else {
    writeFileSync(file, JSON.stringify(manifest));
    const lines = Object.entries(overrides).map(([name, target]) => `  "${name}": "${target}"`);
    writeFileSync(
      join(folder, "pnpm-workspace.yaml"),
      `packages: []\nallowBuilds:\n  esbuild: false\n  sharp: false\n  msw: false\noverrides:\n${lines.join("\n")}\n`,
    );
    retry(() =>
      run("pnpm", ["install", "--prefer-offline", "--no-frozen-lockfile", "--reporter=append-only"], { cwd: folder }),
    );
  }
  return settings;
}

/** Downloads break off now and then. */
function retry(work) {
  for (let tries = 1; ; tries += 1) {
    try {
      return work();
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
}

function isInstalled(folder, name) {
  const stored = join(folder, "node_modules", ".pnpm");
  if (existsSync(join(folder, "node_modules", name))) return true;
  return existsSync(stored) && readdirSync(stored).some((entry) => entry.startsWith(`${name.replace("/", "+")}@`));
}

function countPackages(folder) {
  const lock = join(folder, "package-lock.json");
  return existsSync(lock) ? Object.keys(JSON.parse(readFileSync(lock, "utf8")).packages).length - 1 : 0;
}

function readCatalog() {
  const text = readFileSync(join(root, "pnpm-workspace.yaml"), "utf8").match(/^catalog:\n((?: {2}.*\n)+)/m)?.[1] ?? "";
  return Object.fromEntries(
    [...text.matchAll(/^ {2}"?([^":\n]+)"?: (.+)$/gm)].map(([, name, version]) => [name, version.trim()]),
  );
}
