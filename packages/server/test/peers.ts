// Real servers that a test starts for itself, to break, flush and kill.

export interface RedisPeer {
  readonly url: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}
export interface RedisClusterPeer {
  readonly ports: readonly number[];
  readonly stop: () => Promise<void>;
}
export interface PgBouncerPeer {
  readonly url: string;
  readonly version: string;
  readonly stop: () => Promise<void>;
}

interface Missing {
  readonly missing: string;
}
interface RedisModule {
  startRedis(options?: { readonly port?: number }): Promise<RedisPeer | Missing>;
  startRedisCluster(): Promise<RedisClusterPeer | Missing>;
}
interface PgBouncerModule {
  startPgBouncer(options: { readonly url: string; readonly poolSize?: number }): Promise<PgBouncerPeer | Missing>;
}

const script = async (name: string): Promise<unknown> =>
  await import(new URL(`../../../scripts/${name}`, import.meta.url).href);
const { startRedis, startRedisCluster } = (await script("redis.mjs")) as RedisModule;
const { startPgBouncer } = (await script("pgbouncer.mjs")) as PgBouncerModule;

/** What was started, or why it is not there. Where peers are required, a missing one is a failure. */
function required<Peer>(peer: Peer | Missing): Peer | Missing {
  if (typeof peer === "object" && peer !== null && "missing" in peer && process.env.SEGNO_REQUIRE_PEERS === "1")
    throw new Error(`SEGNO_REQUIRE_PEERS=1, but ${peer.missing}.`);
  return peer;
}

export async function redisPeer(port?: number): Promise<RedisPeer | Missing> {
  return required(await startRedis(port === undefined ? {} : { port }));
}
export async function redisClusterPeer(): Promise<RedisClusterPeer | Missing> {
  return required(await startRedisCluster());
}
export async function pgBouncerPeer(url: string, poolSize?: number): Promise<PgBouncerPeer | Missing> {
  return required(await startPgBouncer(poolSize === undefined ? { url } : { url, poolSize }));
}
