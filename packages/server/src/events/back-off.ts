import type { RandomSource } from "../engine.js";

/** Between half and all of the time given, so that nodes and events do not come back in step. */
export function jittered(random: RandomSource, ms: number): number {
  return Math.ceil(ms * (0.5 + (random.bytes(1)[0] ?? 0) / 512));
}

/** How long to wait after so many failures in a row: from a second up to the longest. */
export function backOffMs(random: RandomSource, failures: number, longestMs: number): number {
  return jittered(random, Math.min(1_000 * 2 ** Math.max(0, failures - 1), longestMs));
}
