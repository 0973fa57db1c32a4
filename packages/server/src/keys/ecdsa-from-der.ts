/**
 * Turns a DER signature into the r||s of JWS (RFC 7518 section 3.4). Asking node:crypto for `ieee-p1363` costs more.
 * @param width bytes of r and of s; below 62, so that DER lengths take one byte
 */
export function ecdsaFromDer(der: Buffer, width: number): Buffer {
  const raw = Buffer.alloc(width * 2);
  const rLength = der[3] ?? 0;
  const sAt = 6 + rLength;
  place(der, { from: 4, length: rLength, end: width, width }, raw);
  place(der, { from: sAt, length: der[sAt - 1] ?? 0, end: width * 2, width }, raw);
  return raw;
}

/** Right-aligns an integer, without its sign byte. */
function place(
  der: Buffer,
  part: { readonly from: number; readonly length: number; readonly end: number; readonly width: number },
  raw: Buffer,
): void {
  const length = Math.min(part.length, part.width);
  der.copy(raw, part.end - length, part.from + part.length - length, part.from + part.length);
}
