import { createECDH, type KeyObject } from "node:crypto";

const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/**
 * ECDSA over P-256 of a digest that somebody else made (FIPS 186-5 section 6.4.1), which key services do and node:crypto
 * does not. For doubles only: the arithmetic takes no care of timing.
 * @returns r and s, 32 bytes each
 */
export function signDigest(key: KeyObject, digest: Uint8Array): Buffer {
  const d = numberOf(Buffer.from(key.export({ format: "jwk" }).d ?? "", "base64url"));
  for (;;) {
    const nonce = createECDH("prime256v1");
    const point = nonce.generateKeys();
    const r = numberOf(point.subarray(1, 33)) % order;
    const s = (inverse(numberOf(nonce.getPrivateKey())) * (numberOf(digest) + r * d)) % order;
    if (r !== 0n && s !== 0n) return Buffer.concat([bytesOf(r), bytesOf(s)]);
  }
}

/** The same as DER (RFC 3279 section 2.2.3). */
export function toDer(signature: Uint8Array): Buffer {
  const integer = (bytes: Buffer): Buffer => {
    const start = bytes.findIndex((byte) => byte !== 0);
    const short = bytes.subarray(start);
    const body = (short[0] ?? 0) > 127 ? Buffer.concat([Buffer.from([0]), short]) : short;
    return Buffer.concat([Buffer.from([2, body.length]), body]);
  };
  const raw = Buffer.from(signature);
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

/** Fermat: the order is prime. */
function inverse(value: bigint): bigint {
  let result = 1n;
  let base = value % order;
  for (let exponent = order - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * base) % order;
    base = (base * base) % order;
  }
  return result;
}

function numberOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function bytesOf(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex");
}
