import type { AuthenticateInput, AuthState, SegnoEventType } from "@segno/core";
import {
  type AuditTrail,
  type BacklogGate,
  createBacklogGate,
  mayBePersonal,
  openAudit,
  sealPending,
} from "./audit/index.js";
import { deviceIdOf, tellAbandoned, tellRefused, tellSummedUp } from "./attempts/index.js";
import { authenticateRequest } from "./authenticate.js";
import { emailRoutes } from "./authenticators/email/routes.js";
import { passkeyRoutes } from "./authenticators/passkey/routes.js";
import { endExpiredServiceAccounts } from "./clients/index.js";
import { createBackground, type Duty } from "./background.js";
import type { Engine } from "./engine.js";
import { createEventLog, type EventLogOptions, type RunningEventLog } from "./events/index.js";
import {
  checkHealth,
  cookieNames,
  createCertificateResolver,
  createExchange,
  createHandler,
  createRateLimiter,
  createNetworkIds,
  createRequestFacts,
  type Exchange,
  type Handler,
  type HealthReport,
  healthRoutes,
  openApiRoute,
  type Route,
} from "./http/index.js";
import {
  createAuditSigner,
  createDataSealer,
  createKeyrings,
  createLocalCustody,
  createVerifiers,
  custodyId,
  type Keyring,
  type Keyrings,
  openCustody,
  type Prepared,
  type Repeatable,
  withOutsideWork,
} from "./keys/index.js";
import { createMailQueue } from "./mail/index.js";
import {
  createClockWatch,
  createEngineMetrics,
  createFigures,
  createObserver,
  createOperationCounter,
  type EngineMetrics,
  metricsRoutes,
  observedCheck,
  observedSigner,
  observedTransport,
  type OperationCounter,
  watchSlos,
  writeCounts,
} from "./observability/index.js";
import { hasAccount } from "./users/index.js";
import type { ResolvedOptions } from "./resolve-config.js";
import { createIdSource } from "./runtime.js";
import { createSecrets } from "./secrets.js";
import { deviceClassOf, settleSessions, sweepSessions } from "./sessions/index.js";
import { sessionRoutes } from "./sessions/routes.js";
import { openSharedSignals } from "./shared-signals/index.js";
import { signalRoutes } from "./shared-signals/routes.js";
import { sweepStatusIndexes } from "./status-lists/index.js";
import { statusListRoutes } from "./status-lists/routes.js";
import { durableState, type HotState, hotState, sweepExpired } from "./storage/index.js";
import { sweepTokens, tokenRoutes } from "./tokens/index.js";
import { consentRoutes } from "./consents/routes.js";
import { funnelRoutes } from "./funnel/routes.js";
import { userRoutes } from "./users/routes.js";

/** Everything that runs once the store is open. */
export interface Running {
  readonly engine: Engine;
  readonly events: RunningEventLog;
  /** The keys of access tokens. */
  readonly keyring: Keyring;
  readonly keyrings: Keyrings;
  /** The tamper-evident log, where one is kept. */
  readonly audit: AuditTrail | undefined;
  /** Undefined where none are kept. */
  readonly metrics: EngineMetrics | undefined;
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

async function composeOn(resolved: ResolvedOptions, bare: Engine["store"], hasBackground: boolean): Promise<Running> {
  const { config, log } = resolved;
  const metrics = config.metrics === undefined ? undefined : createEngineMetrics();
  const hooks = metrics === undefined ? resolved.hooks : [...resolved.hooks, metrics.hook];
  const observer = createObserver(hooks);
  const opened = observer.store(bare);
  const { clock, random, newId, store, prepared } = repeatable(resolved, opened);
  const secrets = createSecrets(config.secrets, random);
  const base = { config, clock, random, newId, store, secrets, log };
  const gate = config.audit === undefined ? undefined : createBacklogGate(config.audit.maxBacklog);
  const signals = openSharedSignals(config.sharedSignals ?? { streams: [] }, { ...base, keyrings: () => keyrings });
  const events = createEventLog(base, {
    source: config.issuer,
    observer,
    ...config.events,
    sinks: [...config.events.sinks, ...signals.sinks],
    ...auditedWrites(config, secrets, hasBackground ? gate : undefined),
  });
  const mail = createMailQueue(
    { ...base, hasAccount: (email) => hasAccount(engine, store.db, email) },
    observedTransport(resolved.transport, observer),
  );
  // keys keep to the store and the time as they are: what they do never runs again
  const ofKeys = { ...base, clock: resolved.clock, random: resolved.random, store: opened, events };
  const counter = createOperationCounter(config.slos, clock);
  const guarded = openCustody(ofKeys, resolved.custody, {
    ...observer,
    hooksWith: (own) => observer.hooksWith([...own, counter.hook]),
  });
  const local = createLocalCustody(secrets);
  const keyrings = createKeyrings({ ...ofKeys, guarded, verifiers: createVerifiers(ofKeys), prepared, local });
  const keyring = keyrings.accessToken;
  const clockWatch = createClockWatch({ store: bare, clock: resolved.clock, fetch: resolved.fetch });
  const signer = observedSigner(keyring, observer, custodyId(guarded.custody));
  const { buckets, firstUse } = hotStateOf(resolved, store);
  const limiter = createRateLimiter({ buckets, clock, isOn: config.rateLimit });
  const ofRecord = {
    auditSigner: createAuditSigner(keyrings, store.db),
    dataSealer: createDataSealer(keyrings, resolved.random),
  };
  const engine: Engine = {
    ...base,
    ...ofRecord,
    fetch: clockWatch.fetch,
    events,
    mail,
    signer,
    limiter,
    firstUse,
  };
  await keyrings.ready();
  const audit = config.audit === undefined || gate === undefined ? undefined : openAudit(engine, config.audit, gate);

  const certificateOf = createCertificateResolver(config);
  const how = { sessionCookie: cookieNames(config.isSecure).session, certificateOf };
  const check: Running["authenticate"] = (input) => authenticateRequest(engine, how, input);
  const authenticate = observedCheck(check, observer, store.dialect);
  const health = () =>
    checkHealth({
      store: () => store.ping().then(() => true),
      keys: () => keysHealth(keyring),
      ...clockWatch.checks(),
      ...(audit === undefined ? {} : { audit: async () => audit.health() }),
    });
  observer.offer(
    createFigures({
      store: bare,
      clock: resolved.clock,
      ...(audit === undefined ? {} : { auditWaiting: async () => (await audit.backlog()).waiting }),
    }),
  );
  const routes = routesOf(engine, health, [
    ...metricsRoutes(metrics, config.metrics?.token),
    ...signalRoutes(engine, config.sharedSignals, { keyrings, running: signals }),
  ]);
  const factsOf = createRequestFacts(
    {
      log,
      deviceIdOf: (cookies) => deviceIdOf(engine, cookies),
      deviceClassOf,
      networkIdOf: createNetworkIds(secrets),
    },
    resolved,
  );
  const parts = { config, clock, random, newId, log, limiter, observer, factsOf };
  const exchange = createExchange({
    ...parts,
    ending: counter.ending,
    tellRefused: (run, error) => tellRefused(engine, run, error),
    routes,
    authenticate,
    certificateOf,
  });
  const background = createBackground(dutiesOf(engine, counter, audit), log);
  if (hasBackground) {
    keyrings.start();
    if (audit !== undefined) events.onEvents(() => audit.work());
    events.start();
    mail.start();
    background.start();
  }
  return {
    engine,
    events,
    keyring,
    keyrings,
    audit,
    metrics,
    authenticate,
    health,
    exchange,
    handler: createHandler(exchange),
    async stop() {
      await background.stop();
      if (hasBackground) await tellSummedUp(engine).catch(() => undefined);
      await writeCounts(engine, counter).catch(() => undefined);
      await settleSessions(engine);
      await audit?.stop();
      await Promise.all([keyrings.stop(), events.stop(), mail.stop()]);
      await store.close();
    },
  };
}

/** Only where an audit log takes it over. A tool beside the service does not know how far that log is behind. */
function auditedWrites(
  config: Engine["config"],
  secrets: Engine["secrets"],
  gate: BacklogGate | undefined,
): Pick<EventLogOptions, "sealPersonal" | "enter"> {
  if (config.audit === undefined) return {};
  return {
    sealPersonal: ({ id, type }, fields) => (mayBePersonal(type) ? sealPending(secrets, id, fields) : null),
    ...(gate === undefined ? {} : { enter: (type: SegnoEventType) => gate.enter(type) }),
  };
}

function hotStateOf({ hotState: source, clock, log }: ResolvedOptions, { db }: Engine["store"]): HotState {
  return source === undefined ? durableState(db) : hotState(source.open(), { db, clock, log });
}

/** With a custody outside this process a transaction may have to wait for it, so it must be able to run again. */
function repeatable(resolved: ResolvedOptions, store: Engine["store"]): Repeatable & { readonly prepared: Prepared } {
  const { clock, random, custody } = resolved;
  const prepared: Prepared = new WeakMap();
  const plain = { clock, random, newId: createIdSource(clock, random), store };
  return { ...(custody === undefined ? plain : withOutsideWork(plain, prepared)), prepared };
}

/**
 * While a custody does not answer that did answer, no node is better off: taking this one out of service would take
 * sessions and the key set with it. A key that never opened here is this node's own fault.
 */
async function keysHealth(keyring: Keyring): Promise<"ok" | "degraded" | "failing"> {
  const { status, isOutage } = await keyring.health();
  if (status === "failed") return isOutage ? "degraded" : "failing";
  return status;
}

function routesOf(engine: Engine, health: () => Promise<HealthReport>, asked: readonly Route[]): readonly Route[] {
  const routes: Route[] = [
    ...sessionRoutes(engine),
    ...tokenRoutes(engine),
    ...statusListRoutes(engine),
    ...userRoutes(engine),
    ...funnelRoutes(engine),
    ...consentRoutes(engine),
    ...emailRoutes(engine),
    ...passkeyRoutes(engine),
    ...healthRoutes(health),
    ...asked,
    openApiRoute(engine.config, () => routes),
  ];
  return routes;
}

const minuteMs = 60_000;

function dutiesOf(engine: Engine, counter: OperationCounter, audit: AuditTrail | undefined): readonly Duty[] {
  const { store, clock } = engine;
  return [
    { name: "write counts", everyMs: 10_000, run: () => writeCounts(engine, counter) },
    { name: "watch service levels", everyMs: minuteMs, run: () => watchSlos(engine, engine.config.slos) },
    { name: "tell abandoned attempts", everyMs: minuteMs, run: () => tellAbandoned(engine) },
    { name: "tell refused sign-ins", everyMs: minuteMs, run: () => tellSummedUp(engine) },
    { name: "sweep", everyMs: 5 * minuteMs, run: () => sweepExpired(store.db, clock.nowMs()) },
    { name: "sweep sessions", everyMs: 10 * minuteMs, run: () => sweepSessions(store.db, clock.nowMs()) },
    { name: "end service accounts", everyMs: minuteMs, run: () => endExpiredServiceAccounts(engine) },
    { name: "sweep tokens", everyMs: 10 * minuteMs, run: () => sweepTokens(store.db, clock.nowMs()) },
    { name: "sweep statuses", everyMs: 10 * minuteMs, run: () => sweepStatusIndexes(store.db, clock.nowMs()) },
    ...(audit === undefined ? [] : [{ name: "expire audit", everyMs: 60 * minuteMs, run: () => audit.expire() }]),
  ];
}
