// A throw-away Prometheus that scrapes one address every second: its own port and folder, nothing kept.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./postgres.mjs";
import { find, startProcess } from "./server-process.mjs";

/**
 * Starts a server when one is installed.
 * @param {{ job: string, target: string, path: string, token: string }} options `target` is host and port
 * @returns {Promise<({ url: string, version: string, stop: () => Promise<void> } & import("./server-process.mjs").ServerProcess) | { missing: string }>} `missing` says why there is none
 */
export async function startPrometheus({ job, target, path, token }) {
  const bin = find("prometheus");
  if (bin === undefined) return { missing: "no Prometheus is installed (prometheus was not found)" };
  const folder = mkdtempSync(join(tmpdir(), "segno-prometheus-"));
  const config = join(folder, "prometheus.yml");
  const scrape = {
    job_name: job,
    scrape_interval: "1s",
    scrape_timeout: "1s",
    metrics_path: path,
    authorization: { credentials: token },
    static_configs: [{ targets: [target] }],
  };
  // JSON is YAML
  writeFileSync(config, JSON.stringify({ scrape_configs: [scrape] }), { mode: 0o600 });
  const port = await freePort();
  const args = [
    `--config.file=${config}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    `--web.listen-address=127.0.0.1:${port}`,
  ];
  const server = await startProcess({ name: "Prometheus", bin, args, port, seconds: 20 });
  const { stdout, stderr } = await promisify(execFile)(bin, ["--version"]);
  const stop = async () => {
    await server.kill();
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  const version = `${stdout}${stderr}`.match(/version ([\d.]+)/)?.[1] ?? "?";
  return { ...server, url: `http://127.0.0.1:${port}`, version, stop };
}
