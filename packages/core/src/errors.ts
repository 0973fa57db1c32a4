/** When it makes sense to send the same request again. */
export type RetryWhen =
  /** The same request will never succeed. */
  | "never"
  /** The fault is transient: wait (see `afterSeconds`) and send it again. */
  | "after_delay"
  /** Sign in first. */
  | "after_sign_in"
  /** Authenticate again, stronger or more recently, then send it again. */
  | "after_step_up"
  /** The input can be corrected, for example a mistyped code. */
  | "after_correction"
  /** This sign-in attempt is over: start a new one. */
  | "new_attempt";

/** Every stable error code. Codes are append-only: none changes its meaning within a major version. */
export type SegnoErrorCode =
  // requests
  | "invalid_input"
  | "payload_too_large"
  | "unsupported_media_type"
  | "not_found"
  | "method_not_allowed"
  | "origin_not_allowed"
  | "conflict"
  | "rate_limited"
  // who is asking
  | "unauthenticated"
  | "session_expired"
  | "forbidden"
  | "insufficient_scope"
  | "insufficient_user_authentication"
  | "account_unavailable"
  // attempts
  | "attempt_expired"
  | "attempt_unknown"
  | "attempt_consumed"
  | "too_many_tries"
  | "wrong_browser"
  | "wrong_code"
  | "email_taken"
  | "sign_up_closed"
  | "passkey_rejected"
  | "passkey_unknown"
  | "passkey_exists"
  | "last_factor"
  // tokens: every cause looks the same from outside
  | "invalid_token"
  | "token_malformed"
  | "token_algorithm"
  | "token_type"
  | "token_key_unknown"
  | "token_signature"
  | "token_claim"
  | "token_issuer"
  | "token_audience"
  | "token_expired"
  | "token_not_yet_valid"
  | "token_revoked"
  | "invalid_dpop_proof"
  | "use_dpop_nonce"
  // OAuth endpoints (RFC 6749 section 5.2)
  | "invalid_request"
  | "invalid_client"
  | "invalid_grant"
  | "unauthorized_client"
  | "unsupported_grant_type"
  | "unsupported_token_type"
  | "invalid_scope"
  | "invalid_target"
  // the machinery
  | "key_unavailable"
  | "key_set_unavailable"
  | "status_list_unavailable"
  | "store_unavailable"
  | "audit_unavailable"
  | "internal"
  // the browser: these never travel
  | "network"
  | "timeout"
  | "unexpected_response"
  | "passkey_cancelled"
  | "passkey_unsupported";

interface ErrorRow {
  /** HTTP status of the response. */
  readonly status: number;
  /** The code the outside sees, where two causes must look equal. Absent: the code itself. */
  readonly wire?: SegnoErrorCode;
  /** The RFC 6749 / 6750 / 9449 / 9470 error code on OAuth endpoints and in challenges. */
  readonly oauth?: string;
  /** Text for the end user: what happened and what to do next. */
  readonly title: string;
  readonly retry: RetryWhen;
}

const refusedToken: ErrorRow = {
  status: 401,
  wire: "invalid_token",
  oauth: "invalid_token",
  title: "The access token is not valid.",
  retry: "after_sign_in",
};
const attemptOver: ErrorRow = {
  status: 400,
  wire: "attempt_expired",
  title: "This sign-in has expired. Start again.",
  retry: "new_attempt",
};

const table: Readonly<Record<SegnoErrorCode, ErrorRow>> = {
  // requests
  invalid_input: {
    status: 400,
    oauth: "invalid_request",
    title: "Some of the input is not valid.",
    retry: "after_correction",
  },
  payload_too_large: { status: 413, oauth: "invalid_request", title: "The request is too large.", retry: "never" },
  unsupported_media_type: {
    status: 415,
    oauth: "invalid_request",
    title: "The content type is not supported.",
    retry: "never",
  },
  not_found: { status: 404, title: "There is nothing here.", retry: "never" },
  method_not_allowed: { status: 405, title: "This method is not allowed here.", retry: "never" },
  origin_not_allowed: {
    status: 403,
    title: "This request came from a site that is not allowed to make it.",
    retry: "never",
  },
  conflict: {
    status: 409,
    title: "Somebody else changed this first. Reload and try again.",
    retry: "after_correction",
  },
  rate_limited: {
    status: 429,
    oauth: "temporarily_unavailable",
    title: "Too many tries. Wait a moment and try again.",
    retry: "after_delay",
  },
  // who is asking
  unauthenticated: { status: 401, oauth: "invalid_token", title: "Sign in to continue.", retry: "after_sign_in" },
  session_expired: {
    status: 401,
    wire: "unauthenticated",
    oauth: "invalid_token",
    title: "Sign in to continue.",
    retry: "after_sign_in",
  },
  forbidden: { status: 403, title: "You are not allowed to do this.", retry: "never" },
  insufficient_scope: {
    status: 403,
    oauth: "insufficient_scope",
    title: "You are not allowed to do this.",
    retry: "never",
  },
  insufficient_user_authentication: {
    status: 401,
    oauth: "insufficient_user_authentication",
    title: "Confirm that it is you to continue.",
    retry: "after_step_up",
  },
  account_unavailable: { status: 403, title: "This account cannot sign in. Contact support.", retry: "never" },
  // attempts
  attempt_expired: attemptOver,
  attempt_unknown: attemptOver,
  attempt_consumed: attemptOver,
  too_many_tries: attemptOver,
  wrong_browser: {
    status: 403,
    title: "This sign-in was started in another browser. Type the code there, or start again here.",
    retry: "new_attempt",
  },
  wrong_code: { status: 400, title: "That code is not right. Check it and try again.", retry: "after_correction" },
  email_taken: { status: 409, title: "This address cannot be added. Sign in with it instead.", retry: "never" },
  sign_up_closed: { status: 403, title: "New accounts cannot be created here.", retry: "never" },
  passkey_rejected: {
    status: 400,
    title: "This passkey could not be checked. Try again or use email.",
    retry: "new_attempt",
  },
  passkey_unknown: {
    status: 400,
    title: "This passkey is not known here. Use another one or email.",
    retry: "new_attempt",
  },
  passkey_exists: { status: 409, title: "This device already has a passkey for your account.", retry: "never" },
  last_factor: { status: 409, title: "This is your last way to sign in. Add another one first.", retry: "never" },
  // tokens: every cause looks the same from outside
  invalid_token: refusedToken,
  token_malformed: refusedToken,
  token_algorithm: refusedToken,
  token_type: refusedToken,
  token_key_unknown: refusedToken,
  token_signature: refusedToken,
  token_claim: refusedToken,
  token_issuer: refusedToken,
  token_audience: refusedToken,
  token_expired: refusedToken,
  token_not_yet_valid: refusedToken,
  token_revoked: refusedToken,
  invalid_dpop_proof: {
    status: 401,
    oauth: "invalid_dpop_proof",
    title: "The proof of possession is not valid.",
    retry: "never",
  },
  use_dpop_nonce: {
    status: 401,
    oauth: "use_dpop_nonce",
    title: "The proof of possession needs a fresh nonce.",
    retry: "after_correction",
  },
  // OAuth endpoints (RFC 6749 section 5.2)
  invalid_request: { status: 400, oauth: "invalid_request", title: "The request is not valid.", retry: "never" },
  invalid_client: {
    status: 401,
    oauth: "invalid_client",
    title: "The client is not known or not authenticated.",
    retry: "never",
  },
  invalid_grant: {
    status: 400,
    oauth: "invalid_grant",
    title: "The grant is not valid any more.",
    retry: "after_sign_in",
  },
  unauthorized_client: {
    status: 400,
    oauth: "unauthorized_client",
    title: "The client may not use this grant.",
    retry: "never",
  },
  unsupported_grant_type: {
    status: 400,
    oauth: "unsupported_grant_type",
    title: "The grant type is not supported.",
    retry: "never",
  },
  unsupported_token_type: {
    status: 400,
    oauth: "unsupported_token_type",
    title: "Tokens of this kind cannot be revoked here.",
    retry: "never",
  },
  invalid_scope: { status: 400, oauth: "invalid_scope", title: "The scope is not allowed.", retry: "never" },
  invalid_target: { status: 400, oauth: "invalid_target", title: "The audience is not allowed.", retry: "never" },
  // the machinery
  key_unavailable: {
    status: 503,
    oauth: "temporarily_unavailable",
    title: "Signing in is not possible right now. Try again soon.",
    retry: "after_delay",
  },
  key_set_unavailable: {
    status: 503,
    oauth: "temporarily_unavailable",
    title: "Tokens cannot be checked right now. Try again soon.",
    retry: "after_delay",
  },
  status_list_unavailable: {
    status: 503,
    oauth: "temporarily_unavailable",
    title: "Tokens cannot be checked right now. Try again soon.",
    retry: "after_delay",
  },
  store_unavailable: {
    status: 503,
    oauth: "temporarily_unavailable",
    title: "The service is busy. Try again soon.",
    retry: "after_delay",
  },
  audit_unavailable: {
    status: 503,
    oauth: "temporarily_unavailable",
    title: "The service is busy. Try again soon.",
    retry: "after_delay",
  },
  internal: {
    status: 500,
    oauth: "server_error",
    title: "Something went wrong on our side. Try again soon.",
    retry: "after_delay",
  },
  // the browser: these never travel
  network: {
    status: 0,
    title: "The service cannot be reached. Check your connection and try again.",
    retry: "after_delay",
  },
  timeout: { status: 0, title: "The service took too long to answer. Try again.", retry: "after_delay" },
  unexpected_response: {
    status: 0,
    title: "The service gave an answer that makes no sense. Try again later.",
    retry: "after_delay",
  },
  passkey_cancelled: {
    status: 0,
    title: "The passkey prompt was closed. Try again or use email.",
    retry: "after_correction",
  },
  passkey_unsupported: { status: 0, title: "This browser cannot use passkeys. Use email instead.", retry: "never" },
};

/** One row of the code table: all a response is built from. */
export interface SegnoErrorInfo {
  readonly code: SegnoErrorCode;
  /** HTTP status; 0 for codes that only exist inside the browser. */
  readonly status: number;
  /** What the outside sees; equal for causes that must look equal. */
  readonly wireCode: SegnoErrorCode;
  readonly oauthCode: string;
  /** Text for the end user. */
  readonly title: string;
  readonly retry: RetryWhen;
}

/** The row of a code. Outside this package: `new SegnoError(code).info`. */
export function errorInfo(code: SegnoErrorCode): SegnoErrorInfo {
  const row: ErrorRow = table[code];
  return {
    code,
    status: row.status,
    wireCode: row.wire ?? code,
    oauthCode: row.oauth ?? "invalid_request",
    title: row.title,
    retry: row.retry,
  };
}

/** All codes in table order, for documentation and exhaustive tests. */
export const errorCodes: readonly SegnoErrorCode[] = /* @__PURE__ */ Object.keys(table) as SegnoErrorCode[];

const brand = /* @__PURE__ */ Symbol.for("segno.error/1");

/** What a `SegnoError` carries besides its code and message. */
export interface SegnoErrorOptions {
  /** For the server's log and audit only; never sent. Must hold no token, code, secret or address. */
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
  readonly cause?: unknown;
  /** Seconds after which a retry makes sense (429, 503). */
  readonly retryAfterSeconds?: number;
}

/**
 * The one error class. `code` is the contract; `message` is for developers and holds no token, secret, code or
 * email; `detail` stays on the server. What a client sees is built from the code table alone.
 */
export class SegnoError extends Error {
  readonly code: SegnoErrorCode;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: SegnoErrorCode, message?: string, options: SegnoErrorOptions = {}) {
    super(message ?? table[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SegnoError";
    this.code = code;
    this.detail = options.detail ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
    Object.defineProperty(this, brand, { value: true });
  }

  /**
   * The row of its code.
   * @example
   * new SegnoError("token_expired").info.wireCode; // "invalid_token"
   */
  get info(): SegnoErrorInfo {
    return errorInfo(this.code);
  }

  /** Whether the same request may succeed later without the caller changing anything. */
  get retryable(): boolean {
    return table[this.code].retry === "after_delay";
  }

  /** Turns anything caught into a SegnoError; what is not ours becomes `internal` with the original as cause. */
  static from(caught: unknown): SegnoError {
    return isSegnoError(caught)
      ? caught
      : new SegnoError("internal", "An unexpected error was thrown.", { cause: caught });
  }
}

/**
 * Narrows by brand, so that it works across two installed copies of this package.
 * @example
 * try {
 *   await segno.ready();
 * } catch (error) {
 *   if (isSegnoError(error, "store_unavailable")) console.warn("try again in", error.retryAfterSeconds);
 * }
 */
export function isSegnoError<Code extends SegnoErrorCode = SegnoErrorCode>(
  value: unknown,
  code?: Code,
): value is SegnoError & { readonly code: Code } {
  if (typeof value !== "object" || value === null || !(brand in value)) return false;
  return code === undefined || ("code" in value && value.code === code);
}
