// A throw-away AWS KMS for the tests: moto's server from PyPI, in memory, on a port of its own.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const home = join(root, ".toolchain", "moto");
const version = "5.2.1";

/**
 * Starts a server.
 * @param {{ mayInstall: boolean }} options whether PyPI may be asked when none is installed
 * @returns {Promise<{ url: string, stop: () => void } | { missing: string }>}
 */
export async function startMoto({ mayInstall }) {
  const onPath = (process.env.PATH ?? "").split(delimiter).map((folder) => join(folder, "moto_server"));
  let server = [join(home, "bin", "moto_server"), ...onPath].find((file) => existsSync(file));
  if (server === undefined && mayInstall) server = install();
  if (server === undefined) return { missing: "moto_server is not installed (pip install 'moto[server]')" };
  const port = await freePort();
  const child = spawn(server, ["-H", "127.0.0.1", "-p", String(port)], { stdio: ["ignore", "ignore", "pipe"] });
  let complaints = "";
  let hasEnded = false;
  child.stderr.on("data", (text) => {
    complaints = (complaints + text).slice(-4000);
  });
  child.once("exit", () => {
    hasEnded = true;
  });
  const url = `http://127.0.0.1:${port}`;
  const givesUpAt = performance.now() + 60_000;
  while (!(await answers(url))) {
    if (hasEnded || performance.now() > givesUpAt) {
      child.kill("SIGKILL");
      throw new Error(`moto_server did not start.\n${complaints}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return { url, stop: () => child.kill("SIGKILL") };
}

function install() {
  console.log("segno: installing moto from PyPI");
  rmSync(home, { recursive: true, force: true });
  const run = (command, args) =>
    execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"], timeout: 300_000 });
  run("python3", ["-m", "venv", home]);
  run(join(home, "bin", "pip"), ["install", "--quiet", "--disable-pip-version-check", `moto[server]==${version}`]);
  return join(home, "bin", "moto_server");
}

async function answers(url) {
  try {
    return (await fetch(`${url}/moto-api/data.json`)).ok;
  } catch {
    return false;
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
