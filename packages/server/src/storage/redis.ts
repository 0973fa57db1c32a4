import type { BucketTake } from "../engine.js";
import type { KeyValueSource, KeyValueStore } from "./key-value.js";
import { type IoRedisClient, type NodeRedisClient, type RedisScript, redisScript, runScript } from "../redis-script.js";

export type { BucketAnswer, BucketTake } from "../engine.js";
export type { KeyValueSource, KeyValueStore } from "./key-value.js";
export type { IoRedisClient, NodeRedisClient, ScriptInput } from "../redis-script.js";

/** Options of `redis`. */
export interface RedisOptions {
  /** Stands before every key, so that applications share a server. Default `segno:`. */
  readonly prefix?: string;
}

/**
 * Hot state in Redis or Valkey, alone or as a cluster, through a client the application holds: rate limits, and proofs
 * already seen. The database stays the store: a Redis that is flushed, slow or gone costs no request, lets no proof
 * count twice and brings no revoked token back. The client stays the application's: closing Segno does not end it.
 * Works with `ioredis` 5 and newer, and `redis` 4 and newer, connected.
 * @example
 * ```ts
 * import { createSegno } from "@segno/server";
 * import { redis } from "@segno/server/storage/redis";
 * import { Redis } from "ioredis";
 * const segno = createSegno({ hotState: redis(new Redis("redis://127.0.0.1:6379")) });
 * ```
 */
export function redis(client: IoRedisClient | NodeRedisClient, options: RedisOptions = {}): KeyValueSource {
  const { prefix = "segno:" } = options;
  return {
    describe: `redis ${prefix}`,
    open: () => {
      // without a listener, a client ends the process when its connection breaks
      client.on("error", () => {});
      return keyValueOn((script, key, ...rest) => runScript(client, script, `${prefix}${key}`, rest));
    },
  };
}

function keyValueOn(
  runOn: (script: RedisScript, key: string, ...rest: (string | number)[]) => Promise<unknown>,
): KeyValueStore {
  return {
    setOnce: async (key, ttlMs) => (await runOn(setOnce, `once:${key}`, Math.max(1, Math.ceil(ttlMs)))) === 1,
    async takeFromBucket({ bucket, nowMs, costMs, fullMs, knownTatMs }: BucketTake) {
      const answer = await runOn(takeFromBucket, `limit:${bucket}`, nowMs, costMs, fullMs, knownTatMs ?? 0);
      const [taken, tat] = Array.isArray(answer) ? (answer as unknown[]) : [];
      const tatMs = Number(tat);
      if (!Number.isFinite(tatMs)) throw new TypeError("Redis answered a script with something else.");
      return { isTaken: taken === 1, tatMs };
    },
  };
}

const setOnce = redisScript(`if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return 1 end
return 0`);

/** Times are doubles with a fraction: 17 digits keep every bit of them. */
const takeFromBucket =
  redisScript(`local now, cost, full, known = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local stored = tonumber(redis.call('GET', KEYS[1]) or '0')
local tat = math.max(stored, known)
local after = math.max(tat, now) + cost
local taken = 0
if after <= now + full then
  taken = 1
  tat = after
end
if tat > stored and tat > now then
  redis.call('SET', KEYS[1], string.format('%.17g', tat), 'PX', string.format('%d', math.ceil(tat - now)))
end
return {taken, string.format('%.17g', tat)}`);
