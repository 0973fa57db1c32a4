// A throw-away Redis for the tests: its own port, nothing kept. Also as a cluster of three.
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./postgres.mjs";
import { find, isOpen, startProcess } from "./server-process.mjs";

const running = new Set();
// whoever started one may end without stopping it
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts a server when one is installed.
 * @param {{ port?: number, isCluster?: boolean }} [options]
 * @returns {Promise<{ url: string, port: number, version: string, stop: () => Promise<void> } | { missing: string }>} `missing` says why there is none
 */
export async function startRedis(options = {}) {
  const bin = find("redis-server") ?? find("valkey-server");
  if (bin === undefined) return { missing: "no Redis server is installed (redis-server was not found)" };
  const folder = mkdtempSync(join(tmpdir(), "segno-redis-"));
  const port = options.port ?? (await freePort(options.isCluster ? 55_000 : 65_535));
  const cluster = options.isCluster
    ? [
        "--cluster-enabled",
        "yes",
        "--cluster-config-file",
        join(folder, "nodes.conf"),
        "--cluster-node-timeout",
        "2000",
      ]
    : [];
  const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
  const child = spawn(bin, [...settings, ...cluster], { stdio: ["ignore", "ignore", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    running.delete(child);
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  running.add(child);
  try {
    await untilOpen(port, child);
  } catch (error) {
    await stop();
    throw error;
  }
  const { stdout } = await promisify(execFile)(bin, ["--version"]);
  return { url: `redis://127.0.0.1:${port}`, port, version: stdout.match(/v=([\d.]+)/)?.[1] ?? "?", stop };
}

/**
 * One that keeps what it has acknowledged over `kill` and `restart`.
 * @returns {Promise<({ url: string, version: string, stop: () => Promise<void> } & import("./server-process.mjs").ServerProcess) | { missing: string }>}
 */
export async function startDurableRedis() {
  const bin = find("redis-server") ?? find("valkey-server");
  if (bin === undefined) return { missing: "no Redis server is installed (redis-server was not found)" };
  const folder = mkdtempSync(join(tmpdir(), "segno-redis-"));
  const port = await freePort();
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes", "--dir", folder];
  const server = await startProcess({ name: "redis-server", bin, args, port });
  const { stdout } = await promisify(execFile)(bin, ["--version"]);
  const stop = async () => {
    await server.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...server, url: `redis://127.0.0.1:${port}`, version: stdout.match(/v=([\d.]+)/)?.[1] ?? "?", stop };
}

/**
 * Three servers that share the key space.
 * @returns {Promise<{ ports: number[], stop: () => Promise<void> } | { missing: string }>}
 */
export async function startRedisCluster() {
  const cli = find("redis-cli");
  if (cli === undefined) return { missing: "no redis-cli is installed" };
  const servers = [];
  const stop = async () => void (await Promise.all(servers.map((server) => server.stop())));
  for (let count = 0; count < 3; count += 1) {
    const server = await startRedis({ isCluster: true });
    if ("missing" in server) return server;
    servers.push(server);
  }
  const ports = servers.map(({ port }) => port);
  try {
    const addresses = ports.map((port) => `127.0.0.1:${port}`);
    await promisify(execFile)(cli, ["--cluster", "create", ...addresses, "--cluster-yes"]);
    await untilAgreed(cli, ports);
  } catch (error) {
    await stop();
    throw error;
  }
  return { ports, stop };
}

/** Each server learns from the others which slots they hold. */
async function untilAgreed(cli, ports) {
  for (let tries = 0; tries < 100; tries += 1) {
    const states = await Promise.all(
      ports.map((port) => promisify(execFile)(cli, ["-p", `${port}`, "cluster", "info"])),
    );
    if (states.every(({ stdout }) => stdout.includes("cluster_state:ok"))) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("The Redis servers did not become a cluster within 10 s.");
}

/** @param {number} port */
async function untilOpen(port, child) {
  for (let tries = 0; tries < 200; tries += 1) {
    if (child.exitCode !== null) throw new Error(`redis-server ended at once (exit ${child.exitCode}).`);
    if (await isOpen(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error("redis-server does not listen after 5 s.");
}
