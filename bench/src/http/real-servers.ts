interface Server {
  readonly url: string;
  readonly version: string;
  stop(): Promise<void> | void;
}
type Started = Server | { readonly missing: string };

const scripts = new URL("../../../scripts/", import.meta.url);
const { startPostgres } = (await import(new URL("postgres.mjs", scripts).href)) as {
  startPostgres(options: { readonly isSynced: boolean }): Promise<Started>;
};
const { startRedis } = (await import(new URL("redis.mjs", scripts).href)) as { startRedis(): Promise<Started> };

export interface RealServers {
  readonly postgresUrl: string;
  readonly redisUrl: string;
  stop(): Promise<void>;
}

/** A PostgreSQL whose commits reach the disk, and a Redis; undefined, with the reason said, where one is not installed. */
export async function openRealServers(say: (text: string) => void): Promise<RealServers | undefined> {
  const started = await Promise.all([startPostgres({ isSynced: true }), startRedis()]);
  const [postgres, redis] = started;
  if ("missing" in postgres || "missing" in redis) {
    for (const each of started) {
      if ("missing" in each) say(`skipped: ${each.missing}`);
      else await each.stop();
    }
    return undefined;
  }
  return {
    postgresUrl: postgres.url,
    redisUrl: redis.url,
    stop: async () => {
      await redis.stop();
      await postgres.stop();
    },
  };
}
