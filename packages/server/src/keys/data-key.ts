import { createHash, createSecretKey, type KeyObject } from "node:crypto";
import { SegnoError } from "@segno/core";
import type { RandomSource } from "../engine.js";

/** AES-256-GCM (RFC 7518 section 5.3). */
export const dataAlgorithm = "A256GCM";

/** A data key opened in memory. It seals and opens; it signs nothing. */
export interface OpenedDataKey {
  readonly mode: "data";
  readonly kid: string;
  readonly secret: KeyObject;
}

/** @returns 256 random bits, and the name they are known by: a digest, which says nothing of them */
export function makeDataKey(random: RandomSource): { readonly plain: Uint8Array; readonly kid: string } {
  const plain = Uint8Array.from(random.bytes(32));
  return { plain, kid: kidOf(plain) };
}

/**
 * Takes what a custody unwrapped; the bytes are erased.
 * @throws SegnoError `key_unavailable` when it is not the key of this name
 */
export function openDataKey(plain: Uint8Array, kid: string): OpenedDataKey {
  try {
    if (plain.length !== 32 || kidOf(plain) !== kid)
      throw new SegnoError("key_unavailable", "A stored data key is not the one it is named after.", {
        detail: { kid },
      });
    return { mode: "data", kid, secret: createSecretKey(plain) };
  } finally {
    plain.fill(0);
  }
}

function kidOf(plain: Uint8Array): string {
  return createHash("sha256").update("segno/data-key/1\n").update(plain).digest("base64url");
}
