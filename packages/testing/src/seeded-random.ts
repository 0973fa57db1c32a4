import { createHash } from "node:crypto";

/** Random bytes that repeat for a seed: SHA-256 in counter mode. Fits the engine's `random` option. Never for production. */
export interface SeededRandom {
  /** The next bytes of the sequence. */
  bytes(length: number): Uint8Array<ArrayBuffer>;
}

/**
 * A deterministic source of bytes: the same seed gives the same bytes, in the same order, on every machine.
 *
 * @example
 * const random = createSeededRandom("checkout");
 * random.bytes(16); // the same sixteen bytes in every run
 */
export function createSeededRandom(seed: string): SeededRandom {
  let counter = 0;
  let pool = new Uint8Array(0);
  return {
    bytes(length) {
      const out = new Uint8Array(length);
      let filled = 0;
      while (filled < length) {
        if (pool.length === 0) {
          pool = new Uint8Array(createHash("sha256").update(`segno-test:${seed}:${counter}`).digest());
          counter += 1;
        }
        const taken = pool.subarray(0, length - filled);
        out.set(taken, filled);
        filled += taken.length;
        pool = pool.subarray(taken.length);
      }
      return out;
    },
  };
}
