import { randomBytes } from "node:crypto";
import pg from "pg";
import { PeerMissing } from "../report.ts";
import { killNodes } from "../nodes/fork-node.ts";

/** A PostgreSQL of our own. */
export interface PostgresServer {
  readonly url: string;
  readonly port: number;
  readonly version: string;
  stop(): void;
  /** `kill -9` of the server and all its processes. */
  kill(): void;
  /** Starts what was killed, with its recovery. */
  restart(): void;
  /** Ends following another server. */
  promote(): void;
}

export interface RedisServer {
  readonly port: number;
  /** `kill -9`: what was in memory is gone. */
  stop(): Promise<void>;
}

/** A Vault with a transit engine of our own, and a token for it. */
export interface VaultServer {
  readonly port: number;
  readonly mount: string;
  readonly token: string;
}

interface Missing {
  readonly missing: string;
}
/** A server that another one follows, through another port where one is given. */
interface Followed {
  readonly url: string;
  readonly port?: number;
}
interface PostgresModule {
  startPostgres(options: {
    readonly isDurable?: boolean;
    readonly standbyOf?: Followed;
  }): Promise<PostgresServer | Missing>;
}

interface RedisModule {
  startRedis(options: { readonly port?: number }): Promise<RedisServer | Missing>;
}
interface VaultModule {
  startVault(options: {
    readonly mayBuild: boolean;
  }): Promise<{ readonly address: string; readonly rootToken: string; stop(): void } | Missing>;
}

/** The servers that rows break: started when first asked for, stopped with the run. */
export interface Peers {
  /** The one all rows share. @throws PeerMissing */
  postgres(): Promise<PostgresServer>;
  /** One more, for the row alone. @throws PeerMissing */
  ownPostgres(options: { readonly standbyOf?: Followed }): Promise<PostgresServer>;
  /** One on that port, or on any. @throws PeerMissing */
  redis(port?: number): Promise<RedisServer>;
  /** The one all rows share. @throws PeerMissing */
  vault(): Promise<VaultServer>;
  /** Stops everything, and every node a row left behind. */
  stop(): Promise<void>;
}

const script = async (name: string): Promise<unknown> =>
  await import(new URL(`../../../scripts/${name}`, import.meta.url).href);

export function createPeers(): Peers {
  const stops: (() => unknown)[] = [];
  let shared: Promise<PostgresServer> | undefined;
  let vault: Promise<VaultServer> | undefined;
  const start = async (options: { readonly standbyOf?: Followed }): Promise<PostgresServer> => {
    const { startPostgres } = (await script("postgres.mjs")) as PostgresModule;
    const server = there(await startPostgres({ isDurable: true, ...options }));
    stops.push(server.stop);
    return server;
  };
  return {
    postgres: () => (shared ??= start({})),
    ownPostgres: start,
    async redis(port) {
      const { startRedis } = (await script("redis.mjs")) as RedisModule;
      const server = there(await startRedis(port === undefined ? {} : { port }));
      stops.push(server.stop);
      return server;
    },
    vault: () => (vault ??= startVault(stops)),
    async stop() {
      await killNodes();
      for (const stop of stops.splice(0).reverse()) await stop();
    },
  };
}

async function startVault(stops: (() => unknown)[]): Promise<VaultServer> {
  const module = (await script("vault.mjs")) as VaultModule;
  const server = there(await module.startVault({ mayBuild: process.env["SEGNO_REQUIRE_PEERS"] === "1" }));
  stops.push(server.stop);
  const ask = async (path: string, body: object): Promise<void> => {
    const headers = { "X-Vault-Token": server.rootToken };
    const response = await fetch(`${server.address}/v1/${path}`, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  };
  const mount = `transit-${randomBytes(4).toString("hex")}`;
  await ask(`sys/mounts/${mount}`, { type: "transit" });
  await ask(`${mount}/keys/segno`, { type: "aes256-gcm96" });
  return { port: Number(new URL(server.address).port), mount, token: server.rootToken };
}

function there<Peer extends object>(peer: Peer | Missing): Peer {
  if ("missing" in peer) throw new PeerMissing(peer.missing);
  return peer;
}

/** A database of its own on a server. @returns its URL */
export async function createDatabase(server: PostgresServer): Promise<string> {
  const name = `chaos_${randomBytes(4).toString("hex")}`;
  const client = new pg.Client({ connectionString: server.url });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
}

/** The same database at another address. */
export function at(url: string, address: { readonly port: number }): string {
  return Object.assign(new URL(url), { host: `127.0.0.1:${address.port}` }).href;
}
