import { createHash } from "node:crypto";

const digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const minuteMs = 60_000;
/** Three digits name the minute: they come round after 32 768 minutes, which is 22 days. */
const minutes = 2 ** 15;
/** Five digits name the request within it. */
const names = 2 ** 25;

/** A code as people say it, taken apart. */
export interface SupportCode {
  /** Of the minutes since 1970, the lowest 15 bits. */
  readonly minute: number;
  /** 25 bits of the request's name. */
  readonly name: number;
}

/**
 * What a person reads to support instead of a request id: eight digits without I, L, O and U (Crockford's base 32). The
 * first three say in which minute, so that a search looks at one minute of events and not at all of them; the other five
 * are of the hash of the request id. Nothing is stored for it, and the request id cannot be had from it.
 */
export function supportCode(requestId: string, atMs: number): string {
  return written({ minute: minuteOf(atMs), name: nameOf(requestId) });
}

/** Reads what a person typed: any case, with or without a dash or blanks, `O` for `0`, `I` and `L` for `1`. */
export function parseSupportCode(text: string): SupportCode | undefined {
  const plain = text.toUpperCase().replace(/[\s-]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
  if (!/^[0-9A-HJKMNP-TV-Z]{8}$/.test(plain)) return undefined;
  return { minute: valueOf(plain.slice(0, 3)), name: valueOf(plain.slice(3)) };
}

/** Whether the code is of this request id, or was made by a browser of the trace id it sent when it had no answer. */
export function isNamedBy(code: SupportCode, id: { readonly requestId?: string; readonly traceId?: string }): boolean {
  if (id.requestId !== undefined && nameOf(id.requestId) === code.name) return true;
  return id.traceId !== undefined && Number.parseInt(id.traceId.slice(-7), 16) % names === code.name;
}

/** The times at which a code may have been made, the latest first, as far back as `sinceMs`. */
export function minutesOf(code: SupportCode, nowMs: number, sinceMs: number): readonly number[] {
  const nowMinute = Math.floor(nowMs / minuteMs);
  // a minute ahead: the clock of whoever made it
  let minute = nowMinute + 1 - ((((nowMinute + 1 - code.minute) % minutes) + minutes) % minutes);
  const found: number[] = [];
  for (; (minute + 1) * minuteMs > sinceMs; minute -= minutes) found.push(minute * minuteMs);
  return found;
}

function minuteOf(atMs: number): number {
  return Math.floor(atMs / minuteMs) % minutes;
}

function nameOf(requestId: string): number {
  return createHash("sha256").update(`segno support code ${requestId}`).digest().readUInt32BE(0) % names;
}

function written({ minute, name }: SupportCode): string {
  const text = inDigits(minute, 3) + inDigits(name, 5);
  return `${text.slice(0, 4)}-${text.slice(4)}`;
}

function inDigits(value: number, length: number): string {
  return Array.from({ length }, (_, index) => digits[Math.floor(value / 32 ** (length - 1 - index)) % 32]).join("");
}

function valueOf(text: string): number {
  return [...text].reduce((sum, digit) => sum * 32 + digits.indexOf(digit), 0);
}
