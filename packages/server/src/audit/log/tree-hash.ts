import { createHash } from "node:crypto";

/** How long a hash is, in bytes. */
export const hashLength = 32;

const nodePrefix = Uint8Array.of(1);
const leafPrefix = Uint8Array.of(0);

/** Hash of a leaf: SHA-256 over 0x00 and the leaf (RFC 6962 section 2.1, RFC 9162 section 2.1.1). */
export function leafHash(leaf: Uint8Array): Uint8Array {
  return createHash("sha256").update(leafPrefix).update(leaf).digest();
}

/** Hash of an inner node: SHA-256 over 0x01 and both children. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return createHash("sha256").update(nodePrefix).update(left).update(right).digest();
}

/** Root of a tree without leaves: SHA-256 of nothing. */
export const emptyRoot: Uint8Array = createHash("sha256").digest();

/** Whether two hashes are the same. Nothing here is secret. */
export function isSameHash(one: Uint8Array | undefined, other: Uint8Array | undefined): boolean {
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0;
}
