import type { SigningAlgorithmRow } from "./algorithms.js";

/**
 * What a key is for. A key made for one purpose is refused for every other one:
 * `access_token` signs tokens and status lists, `document` the documents of your own application, `audit` checkpoints
 * of the record, `data` seals what lies in the database. Keys for `data` need a custody that wraps.
 */
export type KeyPurpose = "access_token" | "document" | "audit" | "data";

/** The name of a signature algorithm (RFC 7518 section 3.1, RFC 8037 section 3.1). */
export type KeyAlgorithm = SigningAlgorithmRow["alg"];

/** Which key a call is about. Authenticated where the custody can: a wrapped key opens under its own name only. */
export interface KeyContext {
  readonly purpose: KeyPurpose;
  readonly kid: string;
}

/**
 * Keeps private keys as wrapped text: Segno makes the key, the custody wraps it and unwraps it into memory, where it
 * signs for a limited time. One call to the custody in that time, however many tokens.
 *
 * Each call ends when `signal` aborts. A rejection means "not now" (`key_unavailable`): nobody falls back to another key.
 */
export interface WrappingCustody {
  readonly mode: "wrapped";
  /** Short and stable, for example `vault`: stored with each key, so that another custody never tries to open it. */
  readonly name: string;
  /** Wraps a private key. */
  wrap(plain: Uint8Array, context: KeyContext, signal: AbortSignal): Promise<string>;
  /** @throws SegnoError `key_unavailable` when it does not open: changed, foreign, or the custody does not answer */
  unwrap(wrapped: string, context: KeyContext, signal: AbortSignal): Promise<Uint8Array>;
  /** The same key wrapped by the newest wrapping key; undefined when it is already. */
  rewrap?(wrapped: string, context: KeyContext, signal: AbortSignal): Promise<string | undefined>;
  /** Whether the custody answers and lets this process use its keys. */
  check(signal: AbortSignal): Promise<void>;
  /** Gives back leases and connections. */
  close?(): Promise<void>;
}

/** A key that never leaves its custody. */
export interface RemoteKey {
  readonly purpose: KeyPurpose;
  readonly algorithm: KeyAlgorithm;
  /** The custody's own name of the key and its version. Not secret. */
  readonly handle: string;
}

/**
 * Keeps private keys where they cannot be read: each signature is a call. Slower, and nothing is signed while the
 * custody does not answer.
 */
export interface RemoteCustody {
  readonly mode: "remote";
  readonly name: string;
  /** What it makes keys for. Left out: every algorithm. Keys of the record are `ES256` where it does not list `EdDSA`. */
  readonly algorithms?: readonly KeyAlgorithm[];
  /** Makes a key that cannot be exported. `publicJwk` holds `kty`, `crv`, `x` and, for a curve with two, `y`. */
  generate(
    input: { readonly purpose: KeyPurpose; readonly algorithm: KeyAlgorithm },
    signal: AbortSignal,
  ): Promise<{ readonly handle: string; readonly publicJwk: Readonly<Record<string, string>> }>;
  /** The JWS signature of `input` (RFC 7515 section 5.1): for ES256 r and s of 32 bytes each, not DER. */
  sign(input: Uint8Array, key: RemoteKey, signal: AbortSignal): Promise<Uint8Array>;
  /** Ends a key that will never sign again. Left out where keys are ended by other means. */
  destroy?(key: RemoteKey, signal: AbortSignal): Promise<void>;
  /** Whether the custody answers and lets this process use its keys. */
  check(signal: AbortSignal): Promise<void>;
  /** Gives back leases and connections. */
  close?(): Promise<void>;
}

/** Where private keys are. */
export type KeyCustody = WrappingCustody | RemoteCustody;
