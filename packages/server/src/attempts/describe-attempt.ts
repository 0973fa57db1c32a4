import type { AttemptPurpose, SignInMethod } from "@segno/core";
import type { AttemptKind, AttemptRow } from "./store.js";

const kinds: Readonly<Record<AttemptKind, { readonly method: SignInMethod; readonly purpose: AttemptPurpose }>> = {
  email_sign_in: { method: "email_code", purpose: "sign_in" },
  email_add: { method: "email_code", purpose: "add" },
  passkey_sign_up: { method: "passkey", purpose: "sign_up" },
  passkey_sign_in: { method: "passkey", purpose: "sign_in" },
  passkey_step_up: { method: "passkey", purpose: "step_up" },
  passkey_add: { method: "passkey", purpose: "add" },
};

/** What events say of an attempt. A mail holds a code and a link: until one of them is used it counts as the code. */
export function describeAttempt(row: Pick<AttemptRow, "kind" | "data" | "session_id">): {
  readonly method: SignInMethod;
  readonly purpose: AttemptPurpose;
  readonly isAutofill?: true;
} {
  const { method, purpose } = kinds[row.kind];
  const isStepUp = row.kind === "email_sign_in" && row.session_id !== null;
  const isAutofill = row.kind === "passkey_sign_in" && row.data.includes('"autofill":"true"');
  return { method, purpose: isStepUp ? "step_up" : purpose, ...(isAutofill ? { isAutofill } : {}) };
}
