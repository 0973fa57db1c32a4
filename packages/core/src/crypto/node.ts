import { constants, createPublicKey, hash, KeyObject, verify } from "node:crypto";
import { decodeBase64Url } from "../base64url.js";
import type { BackendKey, CryptoBackend } from "./backend.js";
import { writeEcdsaDer } from "./ecdsa-der.js";

/** Room for the longest token part and the longest signature in DER; used only within one synchronous call. */
const scratch = Buffer.allocUnsafeSlow(8192);
const derScratch = Buffer.allocUnsafeSlow(128);
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Synchronous node:crypto. The only file that imports it; reached through `#crypto` under the `node` condition. */
export const backend: CryptoBackend = {
  name: "node",
  importPublicKey(jwk, row) {
    const { kty, crv, x, y, n, e } = jwk;
    const given = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined);
    return { row, handle: createPublicKey({ key: Object.fromEntries(given), format: "jwk" }) };
  },
  verifySync(key, signingInput, signature) {
    const data =
      signingInput.length > scratch.length
        ? Buffer.from(signingInput, "latin1")
        : scratch.subarray(0, scratch.write(signingInput, "latin1"));
    return verify(key.row.nodeHash, data, keyInput(key), signatureInput(key, signature, derScratch));
  },
  verify(key, signingInput, signature) {
    const data = Buffer.from(signingInput, "latin1");
    const form = signatureInput(key, signature, Buffer.allocUnsafe(128));
    return new Promise((resolve, reject) => {
      verify(key.row.nodeHash, data, keyInput(key), form, (error, isGood) => {
        if (error === null) resolve(isGood);
        else reject(error);
      });
    });
  },
  decodeText(base64url) {
    if (base64url.length > scratch.length) return utf8.decode(decodeBase64Url(base64url));
    const length = scratch.write(base64url, "base64url");
    // Node decodes leniently: only the canonical spelling comes back as it went in
    if (scratch.toString("base64url", 0, length) !== base64url) throw new TypeError("Not canonical base64url.");
    const text = scratch.toString("utf8", 0, length);
    return text.includes("\ufffd") ? utf8.decode(scratch.subarray(0, length)) : text;
  },
  sha256Sync: (text) => hash("sha256", text, "base64url"),
  sha256: (text) => Promise.resolve(hash("sha256", text, "base64url")),
};

/** The KeyObject itself where possible: the `{ key }` form costs 8 microseconds more. */
function keyInput({ row, handle }: BackendKey) {
  if (!(handle instanceof KeyObject)) throw new TypeError("This key was imported by another crypto backend.");
  if (row.nodePadding === undefined) return handle;
  return { key: handle, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
}

function signatureInput({ row }: BackendKey, signature: Uint8Array, der: Buffer): Uint8Array {
  if (row.coordinateBytes === undefined) return signature;
  return der.subarray(0, writeEcdsaDer(signature, row.coordinateBytes, der));
}
