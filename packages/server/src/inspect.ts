import type { ClientIpOptions } from "./config.js";
import { clientIpOf, cookieNames } from "./http/index.js";
import { createKeyrings, createVerifiers, type KeyringHealth, openCustody } from "./keys/index.js";
import { createEventLog } from "./events/index.js";
import { createObserver } from "./observability/index.js";
import { configurationError, type ResolvedOptions } from "./resolve-config.js";
import { createIdSource } from "./runtime.js";
import { withSchema } from "./schema.js";
import { createSecrets } from "./secrets.js";
import { type SchemaStatus, toSegnoError } from "./storage/index.js";

/** A request as a proxy would hand it on, to see whose address would be counted. */
export interface InspectSample {
  /** The whole value of `X-Forwarded-For`, or of the header that `clientIp` names. */
  readonly forwarded?: string;
  /** The address at the other end of the socket. Default: the first listed proxy, else 127.0.0.1. */
  readonly peer?: string;
}

/** What `inspect` found. Holds no secret. */
export interface SegnoInspection {
  /** When it looked, by the engine's clock: milliseconds since 1970. */
  readonly atMs: number;
  readonly configuration: InspectedConfiguration;
  readonly client: InspectedClient;
  readonly store: InspectedStore;
  /** Null where the database keeps the hot state. */
  readonly hotState: InspectedHotState | null;
  /** Null when the store does not answer or its schema is not current. */
  readonly keys: KeyringHealth | null;
}
/** The configuration as it is understood. */
export interface InspectedConfiguration {
  readonly production: boolean;
  readonly baseUrl: string;
  readonly basePath: string;
  readonly issuer: string;
  /** Whether `baseUrl` is https: cookies are then `Secure` and carry the `__Host-` prefix. */
  readonly isSecure: boolean;
  readonly trustedOrigins: readonly string[];
  readonly cookies: { readonly session: string; readonly browser: string; readonly sameSite: "Lax" };
  readonly rateLimit: boolean;
  readonly clientIp: ClientIpOptions | null;
  readonly migrations: "auto" | "check";
  /** Whether mail stays in the built-in mailbox. */
  readonly mailbox: boolean;
  readonly passkey: { readonly rpId: string; readonly origins: readonly string[] } | null;
  /** Newest first. `bits` is at most what an attacker has to guess, judged by the characters alone. */
  readonly secrets: readonly { readonly version: number; readonly bits: number }[];
  readonly accessTokenSeconds: number;
}
/** Whose address the sample request would be counted by. */
export interface InspectedClient {
  readonly peer: string;
  readonly forwarded: string | null;
  /** What limits count by: an IPv4 address, an IPv6 /64, or `unknown`, which everybody shares. */
  readonly bucket: string;
  readonly isFromTrustedProxy: boolean;
}
/** The store as it answered. */
export interface InspectedStore {
  readonly describe: string;
  /** Null when it answered; else why not, without a password. */
  readonly fault: string | null;
  readonly dialect: "sqlite" | "postgres" | null;
  readonly schema: SchemaStatus | null;
  /** How far the database's clock is ahead of the engine's, in milliseconds; null where both are this machine's. */
  readonly clockAheadMs: number | null;
}

/** The key-value store as it answered. */
export interface InspectedHotState {
  readonly describe: string;
  /** Null when it answered within three seconds. */
  readonly fault: string | null;
}

/** Looks at everything a doctor asks about, and changes nothing: no file, no table, no key is made. */
export async function inspect(resolved: ResolvedOptions, sample: InspectSample = {}): Promise<SegnoInspection> {
  if (resolved.faults.length > 0) throw configurationError(resolved.faults);
  const store = await inspectStore(resolved);
  return {
    atMs: resolved.clock.nowMs(),
    configuration: inspectConfiguration(resolved),
    client: inspectClient(resolved.config.clientIp, sample),
    store,
    hotState: await inspectHotState(resolved),
    keys: store.schema?.state === "current" ? await inspectKeys(resolved) : null,
  };
}

function inspectConfiguration({ config, mailbox }: ResolvedOptions): InspectedConfiguration {
  const { session, browser } = cookieNames(config.isSecure);
  const { passkey } = config.signIn;
  return {
    production: config.production,
    baseUrl: config.baseUrl,
    basePath: config.basePath,
    issuer: config.issuer,
    isSecure: config.isSecure,
    trustedOrigins: config.trustedOrigins,
    cookies: { session, browser, sameSite: "Lax" },
    rateLimit: config.rateLimit,
    clientIp: config.clientIp ?? null,
    migrations: config.migrations,
    mailbox: mailbox !== undefined,
    passkey: passkey === undefined ? null : { rpId: passkey.rpId, origins: passkey.origins },
    secrets: config.secrets.map(({ version, value }) => ({ version, bits: bitsOf(value) })),
    accessTokenSeconds: config.tokens.accessTokenSeconds,
  };
}

/** Shannon's measure over the characters: a passphrase of words gets more than it deserves, random text about its due. */
function bitsOf(value: string): number {
  const counts = new Map<string, number>();
  for (const character of value) counts.set(character, (counts.get(character) ?? 0) + 1);
  const shares = [...counts.values()].map((count) => count / value.length);
  return Math.floor(value.length * shares.reduce((sum, share) => sum - share * Math.log2(share), 0));
}

function inspectClient(options: ClientIpOptions | undefined, sample: InspectSample): InspectedClient {
  const proxy = options?.source === "forwarded" ? options.trustedProxies[0]?.split("/")[0] : undefined;
  const peer = sample.peer ?? proxy ?? "127.0.0.1";
  const header = options?.source === "header" ? options.header : "x-forwarded-for";
  const headers = new Headers(sample.forwarded === undefined ? {} : { [header]: sample.forwarded });
  const { bucket, isFromTrustedProxy } = clientIpOf(options, headers, peer);
  return { peer, forwarded: sample.forwarded ?? null, bucket, isFromTrustedProxy };
}

async function inspectStore(resolved: ResolvedOptions): Promise<InspectedStore> {
  const { source, clock } = resolved;
  const { describe } = source;
  try {
    return await withSchema(resolved, async (access) => {
      const schema = await access.status();
      const beforeMs = clock.nowMs();
      const theirsMs = await access.clockMs();
      const clockAheadMs = theirsMs === null ? null : Math.round(theirsMs - (beforeMs + clock.nowMs()) / 2);
      return { describe, fault: null, dialect: access.dialect, schema, clockAheadMs };
    });
  } catch (error) {
    return { describe, fault: causeOf(error), dialect: null, schema: null, clockAheadMs: null };
  }
}

const patienceMs = 3_000;

/** Remembers a key of no meaning for a second: there is no call that only reads. */
async function inspectHotState({ hotState, random }: ResolvedOptions): Promise<InspectedHotState | null> {
  if (hotState === undefined) return null;
  const { describe } = hotState;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("no answer")), patienceMs);
  try {
    const key = `inspect:${Buffer.from(random.bytes(12)).toString("base64url")}`;
    // clients queue what they cannot send, and would wait for ever
    await Promise.race([hotState.open().setOnce(key, 1_000), late.promise]);
    return { describe, fault: null };
  } catch (error) {
    return { describe, fault: causeOf(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** The innermost cause by its code, because drivers quote host, user and statement in their texts. */
function causeOf(error: unknown): string {
  const { cause, message } = toSegnoError(error);
  const code = (cause as { readonly code?: unknown } | undefined)?.code;
  return typeof code === "string" ? `${message} (${code})` : message;
}

/** Opens every live key, and makes none. */
async function inspectKeys(resolved: ResolvedOptions): Promise<KeyringHealth> {
  const { config, clock, random, log } = resolved;
  const store = await resolved.source.open({ clock, migrations: "check" });
  try {
    const secrets = createSecrets(config.secrets, random);
    const base = { config, clock, random, newId: createIdSource(clock, random), store, secrets, log };
    const parts = { ...base, events: createEventLog(base) };
    const guarded = openCustody(parts, resolved.custody, createObserver(resolved.hooks));
    const { accessToken } = createKeyrings({ ...parts, guarded, verifiers: createVerifiers(parts) });
    try {
      return await accessToken.health({ asksCustody: true });
    } finally {
      await guarded.stop();
    }
  } finally {
    await store.close();
  }
}
