import { type Clock, systemClock, type TelemetryHook } from "@segno/core";
import { loadDevelopmentSecret } from "./development-secret.js";
import type {
  ClientCertificateOptions,
  ClientIpOptions,
  ResolvedConfig,
  SegnoOptions,
  SignInOptions,
} from "./config.js";
import type { Logger, MailTransport, RandomSource } from "./engine.js";
import { isPlainPath, parseIpRange } from "./http/index.js";
import { type KeyCustody, leastPublishSeconds } from "./keys/index.js";
import { type DevelopmentMailbox, developmentMailbox } from "./mail/index.js";
import { readAudit } from "./resolve-audit.js";
import { readServices } from "./resolve-services.js";
import { createConsoleLogger, systemRandom } from "./runtime.js";
import { parseSecrets, type VersionedSecret } from "./secrets.js";
import { type KeyValueSource, postgresUrl, type StoreSource, sqlite } from "./storage/index.js";

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
  "clientCertificate",
  "keys",
  "rateLimit",
  "progressiveDetails",
  "production",
  "tenant",
  "experiment",
  "telemetry",
  "logger",
  "clock",
  "random",
  "fetch",
  "audit",
] satisfies (keyof SegnoOptions)[]);
const minute = 60;
const day = 86_400;
const fallbackUrl = "http://localhost:3000";

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
  const durations = readDurations(options, issuer, env("SEGNO_INTROSPECTION_CLIENTS"), faults);
  const { clients: publicClients, introspectionClients, accessTokenSeconds } = durations.tokens;
  const around = { issuer, publicClients, introspectionClients: Object.keys(introspectionClients), accessTokenSeconds };
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
    migrations: readMigrations(options.migrations ?? env("SEGNO_MIGRATIONS"), faults),
    progressiveDetails: options.progressiveDetails ?? ["displayName"],
    signIn,
    ...durations,
    services: readServices(options.services ?? {}, around, faults),
    clientCertificate: readClientCertificate(options.clientCertificate, clientIp, faults),
    audit: readAudit(options.audit, issuer, faults),
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
    log: options.logger ?? createConsoleLogger(clock, { isDebug: false }),
    hooks: options.telemetry ?? [],
    tenant: readResolver("tenant", options.tenant, faults),
    experiment: readResolver("experiment", options.experiment, faults),
    faults,
  };
}

/** One message with every fault, for whoever starts the process, and the faults one by one for tools. */
export function configurationError(faults: readonly string[]): TypeError & { readonly faults: readonly string[] } {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  const lines = faults.map((fault) => `  - ${fault}`).join("\n");
  return Object.assign(new TypeError(`Segno cannot start: ${count} in its configuration.\n${lines}`), { faults });
}

export function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" ||
    hostname.endsWith(".localhost") ||
    hostname === "[::1]" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}

function listOf(text: string | undefined): readonly string[] {
  return (text ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function readBaseUrl(text: string | undefined, faults: string[]): URL {
  if (text === undefined) return new URL(fallbackUrl);
  if (!URL.canParse(text)) {
    faults.push("baseUrl: is not an absolute URL");
    return new URL(fallbackUrl);
  }
  const url = new URL(text);
  if (url.protocol !== "https:" && url.protocol !== "http:") faults.push("baseUrl: must start with https://");
  if (url.pathname !== "/" || url.search !== "" || url.hash !== "")
    faults.push("baseUrl: must be an origin alone. A path belongs in basePath");
  if (url.username !== "" || url.password !== "") faults.push("baseUrl: must hold no user name or password");
  return url;
}

function readBasePath(text: string | undefined, faults: string[]): string {
  const path = text ?? "/api/auth";
  if (isPlainPath(path)) return path;
  faults.push('basePath: must look like "/api/auth", without a slash at its end');
  return "/api/auth";
}

/** RFC 8414 section 2: a URL without query or fragment. Kept as it was written, because verifiers compare it byte by byte. */
function readIssuer(text: string, faults: string[]): string {
  if (!URL.canParse(text)) {
    faults.push("issuer: is not an absolute URL");
    return fallbackUrl;
  }
  const url = new URL(text);
  const isAllowed = url.protocol === "https:" || url.protocol === "http:";
  if (!isAllowed || url.search !== "" || url.hash !== "")
    faults.push("issuer: must be a URL without query and fragment");
  return text;
}

function readOrigins(name: string, list: readonly string[], faults: string[]): readonly string[] {
  for (const text of list) {
    if (!URL.canParse(text) || new URL(text).origin !== text) {
      faults.push(`${name}: ${JSON.stringify(text)} is not an exact origin such as "https://app.example.com"`);
    } else if (text.startsWith("http:") && !isLoopback(new URL(text).hostname)) {
      faults.push(`${name}: ${JSON.stringify(text)} must be https`);
    }
  }
  return list;
}

function readSecrets(text: string | undefined, production: boolean, faults: string[]): readonly VersionedSecret[] {
  if (text === undefined && production) {
    faults.push(
      "secret: missing. Set SEGNO_SECRET to at least 32 random characters, for example from: openssl rand -base64 32",
    );
    return [];
  }
  const { secrets, faults: found } = parseSecrets(text ?? loadDevelopmentSecret());
  for (const fault of found) faults.push(`secret: ${fault}`);
  return secrets;
}

function readSignIn(options: SignInOptions, base: URL, faults: string[]): ResolvedConfig["signIn"] {
  const wish = options.passkey ?? true;
  const given = typeof wish === "object" ? wish : {};
  const rpId = given.rpId ?? base.hostname;
  if (base.hostname !== rpId && !base.hostname.endsWith(`.${rpId}`)) {
    faults.push("signIn.passkey.rpId: must be the host name of baseUrl or a parent domain of it");
  }
  const further = given.origins ?? [];
  // an Android app's origin is the hash of its signing key
  readOrigins(
    "signIn.passkey.origins",
    further.filter((text) => !/^android:apk-key-hash:[A-Za-z0-9_-]{43}$/.test(text)),
    faults,
  );
  const origins = [...new Set([base.origin, ...further])];
  const passkey = wish === false ? undefined : { rpId, rpName: given.rpName ?? base.hostname, origins };
  const emailLink = options.emailLink ?? true;
  const emailCode = options.emailCode ?? true;
  if (passkey === undefined && !emailLink && !emailCode) faults.push("signIn: every way to sign in is switched off");
  return { passkey, emailLink, emailCode, signUp: options.signUp ?? true };
}

/** `SEGNO_TRUSTED_PROXIES`: `socket`, `header:<name>`, or addresses and CIDRs. */
function readClientIp(
  given: ClientIpOptions | undefined,
  text: string | undefined,
  faults: string[],
): ClientIpOptions | undefined {
  const options = given ?? (text === undefined ? undefined : clientIpOf(text.trim()));
  if (options?.source === "header" && !/^[A-Za-z0-9-]{1,64}$/.test(options.header)) {
    faults.push("clientIp.header: is not a header name");
  }
  if (options?.source === "forwarded") {
    if (options.trustedProxies.length === 0) faults.push("clientIp.trustedProxies: lists no proxy");
    for (const proxy of options.trustedProxies) {
      if (parseIpRange(proxy) === undefined)
        faults.push(`clientIp.trustedProxies: ${JSON.stringify(proxy)} is neither an address nor a CIDR`);
    }
    const proxies = options.trustedProxies.filter((proxy) => parseIpRange(proxy) !== undefined);
    return { source: "forwarded", trustedProxies: proxies };
  }
  return options;
}

/** A header says whose certificate it was only as far as its sender is known. */
function readClientCertificate(
  given: ClientCertificateOptions | undefined,
  clientIp: ClientIpOptions | undefined,
  faults: string[],
): ClientCertificateOptions | undefined {
  if (given === undefined) return undefined;
  if (clientIp?.source !== "forwarded")
    faults.push('clientCertificate: needs clientIp { source: "forwarded" }, whose proxies alone may send the header');
  for (const name of [given.header, given.verifiedHeader]) {
    if (name !== undefined && !/^[A-Za-z0-9-]{1,64}$/.test(name))
      faults.push("clientCertificate: is not a header name");
  }
  return given;
}

function clientIpOf(text: string): ClientIpOptions {
  if (text === "socket") return { source: "socket" };
  if (text.startsWith("header:")) return { source: "header", header: text.slice("header:".length) };
  return { source: "forwarded", trustedProxies: listOf(text) };
}

type Durations = Pick<ResolvedConfig, "session" | "tokens" | "keys">;

function readDurations(
  options: SegnoOptions,
  issuer: string,
  introspection: string | undefined,
  faults: string[],
): Durations {
  const { session = {}, tokens = {} } = options;
  const { custody: _, ...keys } = options.keys ?? {};
  const resolved: Durations = {
    session: {
      idleSeconds: 14 * day,
      absoluteSeconds: 90 * day,
      recentSeconds: 10 * minute,
      cacheSeconds: 0,
      ...session,
    },
    tokens: {
      accessTokenSeconds: 5 * minute,
      audiences: [issuer],
      scopes: [],
      refreshIdleSeconds: 30 * day,
      refreshAbsoluteSeconds: 90 * day,
      refreshGraceSeconds: 30,
      rotateBound: true,
      clients: ["segno"],
      introspectionClients: introspectionClientsOf(introspection, faults),
      ...tokens,
    },
    keys: {
      algorithm: "ES256",
      signingSeconds: 30 * day,
      auditSigningSeconds: 365 * day,
      dataSealingSeconds: 90 * day,
      publishSeconds: day,
      leaseSeconds: 60 * minute,
      outageSeconds: 15 * minute,
      custodyTimeoutSeconds: 2,
      ...keys,
    },
  };
  for (const [group, values] of Object.entries(resolved)) {
    for (const [name, value] of Object.entries(values as Readonly<Record<string, unknown>>)) {
      const isZeroAllowed = ["refreshGraceSeconds", "outageSeconds", "cacheSeconds"].includes(name);
      if (!name.endsWith("Seconds")) continue;
      if (!(typeof value === "number" && Number.isFinite(value) && (value > 0 || (isZeroAllowed && value === 0)))) {
        faults.push(`${group}.${name}: must be a positive number of seconds`);
      }
    }
  }
  if (resolved.session.cacheSeconds > 5)
    faults.push("session.cacheSeconds: must be 5 at most; a revocation on another node waits for it");
  if (resolved.session.idleSeconds > resolved.session.absoluteSeconds)
    faults.push("session.idleSeconds: must not exceed absoluteSeconds");
  if (resolved.tokens.accessTokenSeconds > 3_600)
    faults.push("tokens.accessTokenSeconds: must be 3600 at most; verifiers without the status list wait for it");
  if (resolved.keys.publishSeconds < leastPublishSeconds)
    faults.push(
      `keys.publishSeconds: must be ${leastPublishSeconds} at least, or caches of verifiers miss the next key`,
    );
  const { custodyTimeoutSeconds } = resolved.keys;
  if (!(custodyTimeoutSeconds >= 0.05 && custodyTimeoutSeconds <= 30))
    faults.push("keys.custodyTimeoutSeconds: must be between 0.05 and 30");
  if (!(resolved.keys.leaseSeconds >= minute && resolved.keys.leaseSeconds <= day))
    faults.push("keys.leaseSeconds: must be between 60 and 86400");
  if (resolved.keys.outageSeconds > day) faults.push("keys.outageSeconds: must be 86400 at most");
  if (!["ES256", "EdDSA"].includes(resolved.keys.algorithm)) faults.push("keys.algorithm: must be ES256 or EdDSA");
  if (typeof resolved.tokens.rotateBound !== "boolean") faults.push("tokens.rotateBound: must be true or false");
  if (resolved.tokens.audiences.length === 0) faults.push("tokens.audiences: must name at least one audience");
  for (const [id, secret] of Object.entries(resolved.tokens.introspectionClients)) {
    if (secret.length < 16)
      faults.push(`tokens.introspectionClients: the secret of ${JSON.stringify(id)} is shorter than 16 characters`);
  }
  return resolved;
}

const custodyVerbs = { wrapped: ["wrap", "unwrap", "check"], remote: ["generate", "sign", "check"] } as const;

function readCustody(custody: KeyCustody | undefined, faults: string[]): KeyCustody | undefined {
  if (custody === undefined) return undefined;
  const verbs = Object.hasOwn(custodyVerbs, custody.mode) ? custodyVerbs[custody.mode] : undefined;
  const given: Readonly<Record<string, unknown>> = { ...custody };
  const has = (verb: string) => typeof (given[verb] ?? Reflect.get(custody, verb)) === "function";
  if (verbs === undefined || !verbs.every(has)) {
    faults.push('keys.custody: is not a custody. It needs the mode "wrapped" or "remote" and the verbs of it');
  }
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(custody.name) || custody.name === "local") {
    faults.push('keys.custody: its name must be short and plain, such as "vault", and not "local"');
  }
  return custody;
}

function introspectionClientsOf(text: string | undefined, faults: string[]): Readonly<Record<string, string>> {
  const entries = listOf(text).map((entry) => {
    const colon = entry.indexOf(":");
    if (colon < 1)
      faults.push('tokens.introspectionClients: SEGNO_INTROSPECTION_CLIENTS must look like "id:secret,id:secret"');
    return [entry.slice(0, Math.max(0, colon)), entry.slice(colon + 1)] as const;
  });
  return Object.fromEntries(entries);
}

function readResolver<Given>(name: string, given: Given, faults: string[]): Given | undefined {
  if (given === undefined || typeof given === "function") return given;
  faults.push(`${name}: must be a function of the request`);
  return undefined;
}

function readMigrations(wish: string | undefined, faults: string[]): "auto" | "check" {
  if (wish === undefined || wish === "auto") return "auto";
  if (wish !== "check") faults.push('migrations: must be "auto" or "check"');
  return "check";
}

const developmentDatabase = "./.segno/segno.db";

function readDatabase(
  database: SegnoOptions["database"],
  strict: (fault: string) => void,
  faults: string[],
): StoreSource {
  if (database === undefined) return sqlite(developmentDatabase);
  if (typeof database !== "string") {
    if (database.describe === "sqlite :memory:")
      strict("database: is in memory; everything would be lost at the next start");
    return database;
  }
  if (/^postgres(ql)?:\/\//i.test(database)) return postgresUrl(database);
  if (database === ":memory:") strict("database: is in memory; everything would be lost at the next start");
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(database) && !database.startsWith("file://")) {
    faults.push("database: must be a file path, a file: URL or a postgres:// URL");
    return sqlite(developmentDatabase);
  }
  return sqlite(database);
}

function readHotState(source: unknown, faults: string[]): KeyValueSource | undefined {
  if (source === undefined) return undefined;
  if (typeof source === "object" && source !== null && "open" in source && typeof source.open === "function") {
    return source as KeyValueSource;
  }
  faults.push('hotState: must be a source such as redis(client) from "@segno/server/storage/redis"');
  return undefined;
}
