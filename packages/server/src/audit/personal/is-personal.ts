import type { SegnoEventType } from "@segno/core";

const families = ["login.", "session.", "token.", "stepup.", "passkey.", "user.", "email."];

/** Whether an event of this type may carry personal data: what a person did, and nothing that a machine or an operator did. */
export function mayBePersonal(type: SegnoEventType): boolean {
  return families.some((family) => type.startsWith(family));
}
