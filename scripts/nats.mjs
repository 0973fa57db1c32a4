// A throw-away NATS server with JetStream for the tests: its own port and folder, nothing kept.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./postgres.mjs";
import { find, startProcess } from "./server-process.mjs";

/**
 * Starts a server when one is installed. What was acknowledged survives `kill` and `restart`.
 * @returns {Promise<({ url: string, port: number, version: string, stop: () => Promise<void> } & import("./server-process.mjs").ServerProcess) | { missing: string }>} `missing` says why there is none
 */
export async function startNats() {
  const bin = find("nats-server");
  if (bin === undefined) return { missing: "no NATS server is installed (nats-server was not found)" };
  const folder = mkdtempSync(join(tmpdir(), "segno-nats-"));
  const port = await freePort();
  const args = ["--addr", "127.0.0.1", "--port", `${port}`, "--jetstream", "--store_dir", folder];
  const server = await startProcess({ name: "nats-server", bin, args, port });
  const { stdout } = await promisify(execFile)(bin, ["--version"]);
  const stop = async () => {
    await server.kill();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...server, url: `nats://127.0.0.1:${port}`, port, version: stdout.match(/v([\d.]+)/)?.[1] ?? "?", stop };
}
