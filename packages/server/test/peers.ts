// Real servers that a test starts for itself, to break, flush and kill.
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export interface RedisPeer {
  readonly url: string;
  readonly port: number;
  readonly stop: () => Promise<void>;
}
/** A server that can go and come, with what it has acknowledged, and be held still. */
export interface LivingPeer {
  readonly version: string;
  readonly kill: () => Promise<void>;
  readonly restart: () => Promise<void>;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly stop: () => Promise<void>;
}
export interface LivingRedisPeer extends LivingPeer {
  readonly url: string;
}
export interface NatsPeer extends LivingPeer {
  readonly url: string;
}
export interface KafkaPeer extends LivingPeer {
  readonly address: string;
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
  startDurableRedis(): Promise<LivingRedisPeer | Missing>;
}
interface NatsModule {
  startNats(): Promise<NatsPeer | Missing>;
}
interface KafkaModule {
  startKafka(options: { readonly mayFetch: boolean }): Promise<KafkaPeer | Missing>;
}
interface PgBouncerModule {
  startPgBouncer(options: { readonly url: string; readonly poolSize?: number }): Promise<PgBouncerPeer | Missing>;
}

const script = async (name: string): Promise<unknown> =>
  await import(new URL(`../../../scripts/${name}`, import.meta.url).href);
const { startRedis, startRedisCluster, startDurableRedis } = (await script("redis.mjs")) as RedisModule;
const { startPgBouncer } = (await script("pgbouncer.mjs")) as PgBouncerModule;
const { startNats } = (await script("nats.mjs")) as NatsModule;
const { startKafka } = (await script("kafka.mjs")) as KafkaModule;

/** What was started, or why it is not there. Where peers are required, a missing one is a failure. */
function required<Peer>(peer: Peer | Missing): Peer | Missing {
  if (typeof peer === "object" && peer !== null && "missing" in peer && process.env.SEGNO_REQUIRE_PEERS === "1")
    throw new Error(`SEGNO_REQUIRE_PEERS=1, but ${peer.missing}.`);
  return peer;
}

/** Whether a program is on the path. Where peers are required, a missing one is a failure. */
export function isInstalled(program: string): boolean {
  const isThere = (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, program)));
  if (!isThere && process.env.SEGNO_REQUIRE_PEERS === "1")
    throw new Error(`SEGNO_REQUIRE_PEERS=1, but ${program} is not installed.`);
  return isThere;
}
export async function redisPeer(port?: number): Promise<RedisPeer | Missing> {
  return required(await startRedis(port === undefined ? {} : { port }));
}
export async function durableRedisPeer(): Promise<LivingRedisPeer | Missing> {
  return required(await startDurableRedis());
}
export async function natsPeer(): Promise<NatsPeer | Missing> {
  return required(await startNats());
}
/** The first start fetches the broker from Maven Central: only where Kafka itself is required. */
export async function kafkaPeer(): Promise<KafkaPeer | Missing> {
  const isRequired = process.env.SEGNO_REQUIRE_KAFKA === "1";
  const peer = await startKafka({ mayFetch: isRequired });
  return isRequired ? required(peer) : peer;
}
export async function redisClusterPeer(): Promise<RedisClusterPeer | Missing> {
  return required(await startRedisCluster());
}
export async function pgBouncerPeer(url: string, poolSize?: number): Promise<PgBouncerPeer | Missing> {
  return required(await startPgBouncer(poolSize === undefined ? { url } : { url, poolSize }));
}
