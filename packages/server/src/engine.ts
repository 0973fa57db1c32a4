import type { Clock } from "@segno/core";
import type { ResolvedConfig } from "./config.js";
import type {
  AuditSigner,
  DataSealer,
  EventLog,
  FirstUse,
  Logger,
  MailQueue,
  RandomSource,
  RateLimiter,
  Secrets,
  Store,
  TokenSigner,
} from "./ports.js";

export type { Peer } from "@segno/core";
export type {
  AccountRow,
  Actor,
  AuditPublicKey,
  AuditSignature,
  AuditSigner,
  BucketAnswer,
  BucketTake,
  DataSealer,
  Db,
  EventLog,
  FirstUse,
  KeySetFetched,
  LogFields,
  Logger,
  MailMessage,
  MailQueue,
  MailTransport,
  NewEvent,
  ObservedRequest,
  Observer,
  PersonalFields,
  RandomSource,
  RateBuckets,
  RateLimiter,
  RateRule,
  RequestFacts,
  RequestView,
  Secrets,
  SessionAccountRow,
  SessionRow,
  SignedToken,
  Store,
  StoredToken,
  TokenSigner,
  WatchedRequest,
} from "./ports.js";

/** What every verb may need. Built once by `segno.ts`; verbs take it as their first argument. */
export interface Engine {
  readonly config: ResolvedConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  /** UUIDv7 from the clock and the random source. */
  readonly newId: () => string;
  readonly fetch: typeof globalThis.fetch;
  readonly log: Logger;
  readonly store: Store;
  readonly secrets: Secrets;
  readonly events: EventLog;
  readonly signer: TokenSigner;
  /** Signs the record's checkpoints. */
  readonly auditSigner: AuditSigner;
  /** Seals what lies in the database. */
  readonly dataSealer: DataSealer;
  readonly limiter: RateLimiter;
  /** Spends what may be used once and is not a row of its own: proofs. Call it outside a transaction. */
  readonly firstUse: FirstUse;
  readonly mail: MailQueue;
}
