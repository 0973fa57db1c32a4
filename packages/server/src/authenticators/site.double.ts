import {
  createMailCapture,
  createSeededRandom,
  createVirtualClock,
  openBrowser,
  type TestBrowser,
} from "@segno/testing";
import { type StoreHooks, watchStore } from "../../test/watched-store.js";
import { compose } from "../composition.js";
import type { SegnoOptions, SignInOptions } from "../config.js";
import type { Store } from "../engine.js";
import type { MailSender } from "../mail/index.js";
import { resolveOptions } from "../resolve-config.js";
import { silentLogger } from "../runtime.js";
import { type StoreSource, sqlite } from "../storage/index.js";

export const origin = "https://app.example.com";
const basePath = "/api/auth";

export interface SiteOptions {
  readonly source?: StoreSource;
  readonly signIn?: SignInOptions;
  readonly rateLimit?: boolean;
  /** Anything else an engine takes. */
  readonly more?: Partial<SegnoOptions>;
}

/** A whole engine on a real store, with its clock, mail and statements in hand. */
export async function openSite(options: SiteOptions = {}) {
  const clock = createVirtualClock();
  const random = createSeededRandom(`site ${Math.random()}`);
  const mail = createMailCapture();
  const listeners = new Set<(statement: string) => void>();
  /** Set them to make the store fail. */
  const faults: { -readonly [Name in keyof StoreHooks]: StoreHooks[Name] } = {};
  const tell = (shape: () => string) => {
    if (listeners.size === 0) return;
    const statement = shape();
    for (const listener of listeners) listener(statement);
  };
  const source = options.source ?? sqlite(":memory:");
  const resolved = resolveOptions(
    {
      baseUrl: origin,
      secret: "0123456789abcdefghijklmnopqrstuvwxyz",
      database: watchStore(source, {
        before: (shape) => {
          tell(shape);
          faults.before?.(shape);
        },
        after: () => faults.after?.(),
        committed: () => faults.committed?.(),
      }),
      email: mail,
      clientIp: { source: "socket" },
      rateLimit: options.rateLimit ?? false,
      production: false,
      logger: silentLogger,
      clock,
      random,
      ...(options.signIn === undefined ? {} : { signIn: options.signIn }),
      ...options.more,
    },
    {},
  );
  if (resolved.faults.length > 0) throw new TypeError(resolved.faults.join("; "));
  const running = await compose(resolved);
  const { engine, handler } = running;
  const site = { handler, origin, basePath, nowMs: () => clock.nowMs(), random };
  return {
    engine,
    store: engine.store,
    clock,
    mail,
    queue: engine.mail as MailSender,
    handler,
    faults,
    /** Empties the store and the mailbox; keys stay. */
    reset: async () => {
      mail.clear();
      await engine.store.transaction(async (trx) => {
        for (const table of tables) await trx.deleteFrom(table).execute();
      });
    },
    browser: (settings = {}): TestBrowser => openBrowser(site, settings),
    events: () => eventsOf(engine.store),
    /** Tells of every statement, without its values. @returns call it to stop */
    trace: (listener: (statement: string) => void): (() => void) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close: () => running.stop(),
  };
}
export type Site = Awaited<ReturnType<typeof openSite>>;

/** Children before parents. */
const tables = [
  "segno_attempts",
  "segno_refresh_families",
  "segno_sessions",
  "segno_passkeys",
  "segno_identifiers",
  "segno_users",
  "segno_outbox",
  "segno_mail",
  "segno_once",
  "segno_revoked_tokens",
  "segno_rate_limits",
] as const;

/** Everything in the outbox but keys and tokens, oldest first. */
async function eventsOf(
  store: Store,
): Promise<{ type: string; subject: string | null; data: Record<string, unknown>; raw: string }[]> {
  const rows = await store.db.selectFrom("segno_outbox").selectAll().orderBy("id").execute();
  return rows
    .filter(({ type }) => !/^(key|token)\./.test(type))
    .map((row) => {
      const { data } = JSON.parse(row.payload) as { data: Record<string, unknown> };
      return { type: row.type, subject: row.subject, data, raw: row.payload };
    });
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
