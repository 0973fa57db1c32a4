import type { KeySet, SigningAlgorithm } from "@segno/core";
import type { HttpSinkOptions } from "../events/index.js";
import type { SignalType } from "./signal-types.js";

/** Shared Signals: who is told of what happens to accounts here, and who may tell of theirs. */
export interface SharedSignalsOptions {
  /** Receivers, by stream id: `[a-z][a-z0-9-]{0,35}`, for ever. Default none. */
  readonly streams?: Readonly<Record<string, SignalStreamOptions>>;
  /** Who may send signals to `{basePath}/v1/ssf/events`. Default nobody: then there is no such route. */
  readonly transmitters?: readonly SignalTransmitterOptions[];
}

/** A receiver of signals. */
export interface SignalStreamOptions {
  /** The `aud` of its tokens, as agreed with the receiver. Several only where they are one and the same party. */
  readonly audience: string | readonly string[];
  /** How tokens get there. */
  readonly delivery: PushDelivery | PollDelivery;
  /**
   * What the receiver sends as `Authorization: Bearer` to poll and to ask about its stream: at least 32 random characters.
   * Needed to poll; without it a push stream can be asked nothing.
   */
  readonly token?: string;
  /** What it is told. Default: everything there is. */
  readonly events?: readonly SignalType[];
}

/** Tokens are posted to the receiver (RFC 8935), through the checked way out that webhooks take. */
export interface PushDelivery
  extends Pick<HttpSinkOptions, "url" | "allowAddresses" | "allowHttpOnLocalhost" | "ca" | "timeoutMs"> {
  readonly method: "push";
  /** The whole value of the `Authorization` header, as the receiver gave it. Default: none is sent. */
  readonly authorization?: string;
}

/** The receiver fetches them from `{basePath}/v1/ssf/poll/{stream}` (RFC 8936). */
export interface PollDelivery {
  readonly method: "poll";
  /**
   * How many tokens wait for the receiver at most. Further ones stay in the event log until it has acknowledged some: the
   * consumer `ssf-{stream}` falls behind. Default 10000.
   */
  readonly maxWaiting?: number;
}

/** What a signal does here. */
export type SignalAction =
  /** Every session of the account ends, with its tokens. The person may sign in again. */
  | "revoke-sessions"
  /** The account is suspended, which ends its sessions too. */
  | "suspend"
  /** A suspended account may sign in again, whoever suspended it: only for a transmitter that decides on accounts here. */
  | "resume";

/** Whom a signal is about, as its transmitter calls them. */
export interface SignalSubject {
  /** Of an `iss_sub` subject; of an `opaque` one the transmitter itself. */
  readonly iss: string;
  readonly sub: string;
}

/** Somebody whose signals are acted upon. */
export interface SignalTransmitterOptions {
  /** Its `iss`, exactly. */
  readonly issuer: string;
  /** Where its public keys are: https. */
  readonly jwksUri: string;
  /** What it calls us: the `aud` that its tokens must name. */
  readonly audience: string;
  /** Default `["ES256", "PS256", "RS256", "EdDSA", "Ed25519"]`. Okta and Google sign with RS256. */
  readonly algorithms?: readonly SigningAlgorithm[];
  /** What it must send as `Authorization: Bearer` besides signing, at least 32 random characters. Default: nothing. */
  readonly token?: string;
  /**
   * Whose account here that is, or null. What it throws makes the transmitter try again. Called inside no transaction.
   */
  readonly subjectOf: (subject: SignalSubject) => string | null | Promise<string | null>;
  /** What its signals do. One that is not listed is taken and changes nothing. */
  readonly on: Readonly<Partial<Record<SignalType, SignalAction>>>;
}

/** A stream after its checks. */
export interface SignalStream {
  readonly id: string;
  readonly audience: readonly string[];
  readonly delivery: PushDelivery | Required<PollDelivery>;
  /** SHA-256, base64url. */
  readonly tokenHash: string | undefined;
  readonly events: readonly SignalType[];
}

/** A transmitter after its checks. */
export interface SignalTransmitter extends Pick<SignalTransmitterOptions, "issuer" | "audience" | "subjectOf" | "on"> {
  readonly jwksUri: string;
  readonly algorithms: readonly SigningAlgorithm[];
  readonly tokenHash: string | undefined;
}

/** Options after defaults and checks. */
export interface SharedSignals {
  readonly streams: readonly SignalStream[];
  readonly transmitters: readonly SignalTransmitter[];
}

/** The keys of each transmitter, made once. */
export type KeysOf = (transmitter: SignalTransmitter) => KeySet;
