import { decodeBase64Url, encodeBase64Url } from "../base64url.js";
import type { BackendKey, CryptoBackend } from "./backend.js";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The platform's CryptoKey, by whatever name its type goes. */
type WebKey = Parameters<typeof crypto.subtle.verify>[1];

/** WebCrypto: browsers, workerd and everything else that is not Node. */
export const backend: CryptoBackend = {
  name: "web",
  async importPublicKey(jwk, row): Promise<BackendKey> {
    const { kty, crv, x, y, n, e } = jwk;
    const given = Object.entries({ kty, crv, x, y, n, e }).filter(([, value]) => value !== undefined);
    const handle = await crypto.subtle.importKey("jwk", Object.fromEntries(given), row.webImport, false, ["verify"]);
    return { row, handle };
  },
  verifySync: undefined,
  verify(key, signingInput, signature) {
    const data = new TextEncoder().encode(signingInput);
    return crypto.subtle.verify(key.row.webVerify, key.handle as WebKey, Uint8Array.from(signature), data);
  },
  decodeText: (base64url) => utf8.decode(decodeBase64Url(base64url)),
  sha256Sync: undefined,
  async sha256(text) {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    return encodeBase64Url(new Uint8Array(digest));
  },
};
