// The engine as the command line loads it: the nodes' own configuration, from CHAOS_ENGINE.
import { createSegno, type Segno } from "@segno/server";
import { createNodeClock } from "./clock.ts";
import type { EngineNodeOptions } from "./engine.ts";
import { origin, secret } from "./site.ts";
import { databaseOf } from "./stores.ts";

const options = JSON.parse(process.env["CHAOS_ENGINE"] ?? "{}") as EngineNodeOptions;

export const segno: Segno = createSegno({
  baseUrl: origin,
  secret,
  database: databaseOf(options.database),
  clientIp: { source: "socket" },
  clock: createNodeClock(options.clock),
  email: { send: async () => {} },
  production: false,
  ...(options.audit === undefined ? {} : { audit: options.audit }),
  ...(options.keys === undefined ? {} : { keys: options.keys }),
});
