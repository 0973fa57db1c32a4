import { constants, createPublicKey, hash, KeyObject, verify } from "node:crypto";
import type { BackendKey, CryptoBackend } from "./backend.js";
import { ecdsaToDer } from "./ecdsa-der.js";

/** Synchronous node:crypto. The only file that imports it; reached through `#crypto` under the `node` condition. */
export const backend: CryptoBackend = {
  name: "node",
  importPublicKey(jwk, row) {
    const { kty, crv, x, y, n, e } = jwk;
    const given = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined);
    return { row, handle: createPublicKey({ key: Object.fromEntries(given), format: "jwk" }) };
  },
  verifySync(key, signingInput, signature) {
    const { hashName, input, form } = prepare(key, signingInput, signature);
    return verify(hashName, Buffer.from(signingInput, "latin1"), input, form);
  },
  verify(key, signingInput, signature) {
    const { hashName, input, form } = prepare(key, signingInput, signature);
    return new Promise((resolve, reject) => {
      verify(hashName, Buffer.from(signingInput, "latin1"), input, form, (error, ok) => {
        if (error === null) resolve(ok);
        else reject(error);
      });
    });
  },
  sha256Sync: (text) => hash("sha256", text, "base64url"),
  sha256: (text) => Promise.resolve(hash("sha256", text, "base64url")),
};

function prepare(key: BackendKey, _signingInput: string, signature: Uint8Array) {
  const { row, handle } = key;
  if (!(handle instanceof KeyObject)) throw new TypeError("This key was imported by another crypto backend.");
  const form = row.coordinateBytes === undefined ? signature : ecdsaToDer(signature, row.coordinateBytes);
  const input =
    row.nodePadding === "pss" ? { key: handle, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } : handle;
  return { hashName: row.nodeHash, input, form };
}
