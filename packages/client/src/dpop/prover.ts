import type { ProofInput } from "../ports.js";
import type { ProofKeyStore } from "./key-store.js";

/** Makes proofs of possession (RFC 9449 section 4.2) and remembers the nonce each origin asked for (section 8). */
export interface Prover {
  prove(input: ProofInput): Promise<string>;
  /** Keeps the nonce of an answer. True when the answer refused a proof for want of it: send once more. */
  learn(url: string, response: Response): boolean;
}

/** @param nowSeconds seconds since the epoch, for `iat` */
export function createProver(keys: ProofKeyStore, nowSeconds: () => number): Prover {
  const nonces = new Map<string, string>();
  let publicJwk: Promise<object> | undefined;
  return {
    async prove({ method, url, accessToken }) {
      const pair = await keys.load();
      publicJwk ??= exportPublic(pair.publicKey);
      const target = new URL(url);
      const nonce = nonces.get(target.origin);
      return sign(
        pair.privateKey,
        { typ: "dpop+jwt", alg: "ES256", jwk: await publicJwk },
        {
          jti: crypto.randomUUID(),
          htm: method.toUpperCase(),
          htu: target.origin + target.pathname,
          iat: nowSeconds(),
          ...(nonce === undefined ? {} : { nonce }),
          ...(accessToken === undefined ? {} : { ath: await sha256(accessToken) }),
        },
      );
    },
    learn(url, response) {
      const nonce = response.headers.get("dpop-nonce");
      if (nonce === null) return false;
      const { origin } = new URL(url);
      const isNew = nonces.get(origin) !== nonce;
      nonces.set(origin, nonce);
      // A resource server says use_dpop_nonce in the challenge; the token endpoint answers 400 with it in the body.
      const asked = response.headers.get("www-authenticate")?.includes("use_dpop_nonce") ?? false;
      return isNew && (asked || response.status === 400);
    },
  };
}

async function exportPublic(key: CryptoKey): Promise<object> {
  const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", key);
  return { kty, crv, x, y };
}

async function sign(key: CryptoKey, header: object, claims: object): Promise<string> {
  const encoder = new TextEncoder();
  const input = [header, claims].map((part) => base64Url(encoder.encode(JSON.stringify(part)))).join(".");
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key, encoder.encode(input));
  return `${input}.${base64Url(new Uint8Array(signature))}`;
}

async function sha256(value: string): Promise<string> {
  return base64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(value))));
}

function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=/g, "");
}
