import { isSegnoError, SegnoError } from "@segno/core";

/** The module cannot be used now. */
export function pkcs11Fault(why: string, reason = "failed"): SegnoError {
  return new SegnoError("key_unavailable", `pkcs11: ${why}`, { detail: { custody: "pkcs11", reason } });
}

/** Whatever the module threw, named by its return value only (PKCS #11 v3.1 section 5.1). */
export function faultOf(verb: string, caught: unknown): SegnoError {
  if (isSegnoError(caught, "key_unavailable")) return caught;
  const value = returnValueOf(caught) ?? "an unknown fault";
  return pkcs11Fault(`could not ${verb}: ${value}.`, value);
}

/** `CKR_...`; undefined for anything else. */
export function returnValueOf(caught: unknown): string | undefined {
  const text = caught instanceof Error ? caught.message : "";
  return /\bCKR_[A-Z0-9_]{2,60}\b/.exec(text)?.[0];
}
