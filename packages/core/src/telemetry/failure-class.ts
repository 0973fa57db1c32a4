import type { SegnoErrorCode } from "../errors.js";

/**
 * Why something failed, in few words that dashboards can hold against each other. The list is closed: a new cause gets one
 * of these, and only a new major version adds to them.
 */
export type FailureClass =
  /** The person closed the prompt or said no. */
  | "user_cancelled"
  /** Nobody came back: no answer within the time of the attempt. */
  | "abandoned"
  /** The link, code or challenge was too old, used before or replaced. */
  | "expired_link"
  /** The typed code was not the mailed one. */
  | "wrong_code"
  /** Finished in another browser than the one that began. */
  | "other_browser"
  /** A passkey or client that nobody here knows. */
  | "unknown_credential"
  /** A known or new credential, or a token, that did not prove what it must. */
  | "rejected_credential"
  /** Nobody is signed in, or no longer. */
  | "not_signed_in"
  /** Known and proved, and not allowed: a rule of the configuration, of the account's state or of an assurance. */
  | "policy_denied"
  /** It would contradict what is already there. */
  | "conflict"
  /** Too many tries from one place or for one account. */
  | "rate_limited"
  /** The request could not be understood. */
  | "invalid_request"
  /** The browser or the service does not have this way. */
  | "not_supported"
  /** No answer arrived. */
  | "network"
  /** An answer would have come too late. */
  | "timeout"
  /** Our own code in the browser met what it does not know. */
  | "sdk_exception"
  /** A key or its vault did not answer. */
  | "key_unavailable"
  /** A fault of the service or its store. */
  | "server"
  /** What looks like somebody else at work. */
  | "suspicious"
  /** None of these: a code from a newer version. */
  | "unknown";

/** Exactly one class for every code; a code without one does not compile. */
const classes: Readonly<Record<SegnoErrorCode, FailureClass>> = {
  invalid_input: "invalid_request",
  payload_too_large: "invalid_request",
  unsupported_media_type: "invalid_request",
  not_found: "invalid_request",
  method_not_allowed: "invalid_request",
  origin_not_allowed: "policy_denied",
  conflict: "conflict",
  rate_limited: "rate_limited",
  unauthenticated: "not_signed_in",
  session_expired: "not_signed_in",
  forbidden: "policy_denied",
  insufficient_scope: "policy_denied",
  insufficient_user_authentication: "policy_denied",
  account_unavailable: "policy_denied",
  attempt_expired: "expired_link",
  attempt_unknown: "expired_link",
  attempt_consumed: "expired_link",
  too_many_tries: "rate_limited",
  wrong_browser: "other_browser",
  wrong_code: "wrong_code",
  email_taken: "conflict",
  sign_up_closed: "policy_denied",
  passkey_rejected: "rejected_credential",
  passkey_unknown: "unknown_credential",
  passkey_exists: "conflict",
  last_factor: "policy_denied",
  invalid_token: "rejected_credential",
  token_malformed: "rejected_credential",
  token_algorithm: "rejected_credential",
  token_type: "rejected_credential",
  token_key_unknown: "rejected_credential",
  token_signature: "rejected_credential",
  token_claim: "rejected_credential",
  token_issuer: "rejected_credential",
  token_audience: "rejected_credential",
  token_expired: "rejected_credential",
  token_not_yet_valid: "rejected_credential",
  token_revoked: "rejected_credential",
  invalid_dpop_proof: "rejected_credential",
  use_dpop_nonce: "rejected_credential",
  invalid_request: "invalid_request",
  invalid_client: "unknown_credential",
  invalid_grant: "rejected_credential",
  unauthorized_client: "policy_denied",
  unsupported_grant_type: "not_supported",
  unsupported_token_type: "not_supported",
  invalid_scope: "policy_denied",
  invalid_target: "policy_denied",
  key_unavailable: "key_unavailable",
  key_set_unavailable: "server",
  status_list_unavailable: "server",
  store_unavailable: "server",
  audit_unavailable: "server",
  internal: "server",
  network: "network",
  timeout: "timeout",
  unexpected_response: "sdk_exception",
  passkey_cancelled: "user_cancelled",
  passkey_unsupported: "not_supported",
};

/**
 * The class of an error code. Total: what is no code of this version is `unknown`.
 * @example
 * failureClassOf("wrong_browser"); // "other_browser"
 */
export function failureClassOf(code: string): FailureClass {
  return Object.hasOwn(classes, code) ? classes[code as SegnoErrorCode] : "unknown";
}
