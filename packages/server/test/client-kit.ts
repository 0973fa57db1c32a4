// Confidential clients for tests: their keys, their assertions, and a node that knows them.
import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { encodeBase64Url, type PublicJwk } from "@segno/core";
import type { ServiceOptions } from "../src/config.js";
import { formRequest, type Node, origin } from "./engine-kit.js";

interface NamedJwk extends PublicJwk {
  readonly kid: string;
}
export interface ClientKey {
  readonly privateKey: KeyObject;
  readonly jwk: NamedJwk;
}

export function clientKey(kid: string): ClientKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { privateKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: "ES256" } };
}

export const ordersKey: ClientKey = clientKey("orders-1");
export const billingKey: ClientKey = clientKey("billing-1");
export const ordersSecret = "orders-secret-0123456789-abcdefghijklmnop";
export const ordersAudience = "https://orders.example.com";
export const billingAudience = "https://billing.example.com";
export const ledgerAudience = "https://ledger.example.com";

/** Two services that prove a key, and one with a secret. */
export const services = {
  "orders-api": {
    authentication: { method: "private_key_jwt", jwks: { keys: [ordersKey.jwk] } },
    grants: ["client_credentials", "token_exchange"],
    scopes: ["orders:read", "billing:read"],
    audiences: [billingAudience, ledgerAudience],
    mayActFor: { audiences: [ordersAudience] },
  },
  "billing-api": {
    authentication: { method: "private_key_jwt", jwks: { keys: [billingKey.jwk] } },
    grants: ["token_exchange"],
    scopes: ["billing:read"],
    audiences: [ledgerAudience],
    mayActFor: { audiences: [billingAudience], clients: ["orders-api"] },
  },
  reports: {
    authentication: { method: "client_secret_basic", secret: ordersSecret },
    scopes: ["orders:read"],
    audiences: [ordersAudience],
    accessTokenSeconds: 120,
    expiresAt: "2100-01-01T00:00:00Z",
  },
} satisfies Readonly<Record<string, ServiceOptions>>;

export const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
export const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";
export const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";

let assertions = 0;

/** A fresh assertion at the node's time. */
export function assertionOf(
  node: Node,
  clientId: string,
  key: ClientKey,
  claims: Readonly<Record<string, unknown>> = {},
): string {
  assertions += 1;
  const iat = Math.floor(node.clock.nowMs() / 1000);
  const header = { alg: "ES256", kid: key.jwk.kid };
  const payload = { iss: clientId, sub: clientId, aud: origin, jti: `a-${assertions}`, iat, exp: iat + 60, ...claims };
  const text = (part: object) => encodeBase64Url(new TextEncoder().encode(JSON.stringify(part)));
  const input = `${text(header)}.${text(payload)}`;
  const signature = sign("sha256", Buffer.from(input), { key: key.privateKey, dsaEncoding: "ieee-p1363" });
  return `${input}.${encodeBase64Url(signature)}`;
}

export const asserted = (node: Node, clientId: string, key: ClientKey): Readonly<Record<string, string>> => ({
  client_assertion_type: assertionType,
  client_assertion: assertionOf(node, clientId, key),
});

export const basic = (id: string, secret: string): Readonly<Record<string, string>> => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString("base64")}`,
});

export interface Answer {
  readonly status: number;
  readonly body: Record<string, string> & { readonly [name: string]: unknown };
}

/** A form to an OAuth endpoint of the node. */
export async function postForm(
  node: Node,
  path: "token" | "introspect" | "revoke",
  form: string | Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await node.handler(formRequest(`/api/auth/oauth2/${path}`, form, headers));
  const text = await response.text();
  return { status: response.status, body: text === "" ? {} : JSON.parse(text) };
}

/** What a token says, unverified. */
export function payloadOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as Record<string, unknown>;
}
