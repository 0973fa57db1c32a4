import type { Clock, JwkSet, SigningAlgorithm, TelemetryHook } from "@segno/core";
import type { EventSink } from "./events/index.js";
import type { KeyCustody } from "./keys/index.js";
import type { SloDefinition } from "./observability/index.js";
import type { Logger, MailTransport, RandomSource, RequestView } from "./ports.js";
import type { SharedSignals, SharedSignalsOptions } from "./shared-signals/index.js";
import type { KeyValueSource } from "./storage/key-value.js";
import type { StoreSource } from "./storage/source.js";

/** What a user passes to `createSegno`. Everything may also come from the environment, as each comment says. */
export interface SegnoOptions {
  /** Where the application is reached, for example `https://app.example.com`. Else `SEGNO_URL`. */
  readonly baseUrl?: string;
  /** Where the engine is mounted. Default `/api/auth`. */
  readonly basePath?: string;
  /** The `iss` of tokens. Default: the origin of `baseUrl`. Else `SEGNO_ISSUER`. */
  readonly issuer?: string;
  /** `2:new,1:old`, newest first, each at least 32 characters. Else `SEGNO_SECRET`. Development: made once beside the database. */
  readonly secret?: string;
  /** A file path or `file:` URL (SQLite), a `postgres://` URL, or a source such as `postgres(pool)`. Else `SEGNO_DATABASE_URL`, else `./.segno/segno.db`. */
  readonly database?: string | StoreSource;
  /**
   * `auto` applies missing migrations at start. `check` refuses to start while one is missing: `segno migrate apply`
   * applies them, by an account that may change the schema. Default `auto`. Else `SEGNO_MIGRATIONS`.
   */
  readonly migrations?: "auto" | "check";
  /**
   * Where rate limits are counted, and proofs already seen are remembered as well: `redis(client)`. It may be flushed or go
   * away at any moment. Default: the database alone.
   */
  readonly hotState?: KeyValueSource;
  /** Which ways to sign in exist. Default: passkey, emailLink and emailCode all true. */
  readonly signIn?: SignInOptions;
  /** How mail leaves. Development default: the built-in mailbox. */
  readonly email?: MailTransport;
  /** Further origins that may call the API with credentials. Else `SEGNO_TRUSTED_ORIGINS` (comma separated). Exact match. */
  readonly trustedOrigins?: readonly string[];
  /** How the client's address is known. Required in production. Else `SEGNO_TRUSTED_PROXIES`. */
  readonly clientIp?: ClientIpOptions;
  /** How long sessions live. */
  readonly session?: SessionOptions;
  /** What tokens hold and how long they live. */
  readonly tokens?: TokenOptions;
  /** Confidential clients: back ends that authenticate and get tokens of their own, by client id. Default none. */
  readonly services?: Readonly<Record<string, ServiceOptions>>;
  /**
   * What people may agree to, by purpose. A scope that a purpose lists is in a token only while the person agrees to the
   * version in force; sessions by cookie never hold it. Default none.
   */
  readonly consents?: Readonly<Record<string, ConsentOptions>>;
  /** How client certificates get here when a proxy ends TLS. Default: only the TLS socket's own certificate counts. */
  readonly clientCertificate?: ClientCertificateOptions;
  /** The keys that sign access tokens. */
  readonly keys?: KeyOptions;
  /** The tamper-evident log of every event, with its options. Default: none is kept. Else `SEGNO_AUDIT` (`on`). */
  readonly audit?: AuditOptions;
  /** Who receives events outside this process, and how long they are kept. */
  readonly events?: EventOptions;
  /**
   * Shared Signals (SSF 1.0): receivers that are told when sessions end, credentials change and accounts are suspended, and
   * transmitters whose signals act on accounts here. Default: none.
   */
  readonly sharedSignals?: SharedSignalsOptions;
  /**
   * What the service promises: how many sign-ins, tokens and key uses go well, and how fast. Default: five objectives, see
   * `defaultSlos`. An empty list counts nothing.
   */
  readonly slos?: readonly SloDefinition[];
  /** `false` turns rate limits off: refused in production. */
  readonly rateLimit?: boolean;
  /** Details to ask for after sign-in, without ever blocking it. Default `["displayName"]`. */
  readonly progressiveDetails?: readonly "displayName"[];
  /**
   * Whether every unsafe setting is refused. Default: `NODE_ENV` is `production`, or `baseUrl` is not this machine and
   * `NODE_ENV` is neither `development` nor `test`.
   */
  readonly production?: boolean;
  /**
   * Which tenant events of a request name: a plain name of at most 64 characters (`A-Z a-z 0-9 . _ -`), or null. Called for
   * requests that may change something; what it throws or answers otherwise counts as null. Nothing but events reads it. Default: none.
   */
  readonly tenant?: (request: RequestView) => string | null;
  /**
   * Roughly where a request comes from, as a header of your proxy or a table of yours knows it, in degrees: for events alone, which
   * say it in whole degrees (some 100 km), as `tenant`. Without it nobody can look for impossible travel. Default: none.
   */
  readonly place?: (request: RequestView) => { readonly latitude: number; readonly longitude: number } | null;
  /** Which experiment and variant a request belongs to, for events alone, as `tenant`. Default: none. */
  readonly experiment?: (request: RequestView) => { readonly experiment: string; readonly variant: string } | null;
  /** Look on while requests are served; they cannot change or delay them. */
  readonly telemetry?: readonly TelemetryHook[];
  /**
   * Keeps figures for Prometheus: `segno.metricsText()` writes them. With a token of at least 32 characters there is also
   * `GET {basePath}/metrics`, for whoever sends it as `Authorization: Bearer`. Default: none. Else `SEGNO_METRICS_TOKEN`.
   */
  readonly metrics?: boolean | MetricsOptions;
  /** Where log lines go. Default: JSON lines on stdout and stderr. */
  readonly logger?: Logger;
  /** Replaced in tests only: where time comes from. */
  readonly clock?: Clock;
  /** Replaced in tests only: seeded randomness is guessable. */
  readonly random?: RandomSource;
  /** Replaced in tests only. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Figures for Prometheus. */
export interface MetricsOptions {
  /** What a scraper must send, at least 32 random characters. Without it there is no route. */
  readonly token?: string;
}

/** Events on their way out. */
export interface EventOptions {
  /**
   * Receivers such as a webhook or a message bus. Each gets every event at least once, in order per subject, from a place of
   * its own; one that is slow or away holds up no other and no request. A new name begins with the oldest event that is
   * kept. Default none.
   */
  readonly sinks?: readonly EventSink[];
  /** How many days events stay in the database after every receiver has them, to look at and to send again. Default 7. */
  readonly keepDays?: number;
}

/** Which ways to sign in exist. */
export interface SignInOptions {
  /** Default true. An object also sets the relying party. */
  readonly passkey?: boolean | PasskeyOptions;
  /** Whether mails carry a link. Default true. */
  readonly emailLink?: boolean;
  /** Whether mails carry a six-digit code. Default true. */
  readonly emailCode?: boolean;
  /** Whether an unknown person may create an account. Default true. */
  readonly signUp?: boolean;
}
/** The relying party of passkeys (WebAuthn Level 3 section 5.1). */
export interface PasskeyOptions {
  /** The relying party id: passkeys are bound to it and cannot be moved. Default: the host name of `baseUrl`. */
  readonly rpId?: string;
  /** Shown by the authenticator. Default: the host name. */
  readonly rpName?: string;
  /** Further origins whose ceremonies are accepted. Default: the origin of `baseUrl` alone. */
  readonly origins?: readonly string[];
}
/** How long sessions live. All in seconds. */
export interface SessionOptions {
  /** Ends after this long without use. Default 14 days. */
  readonly idleSeconds?: number;
  /** Ends this long after sign-in, used or not. Default 90 days. */
  readonly absoluteSeconds?: number;
  /** How old a proof of identity may be to change factors. Default 600. */
  readonly recentSeconds?: number;
  /**
   * How long a node may answer a check by cookie from memory, 5 at most: a revocation made on another node is seen that
   * much later. Sensitive routes read the store all the same. Default 0: every check reads it.
   */
  readonly cacheSeconds?: number;
}
/** What access and refresh tokens hold and how long they live. */
export interface TokenOptions {
  /** Life of an access token. Default 300, at most 3600: so long a verifier that looks at no status list accepts a revoked one. */
  readonly accessTokenSeconds?: number;
  /** Audiences a caller may ask for. Default: the issuer alone. */
  readonly audiences?: readonly string[];
  /** Scopes a first-party session holds. Default none. */
  readonly scopes?: readonly string[];
  /** Idle limit of a refresh family. Default 30 days. */
  readonly refreshIdleSeconds?: number;
  /** Absolute limit of a refresh family. Default 90 days. */
  readonly refreshAbsoluteSeconds?: number;
  /** How long the previous refresh token is answered with the same successor. Default 30. */
  readonly refreshGraceSeconds?: number;
  /**
   * Whether refresh tokens bound to a key (DPoP) rotate too. `false` keeps one token for the family's whole life, where
   * clients cannot store a new one reliably: a copy is worth nothing without the key. Default true.
   */
  readonly rotateBound?: boolean;
  /** First-party public clients. Default `["segno"]`. */
  readonly clients?: readonly string[];
  /** Resource servers that may introspect: id to secret. Default none. Else `SEGNO_INTROSPECTION_CLIENTS` (`id:secret,...`). */
  readonly introspectionClients?: Readonly<Record<string, string>>;
}
/** A purpose that people may agree to. */
export interface ConsentOptions {
  /** Of the text that is shown, a whole number from 1. Raising it asks everybody again. */
  readonly version: number;
  /** Scopes of `tokens.scopes` that need it. Default none: the consent is kept and told, and changes no token. */
  readonly scopes?: readonly string[];
}
/** A confidential client. What is not listed it may not do. */
export interface ServiceOptions {
  /** How it proves who it is: this way and no other. */
  readonly authentication: ClientAuthentication;
  /** Grants it may use. Default `["client_credentials"]`. */
  readonly grants?: readonly ServiceGrant[];
  /** Scopes it may ask for; without asking it gets all of them in a token of its own. Default none. */
  readonly scopes?: readonly string[];
  /** Audiences its tokens may be for (`resource`, RFC 8707). At least one; with exactly one it need not ask. */
  readonly audiences: readonly string[];
  /** Life of its access tokens, in seconds, at most 3600. Default `tokens.accessTokenSeconds`. */
  readonly accessTokenSeconds?: number;
  /** When the client ends, RFC 3339. From then on it is `invalid_client`, and its tokens are over. Default: never. */
  readonly expiresAt?: string;
  /** Bind its access tokens to its client certificate (RFC 8705). Default: true for clients that authenticate with one. */
  readonly certificateBound?: boolean;
  /** For whom it may act with the grant `token_exchange`. */
  readonly mayActFor?: DelegationOptions;
}
/** What a confidential client may ask for at the token endpoint. */
export type ServiceGrant = "client_credentials" | "token_exchange";
/** Which tokens a client may exchange for one of its own (RFC 8693): what a `may_act` claim would say, as configuration. */
export interface DelegationOptions {
  /** Who the client is as a resource server: it may exchange tokens that name one of these audiences, and no others. */
  readonly audiences: readonly string[];
  /** Clients whose tokens it may exchange. Default: the public clients of `tokens.clients`. */
  readonly clients?: readonly string[];
}
/** How a confidential client proves who it is. */
export type ClientAuthentication =
  /** A signed assertion (RFC 7523). Public keys at hand or at a URL; `algorithms` default to those of FAPI 2.0 and ES384. */
  | {
      readonly method: "private_key_jwt";
      readonly jwks?: JwkSet;
      readonly jwksUri?: string;
      readonly algorithms?: readonly SigningAlgorithm[];
    }
  /** A secret of at least 32 random characters in the `Authorization` header (RFC 6749 section 2.3.1). */
  | { readonly method: "client_secret_basic"; readonly secret: string }
  /** A certificate that the TLS server trusts, with this subject or name (RFC 8705 section 2.1). Exactly one of the three. */
  | {
      readonly method: "tls_client_auth";
      /** Subject as RFC 4514 writes it, for example `CN=orders,O=Example`. */
      readonly subject?: string;
      /** A DNS name among the alternative names. */
      readonly dns?: string;
      /** A URI among the alternative names, for example a SPIFFE id. */
      readonly uri?: string;
    }
  /** One of these certificates, whoever issued it (RFC 8705 section 2.2): SHA-256 of the DER, base64url. */
  | { readonly method: "self_signed_tls_client_auth"; readonly thumbprints: readonly string[] };
/** How client certificates get here when a proxy ends TLS. Only for `clientIp: { source: "forwarded" }`, from its listed proxies. */
export interface ClientCertificateOptions {
  /** The header the proxy sets, and overwrites when a client sends it: `Client-Cert` (RFC 9440) or a PEM text in percent-encoding. */
  readonly header: string;
  /** The header in which the proxy says `SUCCESS` when it verified the chain. Without it `tls_client_auth` refuses. */
  readonly verifiedHeader?: string;
}
/** The keys that sign, and those that seal data. */
export interface KeyOptions {
  /** Of tokens and documents. Default `ES256`. `EdDSA` needs verifiers that list it. The record is signed with Ed25519 where the custody can. */
  readonly algorithm?: "ES256" | "EdDSA";
  /** How long a key signs tokens or documents. Default 30 days. */
  readonly signingSeconds?: number;
  /** How long a key signs the record. Who checks the record offline needs each key's public half. Default 365 days. */
  readonly auditSigningSeconds?: number;
  /** How long a key seals data. It opens what it sealed after that. Default 90 days. */
  readonly dataSealingSeconds?: number;
  /** How long a key is published before it signs. At least 900, so that caches of verifiers know it by then. Default 24 hours. */
  readonly publishSeconds?: number;
  /**
   * Where private keys are. A custody given here is the only one that signs: a key made in another one verifies, and a
   * rotation that says `changeCustody` moves on from it.
   */
  readonly custody?: KeyCustody;
  /** How long an unwrapped key stays in memory before its custody is asked again. At least 60, at most 24 hours. Default 1 hour. */
  readonly leaseSeconds?: number;
  /** How long signing goes on after that while the custody does not answer. Then 503 `key_unavailable`. 0 to 24 hours. Default 15 minutes. */
  readonly outageSeconds?: number;
  /** How long one call to the custody may take, waiting for its turn included. 0.05 to 30. Default 2. */
  readonly custodyTimeoutSeconds?: number;
}
/** The tamper-evident log: what it keeps, and how long. `{}` keeps it in the engine's own database. */
export interface AuditOptions {
  /** How the log is called in its checkpoints: a URL without its scheme. For ever. Default: the issuer's host and path, and `/audit`. */
  readonly origin?: string;
  /** How long what a leaf says is kept, by class. The leaf's hash stays for ever. Default: one class, `default`, for ever. */
  readonly retention?: readonly RetentionClass[];
  /**
   * How long the data key of what strangers did lives, in days: addresses of failed sign-ins, which belong to no account that
   * could be erased. Default 30.
   */
  readonly strangerDays?: number;
  /**
   * How many events may wait for the log. Beyond it everything that would write a further one is refused with 503
   * `audit_unavailable`, until the log has caught up. Default 100 000.
   */
  readonly maxBacklog?: number;
  /** How often a checkpoint is signed, in seconds; also after 10 000 leaves. Default 60. */
  readonly checkpointSeconds?: number;
}
/** A class of events that are kept equally long. The first class that names a type has it. */
export interface RetentionClass {
  /** `[a-z][a-z0-9-]{0,39}`: stands in every leaf. */
  readonly name: string;
  /** Event types, or families such as `token.*`. `*` takes the rest. */
  readonly types: readonly string[];
  /** Whole days after the event, at least 1. Left out: for ever. */
  readonly days?: number;
}

/** How the client's address is known, for rate limits. Every host has exactly one right answer. */
export type ClientIpOptions =
  /** The socket's address is the client: no proxy in front. */
  | { readonly source: "socket" }
  /** Walk `X-Forwarded-For` from the right over these proxies (addresses or CIDR). */
  | { readonly source: "forwarded"; readonly trustedProxies: readonly string[] }
  /** A header the platform sets and strips from outside, for example `cf-connecting-ip`. */
  | { readonly source: "header"; readonly header: string };

/** Options after defaults and checks: what verbs read. */
export interface ResolvedConfig {
  readonly production: boolean;
  readonly baseUrl: string;
  readonly origin: string;
  readonly isSecure: boolean;
  readonly basePath: string;
  readonly issuer: string;
  readonly trustedOrigins: readonly string[];
  readonly secrets: readonly { readonly version: number; readonly value: string }[];
  readonly clientIp: ClientIpOptions | undefined;
  readonly slos: readonly SloDefinition[];
  readonly rateLimit: boolean;
  readonly migrations: "auto" | "check";
  /** Undefined: no figures are kept. */
  readonly metrics: MetricsOptions | undefined;
  readonly progressiveDetails: readonly "displayName"[];
  readonly signIn: {
    readonly passkey:
      | { readonly rpId: string; readonly rpName: string; readonly origins: readonly string[] }
      | undefined;
    readonly emailLink: boolean;
    readonly emailCode: boolean;
    readonly signUp: boolean;
  };
  readonly session: Required<SessionOptions>;
  readonly tokens: Required<TokenOptions>;
  readonly keys: Required<Omit<KeyOptions, "custody">>;
  /** What a session by cookie holds: `tokens.scopes` without those that need a consent. */
  readonly sessionScopes: readonly string[];
  readonly consents: ReadonlyMap<string, Required<ConsentOptions>>;
  readonly services: ReadonlyMap<string, ServiceClient>;
  readonly events: Required<EventOptions>;
  readonly clientCertificate: ClientCertificateOptions | undefined;
  readonly audit: Required<AuditOptions> | undefined;
  readonly sharedSignals: SharedSignals | undefined;
}

/** What a client's proof is held against. A secret is known by its SHA-256 alone, base64url. */
export type ServiceCredential =
  | Exclude<ClientAuthentication, { readonly method: "client_secret_basic" }>
  | { readonly method: "client_secret_basic"; readonly secretHash: string };

/** A confidential client as verbs read it, wherever it is kept. */
export interface ServiceClient {
  readonly id: string;
  readonly credential: ServiceCredential;
  readonly grants: readonly ServiceGrant[];
  readonly scopes: readonly string[];
  readonly audiences: readonly string[];
  readonly accessTokenSeconds: number;
  /** Milliseconds since the epoch; undefined for never. */
  readonly expiresAtMs: number | undefined;
  readonly certificateBound: boolean;
  readonly mayActFor: Required<DelegationOptions> | undefined;
}
