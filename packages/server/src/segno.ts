import process from "node:process";
import {
  type Clock,
  type Peer,
  type PlainResponse,
  type SegnoEngine,
  type SegnoEventType,
  SegnoError,
} from "@segno/core";
import { createApi, type SegnoApi } from "./api.js";
import { compose, type Running } from "./composition.js";
import type { SegnoOptions } from "./config.js";
import type { EventListener } from "./events/index.js";
import { type HealthReport, type IncomingWithBody, incomingOf, pathOf, toResponse } from "./http/index.js";
import type { DevelopmentMailbox } from "./mail/index.js";
import { type InspectSample, inspect, type SegnoInspection } from "./inspect.js";
import { configurationError, resolveOptions } from "./resolve-config.js";
import { type SegnoSchema, schemaOf } from "./schema.js";
import type { SloDefinition } from "./observability/index.js";
import { toSegnoError } from "./storage/index.js";
import { unavailable } from "./unavailable.js";

/** A running engine. Give it to an adapter, or call `handler` yourself. */
export interface Segno extends SegnoEngine {
  /** The same verbs as over HTTP, in process. */
  readonly api: SegnoApi;
  /**
   * Listens to one type of event or to all (`"*"`), after the change was committed, at least once.
   * @returns call it to stop listening
   */
  on<Type extends SegnoEventType>(type: Type, listener: EventListener<Type>): () => void;
  /** Listens to every event. */
  on(type: "*", listener: EventListener): () => void;
  /** The built-in mailbox, where no transport was given. */
  readonly mailbox: DevelopmentMailbox | undefined;
  readonly origin: string;
  /** What the service promises: the option `slos`, or the defaults. */
  readonly slos: readonly SloDefinition[];
  readonly clock: Clock;
  /** The schema of the store, without starting the engine: what `segno migrate` calls. */
  readonly schema: SegnoSchema;
  /**
   * Opens the store and brings its schema up to date; also done by the first request.
   * @throws SegnoError `store_unavailable`
   * @throws TypeError when it runs with background work already, and was to run without
   */
  ready(options?: ReadyOptions): Promise<void>;
  /** Looks at the configuration, the store and the keys, and changes nothing: what `segno doctor` calls. Needs no start. */
  inspect(sample?: InspectSample): Promise<SegnoInspection>;
  /** Whether requests can be served: the store answers and a key can sign. The body of `GET /health/ready`. */
  health(): Promise<HealthReport>;
  /**
   * The figures of this process in the Prometheus text format (version 0.0.4), for a listener of your own that the public
   * does not reach. Some are looked up in the store, at most every five seconds; while it does not answer they are missing.
   * @throws TypeError without the option `metrics`
   */
  metricsText(): Promise<string>;
  /** Stops background work, waits for what is under way and closes the store. */
  close(): Promise<void>;
}

/** How an engine starts. */
export interface ReadyOptions {
  /**
   * Default true. False for a tool that borrows the configuration of a running service: verbs work, but this process sends
   * no mail, delivers no event and rotates no key by itself. What a verb announces waits for a process of the service.
   * Where the command line loads a module (`SEGNO_TOOL=1`), `ready()` without this option starts nothing.
   */
  readonly background?: boolean;
}

/**
 * Makes an engine. Nothing is opened yet: the first request or `ready()` does.
 * @throws TypeError naming every fault of the configuration at once. During `next build`, which loads modules without
 * their environment, the faults come with the first use instead.
 * @example
 * ```ts
 * import { createSegno } from "@segno/server";
 * export const segno = createSegno({ baseUrl: "https://app.example.com", clientIp: { source: "socket" } });
 * ```
 */
export function createSegno(options: SegnoOptions = {}): Segno {
  const resolved = resolveOptions(options, process.env);
  const fault = resolved.faults.length === 0 ? undefined : configurationError(resolved.faults);
  const isBuilding = process.env.NEXT_PHASE === "phase-production-build";
  if (fault !== undefined && !isBuilding) throw fault;
  const { config, clock, log } = resolved;
  const subscriptions = new Set<Subscription>();
  let running: Running | undefined;
  let starting: Promise<Running> | undefined;
  let closing: Promise<void> | undefined;

  // the command line loads the module of a service to look at its engine: nothing may start by that
  const isTool = process.env.SEGNO_TOOL === "1";
  let hasBackground = !isTool;
  const start = async (): Promise<Running> => {
    if (fault !== undefined) throw fault;
    const composed = await compose(resolved, { background: hasBackground });
    for (const subscription of subscriptions) subscription.connect(composed);
    running = composed;
    return composed;
  };
  /** Single flight; a start that failed is tried again by the next caller. */
  const run = async (): Promise<Running> => {
    if (closing !== undefined) throw new SegnoError("store_unavailable", "This engine was closed.");
    starting ??= start().catch((error: unknown) => {
      starting = undefined;
      throw fault ?? toSegnoError(error);
    });
    return await starting;
  };
  const stop = async (): Promise<void> => {
    const current = await starting?.catch(() => undefined);
    running = undefined;
    await current?.stop();
  };

  const live = `${config.basePath}/health/live`;
  const exchange = async (request: IncomingWithBody, peer: Peer | undefined): Promise<PlainResponse> => {
    try {
      return await (running ?? (await run())).exchange(request, peer);
    } catch (error) {
      log.error("not ready", { error: error instanceof Error ? error.message : "" });
      const isLiveness = pathOf(request.url) === live;
      return unavailable(toSegnoError(error), { isLiveness, requestId: crypto.randomUUID(), nowMs: clock.nowMs() });
    }
  };
  return {
    basePath: config.basePath,
    issuer: config.issuer,
    origin: config.origin,
    slos: config.slos,
    clock,
    mailbox: resolved.mailbox,
    api: createApi(run),
    handler: async (request, peer) => toResponse(await exchange(request, peer)),
    handle: (request, peer) => exchange(incomingOf(request), peer),
    authenticate: (input) =>
      running === undefined ? run().then((now) => now.authenticate(input)) : running.authenticate(input),
    on(type: SegnoEventType | "*", listener: EventListener): () => void {
      const subscription = createSubscription(type, listener);
      subscriptions.add(subscription);
      if (running !== undefined) subscription.connect(running);
      return () => {
        subscriptions.delete(subscription);
        subscription.disconnect();
      };
    },
    schema: schemaOf(resolved),
    async ready({ background } = {}) {
      if (isTool && background === undefined) return;
      if (starting === undefined) hasBackground = background ?? true;
      else if (hasBackground && background === false)
        throw new TypeError("This engine was started with its background work.");
      await run();
    },
    inspect: (sample) => inspect(resolved, sample),
    health: async () => (await run()).health(),
    async metricsText() {
      if (config.metrics === undefined) throw new TypeError("No figures are kept. Set the option metrics to true.");
      return (await (await run()).metrics?.text()) ?? "";
    },
    close() {
      closing ??= stop();
      return closing;
    },
  };
}

/** A listener that may have been there before the event log was. */
interface Subscription {
  connect(running: Running): void;
  disconnect(): void;
}

function createSubscription(type: SegnoEventType | "*", listener: EventListener): Subscription {
  let stop: (() => void) | undefined;
  return {
    connect: ({ events }) => {
      stop ??= type === "*" ? events.on("*", listener) : events.on(type, listener);
    },
    disconnect: () => stop?.(),
  };
}
