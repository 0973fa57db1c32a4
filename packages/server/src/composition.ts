import type { AuthenticateInput, AuthState } from "@segno/core";
import { authenticateRequest } from "./authenticate.js";
import { emailRoutes } from "./authenticators/email/routes.js";
import { passkeyRoutes } from "./authenticators/passkey/routes.js";
import { endExpiredServiceAccounts } from "./clients/index.js";
import { createBackground, type Duty } from "./background.js";
import type { Engine } from "./engine.js";
import { createEventLog, type RunningEventLog } from "./events/index.js";
import {
  checkHealth,
  cookieNames,
  createCertificateResolver,
  createExchange,
  createHandler,
  createRateLimiter,
  type Exchange,
  type Handler,
  type HealthReport,
  healthRoutes,
  openApiRoute,
  type Route,
} from "./http/index.js";
import { createKeyring, createLocalCustody, type Keyring, type Prepared, withOutsideWork } from "./keys/index.js";
import { createMailQueue } from "./mail/index.js";
import { hasAccount } from "./users/index.js";
import type { ResolvedOptions } from "./resolve-config.js";
import { createIdSource } from "./runtime.js";
import { createSecrets } from "./secrets.js";
import { settleSessions, sweepSessions } from "./sessions/index.js";
import { sessionRoutes } from "./sessions/routes.js";
import { sweepStatusIndexes } from "./status-lists/index.js";
import { statusListRoutes } from "./status-lists/routes.js";
import { durableState, type HotState, hotState, sweepExpired } from "./storage/index.js";
import { sweepTokens, tokenRoutes } from "./tokens/index.js";
import { userRoutes } from "./users/routes.js";

/** Everything that runs once the store is open. */
export interface Running {
  readonly engine: Engine;
  readonly events: RunningEventLog;
  readonly keyring: Keyring;
  readonly exchange: Exchange;
  readonly handler: Handler;
  authenticate(input: AuthenticateInput & { readonly withAccount?: boolean }): AuthState | Promise<AuthState>;
  health(): Promise<HealthReport>;
  stop(): Promise<void>;
}

export interface ComposeOptions {
  /** Whether mail is sent, events are delivered, and keys and tables are looked after. Default true. */
  readonly background?: boolean;
}

/** Opens the store and puts the domains together: the only place that knows all of them. */
export async function compose(resolved: ResolvedOptions, options: ComposeOptions = {}): Promise<Running> {
  const { clock, config } = resolved;
  const store = await resolved.source.open({ clock, migrations: config.migrations });
  try {
    return await composeOn(resolved, store, options.background ?? true);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function composeOn(resolved: ResolvedOptions, opened: Engine["store"], hasBackground: boolean): Promise<Running> {
  const { config, clock, random, log } = resolved;
  const prepared: Prepared = new WeakMap();
  const store = resolved.custody === undefined ? opened : withOutsideWork(opened, prepared);
  const newId = createIdSource(clock, random);
  const secrets = createSecrets(config.secrets, random);
  const base = { config, clock, random, newId, store, secrets, log };
  const events = createEventLog(base, { source: config.issuer });
  const mail = createMailQueue(
    { ...base, hasAccount: (email) => hasAccount(engine, store.db, email) },
    resolved.transport,
  );
  const custody = resolved.custody ?? createLocalCustody(secrets);
  const keyring = createKeyring({ ...base, events, custody, purpose: "access_token", prepared });
  const { buckets, firstUse } = hotStateOf(resolved, store);
  const limiter = createRateLimiter({ buckets, clock, isOn: config.rateLimit });
  const engine: Engine = { ...base, fetch: resolved.fetch, events, mail, signer: keyring, limiter, firstUse };
  await keyring.ready();

  const certificateOf = createCertificateResolver(config);
  const how = { sessionCookie: cookieNames(config.isSecure).session, certificateOf };
  const authenticate: Running["authenticate"] = (input) => authenticateRequest(engine, how, input);
  const health = () =>
    checkHealth({
      store: () => store.ping().then(() => true),
      keys: async () => (await keyring.health()).status !== "failed",
    });
  const routes = routesOf(engine, health);
  const { hooks } = resolved;
  const parts = { config, clock, random, newId, log, limiter, hooks };
  const exchange = createExchange({ ...parts, routes, authenticate, certificateOf });
  const background = createBackground(dutiesOf(engine), log);
  if (hasBackground) {
    keyring.start();
    events.start();
    mail.start();
    background.start();
  }
  return {
    engine,
    events,
    keyring,
    authenticate,
    health,
    exchange,
    handler: createHandler(exchange),
    async stop() {
      await background.stop();
      await settleSessions(engine);
      await Promise.all([keyring.stop(), events.stop(), mail.stop()]);
      await store.close();
    },
  };
}

function hotStateOf({ hotState: source, clock, log }: ResolvedOptions, { db }: Engine["store"]): HotState {
  return source === undefined ? durableState(db) : hotState(source.open(), { db, clock, log });
}

function routesOf(engine: Engine, health: () => Promise<HealthReport>): readonly Route[] {
  const routes: Route[] = [
    ...sessionRoutes(engine),
    ...tokenRoutes(engine),
    ...statusListRoutes(engine),
    ...userRoutes(engine),
    ...emailRoutes(engine),
    ...passkeyRoutes(engine),
    ...healthRoutes(health),
    openApiRoute(engine.config, () => routes),
  ];
  return routes;
}

const minuteMs = 60_000;

function dutiesOf(engine: Engine): readonly Duty[] {
  const { store, clock } = engine;
  return [
    { name: "sweep", everyMs: 5 * minuteMs, run: () => sweepExpired(store.db, clock.nowMs()) },
    { name: "sweep sessions", everyMs: 10 * minuteMs, run: () => sweepSessions(store.db, clock.nowMs()) },
    { name: "end service accounts", everyMs: minuteMs, run: () => endExpiredServiceAccounts(engine) },
    { name: "sweep tokens", everyMs: 10 * minuteMs, run: () => sweepTokens(store.db, clock.nowMs()) },
    { name: "sweep statuses", everyMs: 10 * minuteMs, run: () => sweepStatusIndexes(store.db, clock.nowMs()) },
  ];
}
