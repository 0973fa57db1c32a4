// A throw-away PKCS#11 token for the tests: SoftHSM2 with a folder of its own.
import { execFileSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * Makes a token, and sees to it that pkcs11js is compiled.
 * @param {{ mayBuild: boolean }} options whether pkcs11js may be compiled when it is not
 * @returns {{ module: string, config: string, label: string, pin: string, stop: () => void } | { missing: string }}
 */
export function startSoftHsm({ mayBuild }) {
  const usual = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/*/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
  ];
  const [module] = globSync(usual);
  const folders = (process.env.PATH ?? "").split(delimiter);
  const tool = folders.map((folder) => join(folder, "softhsm2-util")).find((file) => existsSync(file));
  if (module === undefined || tool === undefined) return { missing: "SoftHSM2 is not installed" };
  const problem = compile(mayBuild);
  if (problem !== undefined) return { missing: problem };
  const folder = mkdtempSync(join(tmpdir(), "segno-softhsm-"));
  const config = join(folder, "softhsm2.conf");
  mkdirSync(join(folder, "tokens"));
  writeFileSync(
    config,
    `directories.tokendir = ${join(folder, "tokens")}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  const [label, pin] = ["segno", "2468"];
  execFileSync(tool, ["--init-token", "--free", "--label", label, "--so-pin", "13579", "--pin", pin], {
    env: { ...process.env, SOFTHSM2_CONF: config },
    stdio: ["ignore", "ignore", "pipe"],
  });
  return { module, config, label, pin, stop: () => rmSync(folder, { recursive: true, force: true }) };
}

/** pkcs11js has to be compiled against this Node's headers; nothing else in the workspace does. */
function compile(mayBuild) {
  const link = join(root, "packages", "pkcs11", "node_modules", "pkcs11js");
  if (!existsSync(link)) return "pkcs11js is not installed";
  const folder = realpathSync(link);
  if (existsSync(join(folder, "build", "Release", "pkcs11.node"))) return undefined;
  if (!mayBuild) return "pkcs11js is not compiled; SEGNO_REQUIRE_PEERS=1 compiles it";
  const nodeFolder = dirname(dirname(realpathSync(process.execPath)));
  if (!existsSync(join(nodeFolder, "include", "node", "node.h")))
    return `there are no C headers of Node in ${nodeFolder}`;
  const nodeGyp = findNodeGyp();
  if (nodeGyp === undefined) return "node-gyp was not found beside npm";
  console.log("segno: compiling pkcs11js");
  execFileSync(process.execPath, [nodeGyp, "rebuild", `--nodedir=${nodeFolder}`], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
    timeout: 300_000,
  });
  return undefined;
}

/** npm brings one along. */
function findNodeGyp() {
  const folders = [...(process.env.PATH ?? "").split(delimiter), dirname(process.execPath)];
  return folders
    .filter((folder) => existsSync(join(folder, "npm")))
    .map((folder) =>
      join(dirname(dirname(realpathSync(join(folder, "npm")))), "node_modules", "node-gyp", "bin", "node-gyp.js"),
    )
    .find((file) => existsSync(file));
}
