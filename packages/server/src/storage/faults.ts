import { SegnoError } from "@segno/core";

/** What drivers put on their errors. */
interface DriverFault {
  readonly code?: unknown;
  /** node:sqlite: SQLite's extended result code. */
  readonly errcode?: unknown;
  readonly message?: unknown;
}
const asFault = (error: unknown): DriverFault => (typeof error === "object" && error !== null ? error : {});

/** True when a statement failed because a row with that unique value exists, in either dialect. */
export function isUniqueViolation(error: unknown): boolean {
  const { code, errcode, message } = asFault(error);
  if (code === "23505") return true;
  if (errcode === 2067 || errcode === 1555) return true;
  return typeof message === "string" && message.includes("UNIQUE constraint failed");
}

/** True when a statement failed because there is no such table (PostgreSQL: undefined_table). */
export function isMissingTable(error: unknown): boolean {
  const { code, message } = asFault(error);
  return code === "42P01" || (typeof message === "string" && message.startsWith("no such table"));
}

/** Serialization failure or deadlock: the same transaction may well pass when run again. */
export function isRetryable(error: unknown): boolean {
  const { code } = asFault(error);
  return code === "40001" || code === "40P01";
}

/** SQLite: another connection holds the lock (SQLITE_BUSY, whatever its extended code). */
export function isLocked(error: unknown): boolean {
  const { errcode, message } = asFault(error);
  if (typeof errcode === "number") return (errcode & 0xff) === 5;
  return typeof message === "string" && message.includes("database is locked");
}

/** Connection and capacity faults of `pg` and the system calls under it. */
const unreachable =
  /^(08...|53...|57P0.|58...|25006|ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/;
/** SQLite: busy, locked, read-only, I/O error, corrupt, full, cannot open, not a database. */
const sqliteDown = new Set([5, 6, 8, 10, 11, 13, 14, 26]);

/** True when the store, not the statement, is at fault. */
export function isStoreDown(error: unknown): boolean {
  const { code, errcode, message } = asFault(error);
  if (isRetryable(error)) return true;
  if (typeof code === "string" && unreachable.test(code)) return true;
  if (typeof errcode === "number") return sqliteDown.has(errcode & 0xff);
  if (typeof message !== "string") return false;
  return /Connection terminated|timeout exceeded when trying to connect|Query read timeout|database is (locked|not open)/.test(
    message,
  );
}

/** True when the store answers and takes nothing new: its disk is full, or it may only be read. */
export function isWriteRefused(error: unknown): boolean {
  const { code, errcode } = asFault(error);
  if (code === "53100" || code === "25006") return true;
  return typeof errcode === "number" && (errcode & 0xff) === 13;
}

/** True when a statement failed because the server did not get to it, rather than by its answer. */
export function isUnanswered(error: unknown): boolean {
  const { code } = asFault(error);
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && !/^(08|53|57P0|58|EPIPE)/.test(code)) return false;
  return isStoreDown(error);
}

/** True when a pool had no connection to give in the time it allows itself: it may be busy, or its server dead. */
export function isPoolTimeout(error: unknown): boolean {
  const { message } = asFault(error);
  return typeof message === "string" && message.includes("timeout exceeded when trying to connect");
}

/** Anything caught, as a SegnoError: faults of the store become `store_unavailable`, the rest `internal`. */
export function toSegnoError(caught: unknown): SegnoError {
  if (!isStoreDown(caught)) return SegnoError.from(caught);
  return new SegnoError("store_unavailable", "The database did not answer.", { cause: caught, retryAfterSeconds: 2 });
}
