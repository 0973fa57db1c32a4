// What `npm test` runs once everything is installed: unit, contract and handler tests.
// Arguments go to vitest: npm test -- packages/core, npm test -- --reporter=dot
// SEGNO_TEST_STORES=hard runs the suites of stores through PgBouncer and at serializable isolation instead.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildPackages } from "./build-js.mjs";
import { startPgBouncer } from "./pgbouncer.mjs";
import { startPostgres } from "./postgres.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const report = join(root, ".toolchain", `test-report-${process.pid}.json`);
const started = performance.now();
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(1)} s`;
const say = (line) => console.log(`segno: ${line}`);
const arePeersRequired = process.env.SEGNO_REQUIRE_PEERS === "1";

let postgres;
let pgBouncer;
let vitest;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    vitest?.kill(signal);
    if (vitest === undefined) end(130);
  });
}

try {
  say(
    "npm test: builds the packages, starts a throw-away PostgreSQL where one is installed, runs every unit, contract and handler test.",
  );
  const isBuilt = await build();
  const env = { ...(await peers()), ...(isBuilt ? { SEGNO_TEST_BUILT: "1" } : {}) };
  say("[3/3] tests");
  const args = process.argv.slice(2);
  const set = process.env.SEGNO_TEST_SET ?? (args.length === 0 ? "quick" : undefined);
  const code = await runVitest(args, set === undefined ? env : { ...env, SEGNO_TEST_SET: set });
  summarise(code);
  if (set === "quick")
    say("tests that start and kill processes are a set of their own: SEGNO_TEST_SET=processes npm test");
  if (!isBuilt) say("NOT good: a package does not build, see above");
  end(code === 0 && !isBuilt ? 1 : code);
} catch (error) {
  console.error(`\nsegno: ${error.message}`);
  end(1);
}

/** Most tests run against source, so they still say something when a package does not build. */
async function build() {
  const since = performance.now();
  try {
    const built = await buildPackages();
    say(`[1/3] packages: ${built === 0 ? "up to date" : `${built} built in ${seconds(since)}`}`);
    return true;
  } catch (error) {
    console.error(`segno: ${error.message}`);
    return false;
  }
}

/** Starts what the tests talk to, and says what is missing. */
async function peers() {
  if (process.env.SEGNO_TEST_POSTGRES_URL) {
    say("[2/3] PostgreSQL: the one in SEGNO_TEST_POSTGRES_URL");
    return await withPgBouncer(process.env, process.env.SEGNO_TEST_POSTGRES_URL);
  }
  const since = performance.now();
  const server = await startPostgres();
  if ("missing" in server) {
    if (arePeersRequired) throw new Error(`SEGNO_REQUIRE_PEERS=1, but ${server.missing}.`);
    say(`[2/3] PostgreSQL: skipped: ${server.missing}. Its tests are skipped too; node:sqlite is tested.`);
    return process.env;
  }
  postgres = server;
  say(`[2/3] PostgreSQL ${server.version}: started in ${seconds(since)}`);
  return await withPgBouncer({ ...process.env, SEGNO_TEST_POSTGRES_URL: server.url }, server.url);
}

/** Only where the suites are to run through it. */
async function withPgBouncer(env, url) {
  if (process.env.SEGNO_TEST_STORES !== "hard") return env;
  const bouncer = await startPgBouncer({ url });
  if ("missing" in bouncer) {
    if (arePeersRequired) throw new Error(`SEGNO_REQUIRE_PEERS=1, but ${bouncer.missing}.`);
    say(`[2/3] PgBouncer: skipped: ${bouncer.missing}. Its tests are skipped too.`);
    return env;
  }
  pgBouncer = bouncer;
  say(`[2/3] PgBouncer ${bouncer.version}: three connections, shared by transaction`);
  return { ...env, SEGNO_TEST_PGBOUNCER_URL: bouncer.url };
}

function runVitest(args, env) {
  mkdirSync(dirname(report), { recursive: true });
  const reporters = args.some((arg) => arg.startsWith("--reporter")) ? [] : ["--reporter=default"];
  const entry = join(root, "node_modules", "vitest", "vitest.mjs");
  const all = [entry, "run", ...reporters, "--reporter=json", `--outputFile.json=${report}`, ...args];
  vitest = spawn(process.execPath, all, { cwd: root, env, stdio: "inherit" });
  return new Promise((resolve) => vitest.on("close", (code) => resolve(code ?? 130)));
}

function summarise(code) {
  if (!existsSync(report)) return say(`the tests did not run to the end (exit ${code}) after ${seconds(started)}`);
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
    readFileSync(report, "utf8"),
  );
  const skipped = numPendingTests + numTodoTests;
  const counts = [
    `${numPassedTests} tests passed`,
    `${numFailedTests} failed`,
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  say(
    `${code === 0 ? "all good" : "NOT good"}: ${counts.join(", ")}, in ${testResults.length} files, ${seconds(started)}`,
  );
  reportCounts(numPassedTests, numFailedTests);
}

/** The check that runs every check adds up these. */
function reportCounts(passed, failed) {
  const file = process.env.SEGNO_COUNTS_FILE;
  if (file) writeFileSync(file, JSON.stringify({ passed, failed }));
}

function end(code) {
  try {
    void pgBouncer?.stop();
    postgres?.stop();
  } finally {
    rmSync(report, { force: true });
    process.exitCode = code;
    if (code === 130) process.exit(code);
  }
}
