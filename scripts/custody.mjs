// Key custody against real servers: Vault, AWS KMS (moto) and PKCS#11 (SoftHSM2), each thrown away afterwards.
//   node scripts/custody.mjs                           with whatever is there; what is missing is skipped, and why
//   SEGNO_REQUIRE_PEERS=1 node scripts/custody.mjs     builds and installs what is missing; without it: a failure
//   node scripts/custody.mjs -- node bench/src/index.ts custody-sign     runs that command beside them
import { spawn } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { startMoto } from "./moto.mjs";
import { startSoftHsm } from "./softhsm.mjs";
import { startVault } from "./vault.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (line) => console.log(`segno: ${line}`);
const isRequired = process.env.SEGNO_REQUIRE_PEERS === "1";
const started = [];
const env = { ...process.env };
let child;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    child?.kill(signal);
    if (child === undefined) end(130);
  });
}

try {
  await peer(
    "Vault",
    () => startVault({ mayBuild: isRequired }),
    (vault) => {
      env.SEGNO_TEST_VAULT = JSON.stringify({
        address: vault.address,
        rootToken: vault.rootToken,
        unsealKey: vault.unsealKey,
      });
      return vault.version;
    },
  );
  await peer(
    "AWS KMS (moto)",
    () => startMoto({ mayInstall: isRequired }),
    (moto) => {
      env.SEGNO_TEST_AWS_KMS_URL = moto.url;
      return moto.version;
    },
  );
  await peer(
    "PKCS#11 (SoftHSM2)",
    () => startSoftHsm({ mayBuild: isRequired }),
    (token) => {
      env.SOFTHSM2_CONF = token.config;
      env.SEGNO_TEST_PKCS11 = JSON.stringify({ module: token.module, token: token.label, pin: token.pin });
      return "";
    },
  );
  end(await run(command()));
} catch (error) {
  console.error(`\nsegno: ${error.message}`);
  end(1);
}

/** What runs beside the servers: the tests of custody, or the command after `--`. */
function command() {
  const asked = process.argv.indexOf("--");
  if (asked > 0) return process.argv.slice(asked + 1);
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=./scripts/count-reporter.mjs"];
  // One file at a time: a test that seals Vault seals it for all.
  return [
    process.execPath,
    vitest,
    "run",
    "--no-file-parallelism",
    "packages/server/src/keys/custody/",
    "packages/pkcs11/",
    ...reporters,
  ];
}

async function peer(name, start, use) {
  const since = performance.now();
  const server = await start();
  if ("missing" in server) {
    if (isRequired) throw new Error(`SEGNO_REQUIRE_PEERS=1, but ${server.missing}.`);
    say(`${name}: skipped: ${server.missing}.`);
    return;
  }
  started.push(server);
  say(`${name} ${use(server) ?? ""}`.trimEnd() + `: started in ${((performance.now() - since) / 1000).toFixed(1)} s`);
}

function run([program, ...args]) {
  child = spawn(program, args, { cwd: root, env, stdio: "inherit" });
  return new Promise((resolve) => child.on("close", (code) => resolve(code ?? 130)));
}

function end(code) {
  for (const server of started.splice(0)) server.stop();
  process.exitCode = code;
  if (code === 130) process.exit(code);
}
