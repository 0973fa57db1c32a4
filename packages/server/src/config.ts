import type { Clock, TelemetryHook } from "@segno/core";
import type { Logger, MailTransport, RandomSource } from "./ports.js";
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
  /** The keys that sign access tokens. */
  readonly keys?: KeyOptions;
  /** `false` turns rate limits off: refused in production. */
  readonly rateLimit?: boolean;
  /** Details to ask for after sign-in, without ever blocking it. Default `["displayName"]`. */
  readonly progressiveDetails?: readonly "displayName"[];
  /**
   * Whether every unsafe setting is refused. Default: `NODE_ENV` is `production`, or `baseUrl` is not this machine and
   * `NODE_ENV` is neither `development` nor `test`.
   */
  readonly production?: boolean;
  /** Look on while requests are served; they cannot change or delay them. */
  readonly telemetry?: readonly TelemetryHook[];
  /** Where log lines go. Default: JSON lines on stdout and stderr. */
  readonly logger?: Logger;
  /** Replaced in tests only: where time comes from. */
  readonly clock?: Clock;
  /** Replaced in tests only: seeded randomness is guessable. */
  readonly random?: RandomSource;
  /** Replaced in tests only. */
  readonly fetch?: typeof globalThis.fetch;
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
}
/** What access and refresh tokens hold and how long they live. */
export interface TokenOptions {
  /** Life of an access token. Default 300, at most 3600: an offline verifier learns of a revocation no sooner. */
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
  /** First-party public clients. Default `["segno"]`. */
  readonly clients?: readonly string[];
  /** Resource servers that may introspect: id to secret. Default none. Else `SEGNO_INTROSPECTION_CLIENTS` (`id:secret,...`). */
  readonly introspectionClients?: Readonly<Record<string, string>>;
}
/** The keys that sign access tokens. */
export interface KeyOptions {
  /** Default `ES256`. `EdDSA` needs verifiers that list it. */
  readonly algorithm?: "ES256" | "EdDSA";
  /** How long a key signs. Default 30 days. */
  readonly signingSeconds?: number;
  /** How long a key is published before it signs. At least 900, so that caches of verifiers know it by then. Default 24 hours. */
  readonly publishSeconds?: number;
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
  readonly rateLimit: boolean;
  readonly migrations: "auto" | "check";
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
  readonly keys: Required<KeyOptions>;
}
