import { createECDH, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import type { RandomSource } from "../engine.js";
import { ecdsaFromDer } from "./ecdsa-from-der.js";

/** Room for one signing input, used within one synchronous call only: a fresh buffer costs a twentieth of a signature. */
const scratch = Buffer.allocUnsafeSlow(8_192);

function bytesOf(input: string): Buffer {
  return input.length > scratch.length
    ? Buffer.from(input, "latin1")
    : scratch.subarray(0, scratch.write(input, "latin1"));
}

/** Everything that depends on the algorithm, in one row. */
export interface SigningAlgorithmRow {
  readonly alg: "ES256" | "EdDSA";
  readonly kty: "EC" | "OKP";
  readonly crv: "P-256" | "Ed25519";
  generate(random: RandomSource): KeyObject;
  /** The JWS signature (RFC 7515 section 5.1) of an ASCII signing input. Synchronous: the hot path. */
  sign(signingInput: string, key: KeyObject): string;
  /** Whether `signature` is the JWS signature of the input by the key's private half. */
  verify(signingInput: Uint8Array, signature: Uint8Array, key: KeyObject): boolean;
}

const es256: SigningAlgorithmRow = {
  alg: "ES256",
  kty: "EC",
  crv: "P-256",
  generate(random) {
    const curve = createECDH("prime256v1");
    for (;;) {
      const d = Buffer.from(random.bytes(32));
      try {
        curve.setPrivateKey(d);
      } catch {
        continue; // zero or not below the order of the curve: one in 2^32
      }
      const point = curve.getPublicKey();
      const jwk = { kty: "EC", crv: "P-256", x: text(point.subarray(1, 33)), y: text(point.subarray(33)), d: text(d) };
      return createPrivateKey({ key: jwk, format: "jwk" });
    }
  },
  sign: (input, key) => ecdsaFromDer(sign("sha256", bytesOf(input), key), 32).toString("base64url"),
  verify: (input, signature, key) =>
    signature.length === 64 && verify("sha256", input, { key, dsaEncoding: "ieee-p1363" }, signature),
};

/** PKCS #8 around a bare Ed25519 seed (RFC 8410 section 7). */
const ed25519Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

const edDsa: SigningAlgorithmRow = {
  alg: "EdDSA",
  kty: "OKP",
  crv: "Ed25519",
  generate: (random) =>
    createPrivateKey({ key: Buffer.concat([ed25519Prefix, random.bytes(32)]), format: "der", type: "pkcs8" }),
  sign: (input, key) => sign(null, bytesOf(input), key).toString("base64url"),
  verify: (input, signature, key) => signature.length === 64 && verify(null, input, key, signature),
};

/** The row of an algorithm; undefined for any other name. */
export function algorithmRow(alg: string): SigningAlgorithmRow | undefined {
  if (alg === "ES256") return es256;
  return alg === "EdDSA" ? edDsa : undefined;
}

/** The public half as a JWK without `kid`. */
export function publicJwkOf(key: KeyObject): Readonly<Record<string, string>> {
  const { kty, crv, x, y } = (key.type === "public" ? key : createPublicKey(key)).export({ format: "jwk" });
  return Object.fromEntries(
    Object.entries({ kty, crv, x, y }).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function text(bytes: Buffer): string {
  return bytes.toString("base64url");
}
