import { monitorEventLoopDelay } from "node:perf_hooks";
import { toExpress } from "@segno/express";
import { createSegno, type SegnoOptions, silentLogger } from "@segno/server";
import { asksAbout } from "./ask-about.ts";
import { type ClockOptions, createNodeClock } from "./clock.ts";
import { type CrashPoint, dieAt } from "./crash-points.ts";
import { custodyOf, type CustodyOptions } from "./custody.ts";
import type { HostContext, Hosted } from "./host.ts";
import { smtpMail } from "./mail.ts";
import { type SinkOptions, sinkOf } from "./sinks.ts";
import { introspector, origin, secret } from "./site.ts";
import { databaseOf, type DatabaseOptions, hotStateOf } from "./stores.ts";

export interface EngineNodeOptions {
  readonly database: DatabaseOptions;
  /** The port of a Redis for hot state. */
  readonly redisPort?: number;
  readonly clock?: ClockOptions;
  readonly tokens?: SegnoOptions["tokens"];
  readonly keys?: SegnoOptions["keys"];
  readonly custody?: CustodyOptions;
  /** Default false: most rows would measure the limits instead of the fault. */
  readonly rateLimit?: boolean;
  /** Tells the parent of every event it delivers. */
  readonly tellsEvents?: boolean;
  /** Default: no audit log is kept. */
  readonly audit?: SegnoOptions["audit"];
  /** Who gets its events outside it. */
  readonly sink?: SinkOptions;
  /** The port of a mail server. Default: mail goes to the parent. */
  readonly smtpPort?: number;
  /** Sends a mail of its own before it answers a request for one, as an engine without a queue would. */
  readonly mailsInline?: boolean;
  /** Ends itself by SIGKILL at the n-th pass of a point. */
  readonly crash?: CrashPoint;
}

const isLoud = process.env["CHAOS_LOUD"] === "1";

/** An application with the engine inside. */
export async function start(options: EngineNodeOptions, { tell }: HostContext): Promise<Hosted> {
  const clock = createNodeClock(options.clock);
  const passes = dieAt(options.crash);
  const inFlight = { now: 0, most: 0 };
  const smtp = options.smtpPort === undefined ? undefined : smtpMail(options.smtpPort);
  const segno = createSegno({
    baseUrl: origin,
    secret,
    database: databaseOf(options.database),
    ...hotStateOf(options.redisPort),
    clientIp: { source: "socket" },
    clock,
    email:
      smtp ??
      ({
        async send(mail) {
          tell({ mail });
          passes("mail handed over");
        },
      } satisfies SegnoOptions["email"]),
    ...(options.audit === undefined ? {} : { audit: options.audit }),
    ...(options.sink === undefined ? {} : { events: { sinks: [sinkOf(options.sink, clock, tell)] } }),
    ...(isLoud ? {} : { logger: silentLogger }),
    production: false,
    rateLimit: options.rateLimit ?? false,
    tokens: { introspectionClients: { [introspector.id]: introspector.secret }, ...options.tokens },
    keys: { ...options.keys, ...custodyOf(options.custody, inFlight) },
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
      const serve = () =>
        mounted(req, res, (error?: unknown) => {
          res.statusCode = error === undefined ? 404 : 500;
          res.end();
        });
      if (options.mailsInline !== true || smtp === undefined || !path.endsWith("/email/start")) return serve();
      void smtp.send({ to: "inline@example.com", subject: "inline", text: "", html: "" }).then(serve, serve);
    },
    asks: {
      ...asksAbout(segno),
      hits: (path: string) => hits.get(path) ?? 0,
      advance: (ms: number) => clock.advance(ms),
      now: () => clock.nowMs(),
      rotate: (how: { atOnce?: boolean }) => segno.api.keys.rotate(how),
      keys: () => segno.api.keys.status(),
      compromise: ({ kid, sinceMs }: { kid: string; sinceMs: number }) => segno.api.keys.compromise(kid, { sinceMs }),
      mostInFlight: () => inFlight.most,
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
