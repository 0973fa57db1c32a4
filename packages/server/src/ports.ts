import type {
  DeviceClass,
  EventActor,
  JwkSet,
  KeySet,
  NoteAttributes,
  Personal,
  PublicJwk,
  SegnoError,
  SegnoEventData,
  SegnoEventType,
  TelemetryHook,
  TelemetryValue,
} from "@segno/core";
import type { Kysely } from "kysely";
import type { Schema } from "./storage/schema.js";

/** A database handle: the pool, or the transaction a verb was called in. Inside a transaction use only its handle. */
export type Db = Kysely<Schema>;

/** Random bytes; seeded in tests. */
export interface RandomSource {
  /** That many fresh bytes. */
  bytes(length: number): Uint8Array;
}

/** Where log lines go. They hold no address, token, code or secret. */
export interface Logger {
  /** Details; the built-in logger leaves them out. */
  debug(message: string, fields?: LogFields): void;
  /** What is normal. */
  info(message: string, fields?: LogFields): void;
  /** What will be tried again. */
  warn(message: string, fields?: LogFields): void;
  /** What somebody has to look at. */
  error(message: string, fields?: LogFields): void;
}
/** Never an address, a token, a code or a secret. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Store {
  readonly dialect: "sqlite" | "postgres";
  readonly db: Db;
  /** Runs `work` in one transaction, retrying serialization failures; `work` must be repeatable. */
  transaction<Result>(work: (trx: Db) => Promise<Result>): Promise<Result>;
  /**
   * One-row read through a statement compiled once: the hot path. Asks the database each time; the object may be the
   * one from before when nothing in it changed, so what was made of a row can be kept beside it (`WeakMap`).
   */
  readonly readSession: (tokenHash: string) => SessionRow | undefined | Promise<SessionRow | undefined>;
  /** A session and its user with the address to show, in one read: what a page asks for first. */
  readonly readSessionAccount: (
    tokenHash: string,
  ) => SessionAccountRow | undefined | Promise<SessionAccountRow | undefined>;
  /** A user with the address to show: the verified one, else the one claimed last. Compiled once as well. */
  readonly readAccount: (userId: string) => AccountRow | undefined | Promise<AccountRow | undefined>;
  /** Whether an access token and its session are still good: one statement, compiled once. */
  readonly isTokenLive: (token: StoredToken) => boolean | Promise<boolean>;
  ping(): Promise<void>;
  close(): Promise<void>;
}
/** An access token as far as the store knows of it. */
export interface StoredToken {
  readonly jti: string;
  readonly sid: string;
  readonly sub: string;
  /** Its place in the status lists, if it names one. */
  readonly statusIndex?: number | undefined;
  readonly nowMs: number;
}
/** What a check needs of a session and its user. */
export type SessionRow = Readonly<
  Omit<Schema["segno_sessions"], "token_hash" | "device_name" | "created_at" | "revoked_reason" | "signed_by">
> & { readonly user_status: string };
export type SessionAccountRow = SessionRow & {
  readonly user_status: Schema["segno_users"]["status"];
  readonly created_at: number;
  readonly device_name: string;
  readonly user_display_name: string | null;
  readonly user_created_at: number;
  readonly email: string | null;
  readonly email_verified_at: number | null;
};
export type AccountRow = Schema["segno_users"] & {
  readonly email: string | null;
  readonly email_verified_at: number | null;
};

/** Purpose-bound use of the `SEGNO_SECRET` list: the newest version seals, every version opens. */
export interface Secrets {
  /** AES-256-GCM under a key derived for `purpose`; the envelope carries the secret's version. `context` is authenticated. */
  seal(purpose: string, plain: Uint8Array, context: string): string;
  /** @throws SegnoError `key_unavailable` when the version is gone or the envelope was changed */
  open(purpose: string, sealed: string, context: string): Uint8Array;
  /** HMAC-SHA-256 under a derived key, base64url, for values too short to hash alone (mailed codes). */
  mac(purpose: string, text: string): string;
  /** The same under every listed secret, the newest first. */
  macs(purpose: string, text: string): readonly string[];
  /** True when `mac` was made of `text` under any listed secret. Constant time. */
  matches(purpose: string, text: string, mac: string): boolean;
}

/** What an option that looks at requests sees of one. */
export interface RequestView {
  readonly method: string;
  /** Absolute, at `baseUrl`. */
  readonly url: string;
  readonly headers: {
    /**
     * One header, or null.
     * @param name in lower case
     */
    get(name: string): string | null;
  };
}

/** What a request says of where it comes from, for events alone: nothing is decided by it. */
export interface RequestFacts {
  readonly deviceId?: string;
  readonly deviceClass?: DeviceClass;
  readonly networkId?: string;
  readonly place?: string;
  readonly tenantId?: string;
  readonly experiment?: string;
  readonly variant?: string;
  readonly traceId?: string;
}

/** Who did it, for events: taken from the request and the authenticated session, never from a body. */
export interface Actor extends RequestFacts {
  readonly requestId: string;
  /** Who makes it happen. Default `system`. */
  readonly kind?: EventActor["type"];
  /** Their id, where it is neither the subject of a `user` nor the client of a `service`. */
  readonly by?: string;
  readonly subject?: string;
  readonly sessionId?: string;
  readonly clientId?: string;
  /** What the audit log alone may know of the person. No event, log line or trace shows it. */
  readonly personal?: Personal<PersonalFields>;
}

/** Personal data of one event, on its way to the audit log. */
export interface PersonalFields {
  /** The resolved client address (IPv6 by /64). */
  readonly clientIp?: string;
  readonly userAgent?: string;
  readonly email?: string;
}

/** An event before it is written. */
export type NewEvent<Type extends SegnoEventType = SegnoEventType> = {
  readonly [Each in Type]: { readonly type: Each; readonly data: SegnoEventData<Each> };
}[Type];

export interface EventLog {
  /** Writes the event's outbox row through `trx`: it exists exactly when the change it tells of exists. */
  append<Type extends SegnoEventType>(trx: Db, type: Type, actor: Actor, data: SegnoEventData<Type>): Promise<void>;
  /** The same for what one change tells in several events, in this order, by one statement. */
  appendAll(trx: Db, actor: Actor, events: readonly NewEvent[]): Promise<void>;
  /** Asks for delivery soon; call after commit. Never waits for a subscriber. */
  nudge(): void;
}

/** A request as those see it who look on. */
export interface ObservedRequest {
  readonly operation: string;
  readonly requestId: string;
  readonly traceparent?: string | undefined;
  readonly attributes: Readonly<Record<string, TelemetryValue>>;
}

/** A request or a step that is only counted. */
export interface WatchedRequest {
  readonly note: NoteAttributes;
  end(error: SegnoError | undefined): void;
}

/** Lets telemetry hooks look on. Without hooks everything here just runs the work. */
export interface Observer {
  /** False without hooks: what only they would read need not be made. */
  readonly isOn: boolean;
  /** A request: steps that run within it are its steps, also those of other folders. */
  request<Result>(request: ObservedRequest, run: (note: NoteAttributes) => Promise<Result>): Promise<Result>;
  /**
   * The short way for a request or a step, where everybody who looks on only counts: nothing belongs to anything, and there is
   * no trace. Undefined where somebody wants to know more.
   */
  readonly watch:
    | ((operation: string, attributes?: Readonly<Record<string, TelemetryValue>>) => WatchedRequest)
    | undefined;
  /** A step of the request under way, or of none. */
  step<Result>(
    operation: string,
    attributes: Readonly<Record<string, TelemetryValue>>,
    run: (note: NoteAttributes) => Promise<Result>,
  ): Promise<Result>;
  /** The hooks of one operation, for those who run it themselves; with them it is a step like the others. */
  hooksWith(own: readonly TelemetryHook[]): Pick<Observer, "step">;
  /** An event was written in a transaction: hooks hear of it when that has committed. */
  wrote(trx: Db, event: NewEvent): void;
  /** W3C Trace Context of what runs now, if a hook traces it. */
  traceparent(): string | undefined;
}

/** A compact JWS and the key that made it. */
export interface SignedToken {
  readonly token: string;
  readonly kid: string;
}

/** Where an access token's signature comes from. */
export interface TokenSigner {
  /**
   * Signs a JWS: adds `alg` and `kid`, and sees to it that the latest `exp` per kid is on record first.
   * @param payload must hold `exp`, unless `untilSeconds` is given
   * @param trx the caller's transaction, if it is in one: inside a transaction nothing else may touch the store
   * @param untilSeconds for what has no `exp`: until when the key stays published, seconds since the epoch
   * @throws SegnoError `key_unavailable`; there is no fallback key
   */
  sign(
    header: Readonly<Record<string, string>>,
    payload: Readonly<Record<string, unknown>>,
    trx?: Db,
    untilSeconds?: number,
  ): Promise<SignedToken>;
  /** Every key a good token may be signed with, and the spare that signs next. */
  publicKeys(): Promise<JwkSet>;
  /** The same for our own verifiers: from memory, at most a minute old. */
  readonly keySet: KeySet;
  /** Notes who fetched the key set, for the rotation that waits for them. Never waits, never fails. */
  noteFetch(fetched: KeySetFetched): void;
}

/** A signature over bytes as they are. */
export interface AuditSignature {
  readonly kid: string;
  /** `EdDSA` is Ed25519 (RFC 8032) over the bytes, `ES256` is ECDSA over their SHA-256. */
  readonly alg: "ES256" | "EdDSA";
  /** 64 bytes: for `ES256` r and s of 32 bytes each, not DER. */
  readonly signature: Uint8Array;
}
/** A key of the record, as long as there is a record: old checkpoints are checked with old keys. */
export interface AuditPublicKey {
  readonly kid: string;
  readonly alg: "ES256" | "EdDSA";
  readonly publicJwk: PublicJwk;
  /** What a `compromised` key signed proves nothing any more. */
  readonly state: "published" | "signing" | "verify_only" | "retired" | "destroyed" | "compromised";
  /** Milliseconds since the epoch; null for the spare. */
  readonly signingAtMs: number | null;
  /** Null while it signs. A node that had not seen the rotation may have signed for a minute more. */
  readonly signedUntilMs: number | null;
}
/** Signs checkpoints of the record, by keys that sign nothing else: Ed25519 where the custody can, else ES256. */
export interface AuditSigner {
  /**
   * Signs bytes as they are. Call it outside a transaction: it may wait for a custody. Not checked: what the bytes say.
   * @throws SegnoError `key_unavailable`; there is no fallback key
   */
  signAudit(bytes: Uint8Array): Promise<AuditSignature>;
  /** Every key that ever signed, oldest first, and the spare. Read from the store. */
  auditPublicKeys(): Promise<readonly AuditPublicKey[]>;
}
/**
 * Seals what is small and lies in the database, above all the keys of single subjects, under data keys that the custody
 * wraps. A sealed text names its key, and opens with the same `context` only: give the table and the row.
 *
 * Inside a transaction pass it as `trx`, and call `ready` once before the first one. Every verb
 * @throws SegnoError `key_unavailable`, also for good: where the custody only signs (`detail.reason` is `cannot_wrap`), and
 * for a text that was changed or belongs to another context
 */
export interface DataSealer {
  /** Makes the first keys where there are none, which cannot be done inside a transaction. */
  ready(): Promise<void>;
  sealData(plain: Uint8Array, context: string, trx?: Db): Promise<string>;
  openData(sealed: string, context: string, trx?: Db): Promise<Uint8Array>;
  /** The same sealed under the newest data key; undefined when it is already. Data keys rotate every 90 days. */
  resealData(sealed: string, context: string, trx?: Db): Promise<string | undefined>;
}

/** A fetch of the key set. */
export interface KeySetFetched {
  /** The `Segno-Verifier` header: taken on trust. */
  readonly name: string | undefined;
  /** The resolved client address. */
  readonly address: string;
  /** False when the request named the ETag of another set: the verifier does not hold this one yet. */
  readonly holdsCurrent: boolean;
}

export interface RateRule {
  /** Names the bucket family, for example `email.start.address`. */
  readonly name: string;
  readonly limit: number;
  readonly windowSeconds: number;
}

export interface RateLimiter {
  /**
   * Takes one from the bucket `rule.name:key`, atomically in the store.
   * @throws SegnoError `rate_limited` with `retryAfterSeconds`
   */
  take(rule: RateRule, key: string): Promise<void>;
}

/** A take from a bucket, as GCRA counts: a bucket is the time at which it will be empty again. */
export interface BucketTake {
  readonly bucket: string;
  readonly nowMs: number;
  /** What is taken, as time. */
  readonly costMs: number;
  /** How far ahead of now a full bucket is. */
  readonly fullMs: number;
  /** The highest time the caller has seen for this bucket. Default none. */
  readonly knownTatMs?: number;
}
export interface BucketAnswer {
  readonly isTaken: boolean;
  /** When the bucket will be empty. Left out where telling it would cost a further question: see `readTatMs`. */
  readonly tatMs?: number;
}
/** Where requests are counted. */
export interface RateBuckets {
  /** One atomic step: of N takes at once over a limit L at most L are taken, in however many processes. */
  take(take: BucketTake): Promise<BucketAnswer>;
  /** When the bucket will be empty; undefined when it is. */
  readTatMs(bucket: string): Promise<number | undefined>;
}

/**
 * Remembers that a value was seen, on every node.
 * @param expiresAtMs until when a second sighting counts, milliseconds since the epoch
 * @returns true the first time, false when it was seen before; exact under concurrency
 * @throws SegnoError `store_unavailable`
 */
export type FirstUse = (key: string, expiresAtMs: number) => Promise<boolean>;

/** One mail, ready to send, in both forms. */
export interface MailMessage {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}
/** The transport a user supplies: resolves when the mail server took the message. */
export interface MailTransport {
  /** Hands one message over. A rejection is tried again later, up to 12 times. */
  send(message: MailMessage): Promise<void>;
}
export interface MailQueue {
  /**
   * Seals the message into the queue through `trx`; it is sent after commit, and again after a crash.
   * `otherwise` goes out instead when nobody at the address has an account. That is looked up when the mail leaves: a
   * request that looked would take longer for an address it finds.
   */
  enqueue(trx: Db, message: MailMessage, otherwise?: MailMessage): Promise<void>;
  nudge(): void;
}
