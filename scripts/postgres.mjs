// A throw-away PostgreSQL for the tests: its own folder, port and socket, nothing kept.
import { execFileSync } from "node:child_process";
import { appendFileSync, chownSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/**
 * Starts a server when one is installed.
 * @param {object} [options]
 * @param {boolean} [options.isDurable] whether a commit that was answered survives a kill of the server. Not a power cut: nothing is synced to the disk
 * @param {boolean} [options.isSynced] whether a commit waits for the disk, as in production. Default false
 * @param {{ url: string, port?: number }} [options.standbyOf] a server that this one follows, by the name `standby`; through another port where one is given
 * @returns {Promise<{ url: string, port: number, version: string, stop: () => void, kill: () => void, restart: () => void, promote: () => void } | { missing: string }>} `missing` says why there is none
 */
export async function startPostgres({ isDurable = false, isSynced = false, standbyOf } = {}) {
  const bin = findServer(standbyOf === undefined ? [] : ["pg_basebackup"]);
  if (bin === undefined) return { missing: "no PostgreSQL server is installed (initdb and pg_ctl were not found)" };
  const account = serverAccount();
  if (account === undefined)
    return { missing: "PostgreSQL refuses to run as root, and there is no user postgres or nobody" };
  const folder = mkdtempSync(join(account.uid === undefined ? tmpdir() : "/tmp", "segno-postgres-"));
  if (account.uid !== undefined) chownSync(folder, account.uid, account.gid);
  const data = join(folder, "data");
  const run = (name, args) =>
    execFileSync(join(bin, name), args, {
      ...account,
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      encoding: "utf8",
      env: { ...process.env, LC_ALL: "C" },
    });
  const remove = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  try {
    const version = run("pg_ctl", ["--version"]).match(/[\d.]+/)?.[0] ?? "?";
    if (standbyOf === undefined) {
      run("initdb", ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]);
    } else {
      const { hostname, port, username } = new URL(standbyOf.url);
      run("pg_basebackup", ["-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", standbyOf.url]);
      const source = `host=${hostname} port=${standbyOf.port ?? port} user=${username} application_name=standby`;
      appendFileSync(join(data, "postgresql.auto.conf"), `primary_conninfo = '${source}'\n`);
    }
    const port = await freePort();
    const settings = `-p ${port} -k ${folder} -h 127.0.0.1 -c fsync=${isSynced ? "on" : "off"} -c synchronous_commit=${isDurable || isSynced ? "on" : "off"} -c full_page_writes=${isSynced ? "on" : "off"} -c max_connections=200`;
    const start = () =>
      run("pg_ctl", ["-D", data, "-l", join(folder, "log"), "-o", settings, "-w", "-t", "60", "start"]);
    start();
    let stopped = false;
    const stop = () => {
      if (stopped) return;
      stopped = true;
      try {
        run("pg_ctl", ["-D", data, "-m", "immediate", "-w", "stop"]);
      } catch {
        // it was killed before
      } finally {
        remove();
      }
    };
    return {
      url: `postgres://postgres@127.0.0.1:${port}/postgres`,
      port,
      version,
      stop,
      kill: () => killAll(Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0])),
      restart: start,
      promote: () => void run("pg_ctl", ["-D", data, "-w", "-t", "30", "promote"]),
    };
  } catch (error) {
    remove();
    throw new Error(`PostgreSQL is installed in ${bin} but did not start.\n${error.stderr ?? error.message}`, {
      cause: error,
    });
  }
}

/** `kill -9` of a server and of the processes it made, which would go on for a while without it. */
function killAll(pid) {
  let children = [];
  try {
    children = execFileSync("pgrep", ["-P", `${pid}`], { encoding: "utf8" })
      .split("\n")
      .filter(Boolean);
  } catch {
    // none
  }
  for (const each of [pid, ...children.map(Number)]) {
    try {
      process.kill(each, "SIGKILL");
    } catch {
      // gone already
    }
  }
}

function findServer(further) {
  const onPath = (process.env.PATH ?? "").split(delimiter);
  const usual = globSync([
    "/usr/lib/postgresql/*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
  ]);
  const newestFirst = usual.sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  return [...onPath, ...newestFirst].find((folder) =>
    ["initdb", "pg_ctl", "postgres", ...further].every((name) => existsSync(join(folder, name))),
  );
}

/** The user to run as: ourselves, or an unprivileged one when we are root. */
export function serverAccount() {
  if (process.getuid?.() !== 0) return {};
  for (const name of ["postgres", "nobody"]) {
    try {
      const id = (flag) =>
        Number(execFileSync("id", [flag, name], { stdio: ["ignore", "pipe", "ignore"], encoding: "utf8" }));
      return { uid: id("-u"), gid: id("-g") };
    } catch {
      // no such user: try the next
    }
  }
  return undefined;
}

/** A port nobody listens on. @param {number} [below] a cluster of Redis needs the port 10000 above as well */
export async function freePort(below = 65_536) {
  for (;;) {
    const port = await anyPort();
    if (port < below) return port;
  }
}

function anyPort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}
