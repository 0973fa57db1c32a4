import { monitorEventLoopDelay } from "node:perf_hooks";
import { toExpress } from "@segno/express";
import { createSegno, silentLogger, type SegnoOptions } from "@segno/server";
import { postgres, sqlite } from "@segno/server/storage/sql";
import pg from "pg";
import { type ClockOptions, createNodeClock } from "./clock.ts";
import { type CrashPoint, dieAt } from "./crash-points.ts";
import type { HostContext, Hosted } from "./host.ts";
import { introspector, origin } from "./site.ts";

export interface EngineNodeOptions {
  readonly database:
    | { readonly kind: "sqlite"; readonly file: string }
    | {
        readonly kind: "postgres";
        readonly url: string;
        readonly max: number;
        readonly connectTimeoutMs?: number;
        readonly statementTimeoutMs?: number;
      };
  readonly clock?: ClockOptions;
  readonly tokens?: SegnoOptions["tokens"];
  /** Tells the parent of every event it delivers. */
  readonly tellsEvents?: boolean;
  /** Ends itself by SIGKILL at the n-th pass of a point. */
  readonly crash?: CrashPoint;
}

/** An application with the engine inside. Rate limits are off: a row would measure them instead of the fault. */
export async function start(options: EngineNodeOptions, { tell }: HostContext): Promise<Hosted> {
  const clock = createNodeClock(options.clock);
  const passes = dieAt(options.crash);
  const segno = createSegno({
    baseUrl: origin,
    secret: "1:Kq3nV8xTz1mW5yRb7cJd9fLg2hPs4uXa",
    database: databaseOf(options.database),
    clientIp: { source: "socket" },
    clock,
    email: {
      async send(mail) {
        tell({ mail });
        passes("mail handed over");
      },
    },
    logger: process.env["CHAOS_LOUD"] === "1" ? consoleLogger : silentLogger,
    production: false,
    rateLimit: false,
    tokens: { introspectionClients: { [introspector.id]: introspector.secret }, ...options.tokens },
  });
  if (options.tellsEvents === true) {
    segno.on("*", (event) => {
      tell({ event: event.id });
      passes("event handed over");
    });
  }
  await segno.ready();
  passes("started");
  const mounted = toExpress(segno);
  const hits = new Map<string, number>();
  const lag = monitorEventLoopDelay({ resolution: 10 });
  return {
    listener(req, res) {
      const path = (req.url ?? "/").split("?")[0] ?? "/";
      hits.set(path, (hits.get(path) ?? 0) + 1);
      const end = res.end.bind(res);
      res.end = ((...given: Parameters<typeof end>) => {
        if (req.method === "POST") passes("committed, not answered");
        return end(...given);
      }) as typeof res.end;
      mounted(req, res, (error?: unknown) => {
        res.statusCode = error === undefined ? 404 : 500;
        res.end();
      });
    },
    asks: {
      hits: (path: string) => hits.get(path) ?? 0,
      advance: (ms: number) => clock.advance(ms),
      rotate: () => segno.api.rotateKeys(),
      watchLag: () => {
        lag.reset();
        lag.enable();
      },
      lagP99Ms: () => {
        lag.disable();
        return lag.percentile(99) / 1e6;
      },
      stop: () => segno.close(),
    },
  };
}

const consoleLogger: NonNullable<SegnoOptions["logger"]> = {
  debug: () => {},
  info: (...given) => console.error("info", ...given),
  warn: (...given) => console.error("warn", ...given),
  error: (...given) => console.error("error", ...given),
};

function databaseOf(database: EngineNodeOptions["database"]): NonNullable<SegnoOptions["database"]> {
  if (database.kind === "sqlite") return sqlite(database.file);
  const { url, max, connectTimeoutMs, statementTimeoutMs } = database;
  const pool = new pg.Pool({ connectionString: url, max, connectionTimeoutMillis: connectTimeoutMs ?? 2_000 });
  pool.on("error", () => {});
  return postgres(pool, {
    ...(connectTimeoutMs === undefined ? {} : { connectTimeoutMs }),
    ...(statementTimeoutMs === undefined ? {} : { statementTimeoutMs }),
  });
}
