/** The longest leaf: entry bundles carry lengths of two bytes (C2SP tlog-tiles, "Log entries"). */
export const maxLeafBytes = 65_535;

/**
 * Leaves as an entry bundle: each behind its length, two bytes, big-endian.
 * @throws RangeError when a leaf is longer than 65,535 bytes
 */
export function encodeEntries(leaves: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const leaf of leaves) {
    if (leaf.length > maxLeafBytes) throw new RangeError(`A leaf is at most ${maxLeafBytes} bytes long.`);
    parts.push(Uint8Array.of(leaf.length >> 8, leaf.length & 0xff), leaf);
  }
  return Buffer.concat(parts);
}

/** The leaves of a bundle; undefined when it ends in the middle of one. */
export function decodeEntries(bundle: Uint8Array): readonly Uint8Array[] | undefined {
  const leaves: Uint8Array[] = [];
  for (let at = 0; at < bundle.length; ) {
    const length = ((bundle[at] ?? 0) << 8) | (bundle[at + 1] ?? 0);
    const end = at + 2 + length;
    if (end > bundle.length) return undefined;
    leaves.push(bundle.subarray(at + 2, end));
    at = end;
  }
  return leaves;
}
