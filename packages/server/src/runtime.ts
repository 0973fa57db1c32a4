import { randomBytes } from "node:crypto";
import { type Clock, systemClock } from "@segno/core";
import type { LogFields, Logger, RandomSource } from "./engine.js";

const poolBytes = 4_096;
let pool: Uint8Array = new Uint8Array(0);
let used = 0;

/** The operating system's generator. Small wishes are met from a pool, each byte once and then wiped. */
export const systemRandom: RandomSource = {
  bytes(length) {
    if (length > 64) return randomBytes(length);
    if (used + length > pool.length) {
      pool = crypto.getRandomValues(new Uint8Array(poolBytes));
      used = 0;
    }
    const bytes = pool.slice(used, used + length);
    pool.fill(0, used, used + length);
    used += length;
    return bytes;
  },
};

const maxSequence = 0xfff;
const hexOf: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/**
 * UUIDv7 (RFC 9562 section 5.7) from a clock and a random source. Within one millisecond the 12 bits after the time
 * count upwards, so that ids of one process sort in the order they were made.
 */
export function createIdSource(clock: Clock, random: RandomSource): () => string {
  let lastMs = 0;
  let sequence = 0;
  let writtenMs = -1;
  let writtenTime = "";
  return () => {
    const bytes = random.bytes(10);
    const nowMs = Math.floor(clock.nowMs());
    if (nowMs > lastMs) {
      lastMs = nowMs;
      sequence = (((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)) & 0x3ff;
    } else {
      sequence += 1;
    }
    if (sequence > maxSequence) {
      lastMs += 1;
      sequence = 0;
    }
    let tail = hexOf[((bytes[2] ?? 0) & 0x3f) | 0x80] ?? "";
    for (let index = 3; index < 10; index += 1) {
      tail += `${index === 4 ? "-" : ""}${hexOf[bytes[index] ?? 0]}`;
    }
    if (lastMs !== writtenMs) {
      const time = lastMs.toString(16).padStart(12, "0");
      writtenTime = `${time.slice(0, 8)}-${time.slice(8)}`;
      writtenMs = lastMs;
    }
    return `${writtenTime}-7${(sequence | 0x1000).toString(16).slice(1)}-${tail}`;
  };
}

/** How much a line matters. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What `jsonLogger` takes besides where to write. */
export interface JsonLoggerOptions {
  /** What matters less is left out. Default `info`. */
  readonly level?: LogLevel;
  /** Where time comes from. Default: this machine. */
  readonly clock?: Clock;
}

const levels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/**
 * One JSON object a line, with the same five keys first in every line: `time` (RFC 3339 UTC), `level`, `code` (of an error, else
 * null), `message`, `requestId` (null outside a request). What else is known follows under names of its own.
 * @param write gets each line without its line break. What it throws is dropped: no request fails for its log
 * @example
 * ```ts
 * import { createSegno, jsonLogger } from "@segno/server";
 *
 * const logger = jsonLogger((line) => process.stdout.write(`${line}\n`), { level: "warn" });
 * export const segno = createSegno({ baseUrl: "http://localhost:3000", logger });
 * ```
 */
export function jsonLogger(write: (line: string, level: LogLevel) => void, options: JsonLoggerOptions = {}): Logger {
  const { level: least = "info", clock = systemClock } = options;
  const at = (level: LogLevel): Logger[LogLevel] => {
    if (levels.indexOf(level) < levels.indexOf(least)) return () => {};
    return (message, fields = {}) => {
      try {
        write(jsonLine(new Date(clock.nowMs()).toISOString(), level, message, fields), level);
      } catch {
        // a full disk or a closed pipe is the log's own affair
      }
    };
  };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

function jsonLine(time: string, level: LogLevel, message: string, fields: LogFields): string {
  const { code = null, requestId = null } = fields;
  // fixed keys last as well, so that no field replaces one; a key keeps its first place
  const line = { time, level, code, message, requestId, ...fields };
  return JSON.stringify({ ...line, time, level, code, message, requestId });
}

/** Warnings and errors to stderr, the rest to stdout. */
export function createConsoleLogger(clock: Clock): Logger {
  return jsonLogger(
    (line, level) => (level === "warn" || level === "error" ? console.error(line) : console.log(line)),
    { clock },
  );
}

/** Says nothing. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
