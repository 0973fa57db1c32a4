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

interface Missing {
  readonly missing: string;
}
interface PostgresModule {
  startPostgres(options: {
    readonly isDurable?: boolean;
    readonly standbyOf?: string;
  }): Promise<PostgresServer | Missing>;
}

/** The servers that rows break: started when first asked for, stopped with the run. */
export interface Peers {
  /** The one all rows share. @throws PeerMissing */
  postgres(): Promise<PostgresServer>;
  /** One more, for the row alone. @throws PeerMissing */
  ownPostgres(options: { readonly standbyOf?: string }): Promise<PostgresServer>;
  /** Stops everything, and every node a row left behind. */
  stop(): Promise<void>;
}

const script = async (name: string): Promise<unknown> =>
  await import(new URL(`../../../scripts/${name}`, import.meta.url).href);

export function createPeers(): Peers {
  const stops: (() => unknown)[] = [];
  let shared: Promise<PostgresServer> | undefined;
  const start = async (options: { readonly standbyOf?: string }): Promise<PostgresServer> => {
    const { startPostgres } = (await script("postgres.mjs")) as PostgresModule;
    const server = there(await startPostgres({ isDurable: true, ...options }));
    stops.push(server.stop);
    return server;
  };
  return {
    postgres: () => (shared ??= start({})),
    ownPostgres: start,
    async stop() {
      await killNodes();
      for (const stop of stops.splice(0).reverse()) await stop();
    },
  };
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
