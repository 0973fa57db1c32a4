import { UsageError } from "./failure.js";

const isoTime = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * RFC 3339 with its offset: a time without one means another moment on another machine.
 * @returns milliseconds since the epoch
 */
export function readSince(given: string | boolean | undefined): number {
  const fix = "Give a time with its offset: --since 2026-11-21T03:00:00Z";
  if (typeof given !== "string") throw new UsageError("--since is missing.", fix);
  const ms = isoTime.test(given) ? Date.parse(given) : Number.NaN;
  if (Number.isNaN(ms)) throw new UsageError(`--since "${given}" is no time with an offset.`, fix);
  return ms;
}
