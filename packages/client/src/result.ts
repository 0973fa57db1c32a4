import type { RetryWhen, SegnoErrorCode } from "@segno/core";

/** One input that the service refused. */
export interface FieldError {
  /** Where in the body, for example `email`. */
  readonly path: string;
  readonly message: string;
}

/** Why a call failed. `code` is the contract, `title` is for the end user, `retry` says if and when to try again. */
export interface ClientError {
  readonly code: SegnoErrorCode;
  /** English text for the end user: what happened and what to do next. Holds no personal data. */
  readonly title: string;
  /** HTTP status; 0 when no answer arrived. */
  readonly status: number;
  readonly retry: { readonly when: RetryWhen; readonly afterSeconds?: number };
  /** Quote this to support: it finds the request in logs and traces. */
  readonly requestId?: string;
  /** The same in eight digits that a person can read out: `segno support CODE` finds the request. */
  readonly supportCode?: string;
  readonly fields?: readonly FieldError[];
  /** What a step-up has to reach, from the challenge (RFC 9470). Only with `insufficient_user_authentication`. */
  readonly stepUp?: StepUpRequirement;
}

/** The assurance a server asked for (RFC 9470 section 3). */
export interface StepUpRequirement {
  /** Least assurance, for example `phr` for a passkey. */
  readonly acr?: string;
  /** The user must have proved who they are at most this many seconds ago. */
  readonly maxAgeSeconds?: number;
}

/** The answer of every call: either `data` or `error`. Calls never throw. */
export type Result<T> =
  | { readonly data: T; readonly error: null }
  | { readonly data: null; readonly error: ClientError };

/**
 * A result that succeeded.
 * @example
 * const result: Result<number> = success(1);
 */
export function success<T>(data: T): Result<T> {
  return { data, error: null };
}

/**
 * A result that failed. Fits `Result<T>` for every `T`.
 * @example
 * const result: Result<number> = failure(localError("network"));
 */
export function failure(error: ClientError): { readonly data: null; readonly error: ClientError } {
  return { data: null, error };
}
