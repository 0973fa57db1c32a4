// PostgreSQL, Redis, three nodes and nginx, each a process of its own on a port of its own.
import { type ChildProcess, fork } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findNginx, startNginx } from "./nginx.ts";

interface Server {
  readonly url: string;
  readonly port: number;
  readonly version: string;
  stop(): Promise<void> | void;
}
type Started = Server | { readonly missing: string };

// how the repository starts throw-away servers for its tests
const scripts = new URL("../../scripts/", import.meta.url);
const { startPostgres } = (await import(new URL("postgres.mjs", scripts).href)) as {
  startPostgres(): Promise<Started>;
};
const { startRedis } = (await import(new URL("redis.mjs", scripts).href)) as { startRedis(): Promise<Started> };
const { isOpen } = (await import(new URL("server-process.mjs", scripts).href)) as {
  isOpen(port: number): Promise<boolean>;
};

export interface Cluster {
  /** nginx: what browsers see. */
  readonly url: string;
  /** Each node by itself, which only the demonstration asks directly. */
  readonly nodes: readonly { readonly name: string; readonly url: string; kill(): Promise<void> }[];
  readonly redis: { readonly url: string; kill(): Promise<void> };
  readonly postgresUrl: string;
  readonly mailFolder: string;
  stop(): Promise<void>;
}

/** What has to be installed, when something is missing. */
export class MissingServers extends Error {}

export async function startCluster(say: (line: string) => void): Promise<Cluster> {
  const stops: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).toReversed()) await each();
  };
  try {
    const nginx = findNginx();
    const [postgres, redis] = [required(await startPostgres(), stops), required(await startRedis(), stops)];
    const missing = [postgres, redis, nginx === undefined ? "nginx is not installed" : ""].filter(
      (each) => typeof each === "string" && each !== "",
    );
    if (typeof postgres === "string" || typeof redis === "string" || nginx === undefined) {
      throw new MissingServers(missing.join("; "));
    }
    say(`PostgreSQL ${postgres.version}  ${postgres.url}`);
    say(`Redis ${redis.version}  ${redis.url}`);
    const folder = mkdtempSync(join(tmpdir(), "segno-scale-out-"));
    stops.push(() => rmSync(folder, { recursive: true, force: true }));
    const mailFolder = join(folder, "mail");
    const port = await publicPort();
    const url = `http://localhost:${port}`;
    const environment = {
      BASE_URL: url,
      DATABASE_URL: postgres.url,
      REDIS_URL: redis.url,
      MAIL_FOLDER: mailFolder,
      // the one thing the nodes must share besides the database
      SEGNO_SECRET: `1:${randomBytes(32).toString("base64url")}`,
    };
    // all three start at once on an empty database: one of them brings the schema up to date
    const nodes = await Promise.all(
      ["node 1", "node 2", "node 3"].map(async (name) => {
        const node = await startNode(name, environment);
        stops.push(() => node.end("SIGTERM"));
        say(`${name}  ${node.url}`);
        return { name, url: node.url, port: node.port, kill: () => node.end("SIGKILL") };
      }),
    );
    stops.push(await startNginx(nginx, { folder: join(folder, "nginx"), port, nodes: nodes.map((node) => node.port) }));
    await untilReady(url);
    say(`nginx  ${url}`);
    const redisServer = { url: redis.url, kill: async () => await redis.stop() };
    return { url, nodes, redis: redisServer, postgresUrl: postgres.url, mailFolder, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function required(started: Started, stops: (() => Promise<void> | void)[]): Server | string {
  if ("missing" in started) return started.missing;
  stops.push(() => started.stop());
  return started;
}

/** It has to be known before anything listens on it: so below those that the system gives out by itself. */
async function publicPort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 30_000);
    if (!(await isOpen(port))) return port;
  }
}

async function startNode(name: string, environment: Readonly<Record<string, string>>) {
  const child: ChildProcess = fork(new URL("node.ts", import.meta.url), {
    env: { ...process.env, ...environment, NODE_NAME: name, PORT: "0" },
  });
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const port = await Promise.race([
    new Promise<number>((resolve) => child.once("message", (told) => resolve(Number(told)))),
    ended.then(() => Promise.reject(new Error(`${name} did not start.`))),
  ]);
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    child.kill(signal);
    await ended;
  };
  return { url: `http://127.0.0.1:${port}`, port, end };
}

async function untilReady(url: string): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    const isReady = await fetch(`${url}/api/auth/health/ready`).then(
      (response) => response.ok,
      () => false,
    );
    if (isReady) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("nginx does not reach the nodes after 5 s.");
}
