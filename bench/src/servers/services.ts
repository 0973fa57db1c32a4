import { generateKeyPairSync, type JsonWebKey } from "node:crypto";

/** The same two confidential clients at every server: one with a secret, one with a key. */
export const secretService = { id: "reports", secret: "bench-service-secret-bench-service-secret" };
export const keyService = { id: "orders-api", kid: "service" };
export const serviceScope = "orders:read";

/** A key pair made anew for each run; the load generator gets the private half to sign assertions with. */
export function serviceKey(): { readonly publicJwk: JsonWebKey; readonly privateJwk: JsonWebKey } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const named = { kid: keyService.kid, alg: "ES256", use: "sig" };
  return {
    publicJwk: { ...publicKey.export({ format: "jwk" }), ...named },
    privateJwk: { ...privateKey.export({ format: "jwk" }), ...named },
  };
}

/** What a client with a secret sends in the header. */
export const serviceAuthorization: string = `Basic ${Buffer.from(`${secretService.id}:${secretService.secret}`).toString("base64")}`;
