import { randomBytes } from "node:crypto";
import type { Clock } from "@segno/core";
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

type Level = "debug" | "info" | "warn" | "error";

/** One JSON object a line: warnings and errors to stderr, the rest to stdout. `debug` is left out in production. */
export function createConsoleLogger(clock: Clock, options: { readonly isDebug: boolean }): Logger {
  const write = (level: Level, message: string, fields?: LogFields): void => {
    const line = JSON.stringify({ time: new Date(clock.nowMs()).toISOString(), level, message, ...fields });
    if (level === "warn" || level === "error") console.error(line);
    else console.log(line);
  };
  return {
    debug: options.isDebug ? (message, fields) => write("debug", message, fields) : () => {},
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
  };
}

/** Says nothing. */
export const silentLogger: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
