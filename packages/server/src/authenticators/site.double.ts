import {
  createMailCapture,
  createSeededRandom,
  createVirtualClock,
  openBrowser,
  type TestBrowser,
} from "@segno/testing";
import type { KyselyPlugin } from "kysely";
import { emailRoutes } from "./email/routes.js";
import { passkeyRoutes } from "./passkey/routes.js";
import type { ResolvedConfig } from "../config.js";
import type { Engine, Store, TokenSigner } from "../engine.js";
import { createEventLog } from "../events/index.js";
import { createHandler, createRateLimiter, readCookie } from "../http/index.js";
import { createMailQueue } from "../mail/index.js";
import { createIdSource, silentLogger } from "../runtime.js";
import { createSecrets } from "../secrets.js";
import { authenticateSession, sessionRoutes } from "../sessions/index.js";
import { sqlite, type StoreSource } from "../storage/index.js";
import { userRoutes } from "../users/routes.js";

export const origin = "https://app.example.com";
const basePath = "/api/auth";

export interface SiteOptions {
  readonly source?: StoreSource;
  readonly signIn?: Partial<ResolvedConfig["signIn"]>;
  readonly rateLimit?: boolean;
}

/** The sign-in routes on a real store and the real handler, without keys: nothing here mints tokens. */
export async function openSite(options: SiteOptions = {}) {
  const clock = createVirtualClock();
  const random = createSeededRandom(`site ${Math.random()}`);
  const listeners = new Set<(statement: string) => void>();
  const store = traced(await (options.source ?? sqlite(":memory:")).open(), listeners);
  const mail = createMailCapture();
  const secretList = [{ version: 1, value: "0123456789abcdefghijklmnopqrstuvwxyz" }];
  const config = configOf(options, secretList);
  const newId = createIdSource(clock, random);
  const secrets = createSecrets(secretList, random);
  const parts = { config, clock, random, newId, store, secrets, log: silentLogger, fetch: globalThis.fetch };
  const signer: TokenSigner = { sign: async () => "unsigned" } as unknown as TokenSigner;
  const queue = createMailQueue(parts, mail);
  const limiter = createRateLimiter({ db: store.db, clock, isOn: config.rateLimit });
  const engine: Engine = { ...parts, events: createEventLog(parts), signer, limiter, mail: queue };
  const routes = [...sessionRoutes(engine), ...userRoutes(engine), ...emailRoutes(engine), ...passkeyRoutes(engine)];
  const handler = createHandler({
    ...parts,
    limiter,
    hooks: [],
    routes,
    authenticate: ({ headers }) => {
      const header = headers instanceof Headers ? headers.get("cookie") : null;
      const token = readCookie(header, "__Host-segno.sid");
      return typeof token === "string" && token !== "" ? authenticateSession(engine, token) : { status: "anonymous" };
    },
  });
  const site = { handler, origin, basePath, nowMs: () => clock.nowMs(), random };
  return {
    engine,
    store,
    clock,
    mail,
    queue,
    handler,
    browser: (settings = {}): TestBrowser => openBrowser(site, settings),
    events: () => eventsOf(store),
    /** Tells of every statement, without its values. @returns call it to stop */
    trace: (listener: (statement: string) => void): (() => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: async () => {
      await queue.stop();
      await store.close();
    },
  };
}
export type Site = Awaited<ReturnType<typeof openSite>>;

/** The same store, telling of each statement's shape. */
function traced(store: Store, listeners: ReadonlySet<(statement: string) => void>): Store {
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => {
      if (listeners.size > 0) {
        const shape = JSON.stringify(node, (key, value) => (key === "value" || key === "values" ? "?" : value));
        for (const listener of listeners) listener(shape);
      }
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return {
    ...store,
    db: store.db.withPlugin(plugin),
    transaction: (work) => store.transaction((trx) => work(trx.withPlugin(plugin))),
  };
}

/** Everything in the outbox, oldest first. */
async function eventsOf(
  store: Store,
): Promise<{ type: string; subject: string | null; data: Record<string, unknown>; raw: string }[]> {
  const rows = await store.db.selectFrom("segno_outbox").selectAll().orderBy("id").execute();
  return rows.map((row) => {
    const { data } = JSON.parse(row.payload) as { data: Record<string, unknown> };
    return { type: row.type, subject: row.subject, data, raw: row.payload };
  });
}

function configOf(options: SiteOptions, secrets: ResolvedConfig["secrets"]): ResolvedConfig {
  const day = 86_400;
  return {
    production: false,
    baseUrl: origin,
    origin,
    isSecure: true,
    basePath,
    issuer: origin,
    trustedOrigins: [],
    secrets,
    clientIp: { source: "socket" },
    rateLimit: options.rateLimit ?? false,
    progressiveDetails: ["displayName"],
    signIn: {
      passkey: { rpId: "app.example.com", rpName: "Example", origins: [origin] },
      emailLink: true,
      emailCode: true,
      signUp: true,
      ...options.signIn,
    },
    session: { idleSeconds: 14 * day, absoluteSeconds: 90 * day, recentSeconds: 600 },
    tokens: {
      accessTokenSeconds: 300,
      audiences: [origin],
      scopes: [],
      refreshIdleSeconds: 30 * day,
      refreshAbsoluteSeconds: 90 * day,
      refreshGraceSeconds: 30,
      clients: ["segno"],
      introspectionClients: {},
    },
    keys: { algorithm: "ES256", signingSeconds: 30 * day, publishSeconds: day },
  };
}

/** The stores a race or a crash is tried on: SQLite always, PostgreSQL with one and with eight connections where there is one. */
export function stores(): readonly { readonly name: string; readonly source: () => StoreSource }[] {
  const url = process.env.SEGNO_TEST_POSTGRES_URL;
  const list = [{ name: "sqlite", source: () => sqlite(":memory:") }];
  if (url === undefined || url === "") return list;
  return [
    ...list,
    { name: "postgres, pool of one", source: () => freshPostgres(url, 1) },
    { name: "postgres, pool of eight", source: () => freshPostgres(url, 8) },
  ];
}

/** A schema of its own in the test database. */
function freshPostgres(url: string, max: number): StoreSource {
  return {
    describe: "postgres in a schema of its own",
    open: async (context) => {
      const schema = `s3_${Math.random().toString(36).slice(2)}`;
      const { default: pg } = await import("pg");
      const { postgres } = await import("../storage/sql.js");
      const admin = new pg.Client({ connectionString: url });
      await admin.connect();
      await admin.query(`create schema ${schema}`);
      const pool = new pg.Pool({ connectionString: url, max, options: `-c search_path=${schema}` });
      const store = await postgres(pool).open(context);
      return {
        ...store,
        close: async () => {
          await store.close();
          await pool.end();
          await admin.query(`drop schema ${schema} cascade`);
          await admin.end();
        },
      };
    },
  };
}
