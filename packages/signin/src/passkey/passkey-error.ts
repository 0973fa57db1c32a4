import type { ClientError } from "@segno/client";
import type { RetryWhen, SegnoErrorCode } from "@segno/core";

type PasskeyCode = Extract<
  SegnoErrorCode,
  "passkey_cancelled" | "passkey_unsupported" | "passkey_exists" | "passkey_rejected" | "timeout" | "internal"
>;

const rows: Readonly<Record<PasskeyCode, readonly [title: string, when: RetryWhen]>> = {
  passkey_cancelled: ["The passkey prompt was closed. Try again or use email.", "after_correction"],
  passkey_unsupported: ["This browser cannot use passkeys. Use email instead.", "never"],
  passkey_exists: ["This device already has a passkey for your account.", "never"],
  passkey_rejected: ["This passkey could not be checked. Try again or use email.", "new_attempt"],
  timeout: ["The service took too long to answer. Try again.", "after_delay"],
  internal: ["Something went wrong on our side. Try again soon.", "after_delay"],
};

/**
 * The code of an exception that `navigator.credentials` threw. Browsers put many causes under one name on purpose, so
 * that a page cannot learn which passkeys exist: `NotAllowedError` is "closed, timed out, or none here".
 * Steps: WebAuthn Level 3 sections 5.1.3 (create) and 5.1.4 (get).
 * @example
 * try {
 *   await navigator.credentials.get({ publicKey: { challenge: new Uint8Array(32) } });
 * } catch (caught) {
 *   const { code, title } = passkeyErrorOf(caught); // for example passkey_cancelled
 * }
 */
export function passkeyErrorOf(caught: unknown): ClientError {
  const code = codeOf(nameOf(caught));
  const [title, when] = rows[code];
  return { code, title, status: 0, retry: { when } };
}

function nameOf(caught: unknown): string {
  const cause = caught instanceof Error && caught.cause instanceof Error ? caught.cause : caught;
  return cause instanceof Error || cause instanceof DOMException ? cause.name : "";
}

function codeOf(name: string): PasskeyCode {
  switch (name) {
    case "NotAllowedError":
    case "AbortError":
      return "passkey_cancelled";
    // The authenticator already holds a passkey of this account (excludeCredentials).
    case "InvalidStateError":
      return "passkey_exists";
    // No algorithm, no user verification, no discoverable credentials, or no WebAuthn at all.
    case "NotSupportedError":
    case "ConstraintError":
    case "ReferenceError":
      return "passkey_unsupported";
    case "TimeoutError":
      return "timeout";
    // The relying party id does not fit this origin, or the authenticator failed.
    default:
      return "passkey_rejected";
  }
}

/** The error for a browser without passkeys. */
export function passkeyUnsupported(): ClientError {
  return passkeyErrorOf(new DOMException("", "NotSupportedError"));
}
