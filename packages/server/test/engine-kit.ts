// A whole engine on a test database, with its insides at hand: time stands still, randomness repeats.
import { createSeededRandom, createVirtualClock, type VirtualClock } from "@segno/testing";
import { compose, type Running } from "../src/composition.js";
import type { SegnoOptions } from "../src/config.js";
import type { Actor, Engine } from "../src/engine.js";
import { createKeyApi, type KeyApi, type Rotation } from "../src/keys/index.js";
import { resolveOptions } from "../src/resolve-config.js";
import { silentLogger } from "../src/runtime.js";
import { createSession, type OpenedSession } from "../src/sessions/index.js";
import type { StoreSource } from "../src/storage/index.js";
import { issueTokens, type Tokens } from "../src/tokens/index.js";

export const origin = "https://app.example.com";
export const secretOne = "first-secret-0123456789-abcdefghijklmnop";
export const secretTwo = "second-secret-9876543210-zyxwvutsrqponmlk";
export const actor: Actor = { requestId: "test" };

export interface Node extends Running {
  readonly clock: VirtualClock;
}

let nodes = 0;

/** One process on the database: call it again with the same clock for a second one. */
export async function openNode(
  source: StoreSource,
  options: Partial<SegnoOptions> & { readonly clock?: VirtualClock } = {},
): Promise<Node> {
  const clock = options.clock ?? createVirtualClock();
  nodes += 1;
  const resolved = resolveOptions(
    {
      baseUrl: origin,
      secret: `1:${secretOne}`,
      production: false,
      clientIp: { source: "socket" },
      logger: silentLogger,
      random: createSeededRandom(`node ${nodes}`),
      email: { send: async () => {} },
      ...options,
      clock,
      database: source,
    },
    {},
  );
  if (resolved.faults.length > 0) throw new TypeError(resolved.faults.join("\n"));
  return { ...(await compose(resolved)), clock };
}

/**
 * The same database for a second engine. In one process two SQLite connections would wait for each other (the wait holds
 * up the event loop), so there the second engine shares the first one's connection; on PostgreSQL it has its own.
 */
export function besides(first: Node, source: () => StoreSource): StoreSource {
  const { store } = first.engine;
  if (store.dialect === "postgres") return source();
  return { describe: "shared", open: async () => ({ ...store, close: async () => {} }) };
}

/** The operator's verbs on a node's keys. */
export function keyApi(node: Node): KeyApi {
  return createKeyApi(async () => node);
}

/** The spare signs, however young it is. */
export async function rotateNow(node: Node): Promise<Rotation | null> {
  return await keyApi(node).rotate({ atOnce: true });
}

let users = 0;

/** An active user, straight into the store. */
export async function addUser(engine: Engine): Promise<string> {
  users += 1;
  const id = engine.newId();
  const nowMs = engine.clock.nowMs();
  await engine.store.db
    .insertInto("segno_users")
    .values({
      id,
      status: "active",
      display_name: null,
      user_handle: `handle-${users}-${id}`,
      created_at: nowMs,
      updated_at: nowMs,
    })
    .execute();
  return id;
}

/** A session of a new user, or of the one given. */
export async function addSession(engine: Engine, userId?: string): Promise<OpenedSession> {
  const owner = userId ?? (await addUser(engine));
  const input = {
    userId: owner,
    clientId: "segno",
    acr: "aal1",
    amr: ["otp"],
    method: "email_code",
    deviceName: "Firefox on Linux",
  } as const;
  return await engine.store.transaction((trx) => createSession(engine, trx, input, actor));
}

/** A refresh family of a new session. */
export async function addFamily(
  engine: Engine,
  options: { readonly jkt?: string; readonly opened?: OpenedSession } = {},
): Promise<{ readonly opened: OpenedSession; readonly tokens: Tokens; readonly refreshToken: string }> {
  const opened = options.opened ?? (await addSession(engine));
  const bound = options.jkt === undefined ? {} : { jkt: options.jkt };
  const tokens = await engine.store.transaction((trx) =>
    issueTokens(engine, trx, { session: opened.session, withRefresh: true, ...bound }, actor),
  );
  return { opened, tokens, refreshToken: tokens.refreshToken ?? "" };
}

export interface Cookies {
  readonly cookie?: string;
}

/** A request as the application's own page sends it. */
export function jsonRequest(
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Request {
  return new Request(`${origin}${path}`, {
    method,
    headers: { origin, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

/** A form as an OAuth client posts it. */
export function formRequest(
  path: string,
  form: string | Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Request {
  return new Request(`${origin}${path}`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
    body: typeof form === "string" ? form : new URLSearchParams(form).toString(),
  });
}

/** The session cookie of a token, as the browser sends it. */
export function sessionCookie(token: string): Readonly<Record<string, string>> {
  return { cookie: `__Host-segno.sid=${token}` };
}
