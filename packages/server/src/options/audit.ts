import type { AuditOptions, ResolvedConfig, RetentionClass } from "../config.js";

const known: readonly string[] = [
  "origin",
  "retention",
  "strangerDays",
  "maxBacklog",
  "checkpointSeconds",
] satisfies (keyof AuditOptions)[];

/** C2SP tlog-checkpoint wants a line without spaces and plus signs; a URL without its scheme is what it recommends. */
const originPattern = /^[a-z0-9][a-z0-9.-]*(:\d{1,5})?(\/[A-Za-z0-9._~-]+)*$/;

/** The audit log after defaults. Every fault is listed with the option it is about. */
export function readAudit(given: AuditOptions | undefined, issuer: string, faults: string[]): ResolvedConfig["audit"] {
  if (given === undefined) return undefined;
  for (const name of Object.keys(given)) {
    if (!known.includes(name)) faults.push(`audit.${name}: is not an option`);
  }
  const origin = given.origin ?? originOf(issuer);
  if (!originPattern.test(origin) || origin.length > 200)
    faults.push('audit.origin: must be a URL without its scheme, such as "auth.example.com/audit"');
  const whole = (name: "strangerDays" | "maxBacklog" | "checkpointSeconds", fallback: number, most: number): number => {
    const value = given[name] ?? fallback;
    if (!(Number.isInteger(value) && value >= 1 && value <= most))
      faults.push(`audit.${name}: must be a whole number from 1 to ${most}`);
    return value;
  };
  return {
    origin,
    retention: readRetention(given.retention ?? [], faults),
    strangerDays: whole("strangerDays", 30, 3_650),
    maxBacklog: whole("maxBacklog", 100_000, 10_000_000),
    checkpointSeconds: whole("checkpointSeconds", 60, 3_600),
  };
}

/** `SEGNO_AUDIT`: `on` keeps the log as `audit: {}` does. */
export function auditOf(text: string | undefined, faults: string[]): AuditOptions | undefined {
  if (text === undefined || text === "off") return undefined;
  if (text !== "on") faults.push('audit: SEGNO_AUDIT must be "on" or "off"');
  return {};
}

function originOf(issuer: string): string {
  const { host, pathname } = new URL(issuer);
  return `${host}${pathname.replace(/\/+$/, "")}/audit`;
}

function readRetention(given: readonly RetentionClass[], faults: string[]): readonly RetentionClass[] {
  const names = new Set<string>();
  for (const { name, types, days } of given) {
    const at = `audit.retention: the class ${JSON.stringify(name)}`;
    if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) faults.push(`${at} needs a short plain name, such as "sign-in"`);
    if (names.has(name)) faults.push(`${at} is there twice`);
    names.add(name);
    if (types.length === 0) faults.push(`${at} names no type`);
    for (const type of types) {
      if (!/^(\*|[a-z]+(\.[a-z_]+)*(\.\*)?)$/.test(type))
        faults.push(`${at} names ${JSON.stringify(type)}, which is neither a type nor a family such as "token.*"`);
    }
    if (days !== undefined && !(Number.isInteger(days) && days >= 1))
      faults.push(`${at} must be kept a whole number of days`);
  }
  return given;
}
