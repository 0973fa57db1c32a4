import { packageBuild } from "../../scripts/tsup-package.js";

/** Kysely goes in: its 300 small files take longer to load than everything else together. */
export default {
  ...packageBuild([
    "src/index.ts",
    "src/events/sinks/index.ts",
    "src/events/sinks/kafka.ts",
    "src/events/sinks/nats.ts",
    "src/events/sinks/redis-streams.ts",
    "src/keys/custody/index.ts",
    "src/audit/public.ts",
    "src/observability/public.ts",
    "src/storage/redis.ts",
    "src/storage/sql.ts",
  ]),
  noExternal: ["kysely"],
};
