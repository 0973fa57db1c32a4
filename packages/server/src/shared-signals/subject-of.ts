import type { SignalSubject } from "./options.js";

/**
 * Whom a subject identifier names (RFC 9493): `iss_sub`, `opaque`, and the user of a `complex` one. Nobody is looked up by an
 * address, a number or anything else that changes hands.
 */
export function subjectOf(subject: Readonly<Record<string, unknown>>, issuer: string): SignalSubject | undefined {
  const { format } = subject;
  if (format === "complex") return isSimple(subject["user"]) ? subjectOf(subject["user"], issuer) : undefined;
  if (format === "opaque") return named(issuer, subject["id"]);
  return format === "iss_sub" ? named(subject["iss"], subject["sub"]) : undefined;
}

function isSimple(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && "format" in value && value.format !== "complex";
}

function named(iss: unknown, sub: unknown): SignalSubject | undefined {
  if (typeof iss !== "string" || typeof sub !== "string" || iss === "" || sub === "") return undefined;
  return { iss, sub };
}
