import { type Clock, systemClock, type TelemetryHook } from "@segno/core";
import type { ResolvedConfig, SegnoOptions } from "./config.js";
import type { Logger, MailTransport, RandomSource } from "./engine.js";
import type { KeyCustody } from "./keys/index.js";
import { type DevelopmentMailbox, developmentMailbox } from "./mail/index.js";
import {
  isLoopback,
  listOf,
  auditOf,
  readAudit,
  readConsents,
  readBasePath,
  readBaseUrl,
  readClientCertificate,
  readClientIp,
  readCustody,
  readDatabase,
  readEvents,
  readHotState,
  readIssuer,
  readKeys,
  readMetrics,
  readMigrations,
  readOrigins,
  readResolver,
  readSecrets,
  readServices,
  readSession,
  readSharedSignals,
  readSlos,
  readSignIn,
  readTokens,
} from "./options/index.js";
import { createConsoleLogger, systemRandom } from "./runtime.js";
import type { KeyValueSource, StoreSource } from "./storage/index.js";

export type Environment = Readonly<Record<string, string | undefined>>;

/** Everything the composition needs, and all that is wrong with it. */
export interface ResolvedOptions {
  readonly config: ResolvedConfig;
  readonly source: StoreSource;
  readonly hotState: KeyValueSource | undefined;
  readonly transport: MailTransport;
  /** The built-in mailbox, where it is in use. */
  readonly mailbox: DevelopmentMailbox | undefined;
  /** Undefined: the local one. */
  readonly custody: KeyCustody | undefined;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly fetch: typeof globalThis.fetch;
  readonly log: Logger;
  readonly hooks: readonly TelemetryHook[];
  readonly tenant: SegnoOptions["tenant"];
  readonly experiment: SegnoOptions["experiment"];
  readonly place: SegnoOptions["place"];
  /** One line each, naming the option and what to set. No secret is quoted. */
  readonly faults: readonly string[];
}

const knownOptions = new Set<string>([
  "baseUrl",
  "basePath",
  "issuer",
  "secret",
  "database",
  "hotState",
  "migrations",
  "signIn",
  "email",
  "trustedOrigins",
  "clientIp",
  "session",
  "tokens",
  "services",
  "consents",
  "clientCertificate",
  "keys",
  "events",
  "slos",
  "rateLimit",
  "progressiveDetails",
  "production",
  "tenant",
  "experiment",
  "place",
  "telemetry",
  "metrics",
  "logger",
  "clock",
  "random",
  "fetch",
  "audit",
  "sharedSignals",
] satisfies (keyof SegnoOptions)[]);

/** Options, then environment, then defaults. Never throws for a fault: it lists them all. */
export function resolveOptions(options: SegnoOptions, environment: Environment): ResolvedOptions {
  const env = (name: string) => (environment[name]?.trim() === "" ? undefined : environment[name]);
  const faults: string[] = Object.keys(options)
    .filter((name) => !knownOptions.has(name))
    .map((name) => `${name}: there is no such option`);
  const base = readBaseUrl(options.baseUrl ?? env("SEGNO_URL"), faults);
  const isLocal = isLoopback(base.hostname);
  const mode = env("NODE_ENV");
  const production =
    options.production ?? (mode === "production" || (!isLocal && mode !== "development" && mode !== "test"));
  const strict = (fault: string) => {
    if (production) faults.push(fault);
  };

  if (options.baseUrl === undefined && env("SEGNO_URL") === undefined)
    strict("baseUrl: missing. Set it or SEGNO_URL to where the application is reached");
  if (base.protocol === "http:" && !isLocal) strict("baseUrl: must be https in production");
  if (options.rateLimit === false) strict("rateLimit: must not be switched off in production");
  const issuer = readIssuer(options.issuer ?? env("SEGNO_ISSUER") ?? base.origin, faults);
  const signIn = readSignIn(options.signIn ?? {}, base, faults);
  const clientIp = readClientIp(options.clientIp, env("SEGNO_TRUSTED_PROXIES"), faults);
  if (clientIp === undefined) {
    strict(
      'clientIp: unknown, so limits per address cannot work. Set { source: "socket" }, "forwarded" or "header", or SEGNO_TRUSTED_PROXIES',
    );
  }
  const mailbox = options.email === undefined ? developmentMailbox() : undefined;
  const usesMail = signIn.emailCode || signIn.emailLink;
  if (usesMail && (mailbox !== undefined || (options.email !== undefined && "messages" in options.email))) {
    strict("email: the built-in mailbox keeps mail in memory. Give a transport, for example nodemailerTransport(...)");
  }
  const clock = options.clock ?? systemClock;
  const tokens = readTokens(options.tokens ?? {}, issuer, env("SEGNO_INTROSPECTION_CLIENTS"), faults);
  const { clients: publicClients, introspectionClients, accessTokenSeconds } = tokens;
  const around = { issuer, publicClients, introspectionClients: Object.keys(introspectionClients), accessTokenSeconds };
  const consents = readConsents(options.consents ?? {}, tokens.scopes, faults);
  const events = readEvents(options.events ?? {}, faults);
  const config: ResolvedConfig = {
    production,
    baseUrl: base.origin,
    origin: base.origin,
    isSecure: base.protocol === "https:",
    basePath: readBasePath(options.basePath, faults),
    issuer,
    trustedOrigins: readOrigins(
      "trustedOrigins",
      options.trustedOrigins ?? listOf(env("SEGNO_TRUSTED_ORIGINS")),
      faults,
    ),
    secrets: readSecrets(options.secret ?? env("SEGNO_SECRET"), production, faults),
    clientIp,
    rateLimit: options.rateLimit ?? true,
    slos: readSlos(options.slos, faults),
    migrations: readMigrations(options.migrations ?? env("SEGNO_MIGRATIONS"), faults),
    metrics: readMetrics(options.metrics, env("SEGNO_METRICS_TOKEN"), faults),
    progressiveDetails: options.progressiveDetails ?? ["displayName"],
    signIn,
    session: readSession(options.session ?? {}, faults),
    tokens,
    keys: readKeys(options.keys ?? {}, faults),
    consents,
    sessionScopes: tokens.scopes.filter((scope) => ![...consents.values()].some((rule) => rule.scopes.includes(scope))),
    services: readServices(options.services ?? {}, around, faults),
    events,
    clientCertificate: readClientCertificate(options.clientCertificate, clientIp, faults),
    audit: readAudit(options.audit ?? auditOf(env("SEGNO_AUDIT"), faults), issuer, faults),
    sharedSignals: readSharedSignals(options.sharedSignals, events, faults),
  };
  return {
    config,
    source: readDatabase(options.database ?? env("SEGNO_DATABASE_URL"), strict, faults),
    hotState: readHotState(options.hotState, faults),
    transport: options.email ?? mailbox ?? developmentMailbox(),
    mailbox,
    custody: readCustody(options.keys?.custody, faults),
    clock,
    random: options.random ?? systemRandom,
    fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
    log: options.logger ?? createConsoleLogger(clock),
    hooks: options.telemetry ?? [],
    tenant: readResolver("tenant", options.tenant, faults),
    experiment: readResolver("experiment", options.experiment, faults),
    place: readResolver("place", options.place, faults),
    faults,
  };
}

/** One message with every fault, for whoever starts the process, and the faults one by one for tools. */
export function configurationError(faults: readonly string[]): TypeError & { readonly faults: readonly string[] } {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  const lines = faults.map((fault) => `  - ${fault}`).join("\n");
  return Object.assign(new TypeError(`Segno cannot start: ${count} in its configuration.\n${lines}`), { faults });
}
