// A throw-away PgBouncer in transaction mode, in front of a PostgreSQL that trusts its callers.
import { execFileSync, spawn } from "node:child_process";
import { chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort, serverAccount } from "./postgres.mjs";
import { find, isOpen } from "./server-process.mjs";

/**
 * Starts one when it is installed.
 * @param {{ url: string, poolSize?: number }} options the server's URL, and how many connections to it are shared
 * @returns {Promise<{ url: string, version: string, stop: () => Promise<void> } | { missing: string }>}
 */
export async function startPgBouncer({ url, poolSize = 3 }) {
  const bin = find("pgbouncer");
  if (bin === undefined) return { missing: "PgBouncer is not installed (pgbouncer was not found)" };
  const account = serverAccount();
  if (account === undefined) return { missing: "PgBouncer refuses to run as root, and there is no user postgres" };
  const { hostname, port: serverPort, pathname, username } = new URL(url);
  const folder = mkdtempSync("/tmp/segno-pgbouncer-");
  const port = await freePort();
  const file = join(folder, "pgbouncer.ini");
  writeFileSync(join(folder, "users"), `"${username}" ""\n`);
  writeFileSync(
    file,
    [
      "[databases]",
      `* = host=${hostname} port=${serverPort}`,
      "[pgbouncer]",
      "listen_addr = 127.0.0.1",
      `listen_port = ${port}`,
      "unix_socket_dir =",
      "auth_type = trust",
      `auth_file = ${join(folder, "users")}`,
      "pool_mode = transaction",
      `default_pool_size = ${poolSize}`,
      "max_client_conn = 200",
      "",
    ].join("\n"),
  );
  if (account.uid !== undefined) chownSync(folder, account.uid, account.gid);
  const child = spawn(bin, ["-q", file], { ...account, cwd: folder, stdio: ["ignore", "ignore", "ignore"] });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", () => child.kill("SIGKILL"));
  for (let tries = 0; !(await isOpen(port)); tries += 1) {
    if (tries > 200 || child.exitCode !== null) {
      await stop();
      throw new Error("PgBouncer does not listen after 5 s.");
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  const version = execFileSync(bin, ["--version"], { encoding: "utf8" }).match(/[\d.]+/)?.[0] ?? "?";
  return { url: `postgres://${username}@127.0.0.1:${port}${pathname}`, version, stop };
}
