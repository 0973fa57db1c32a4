import { hash, timingSafeEqual } from "node:crypto";
import { type PeerCertificate, readClientAssertion, SegnoError } from "@segno/core";
import type { ServiceClient, ServiceGrant } from "../config.js";
import type { Engine } from "../engine.js";
import { spendAssertion } from "./spend-assertion.js";
import { findService } from "./find-service.js";
import { hasCertificateOf } from "./match-certificate.js";

/** Client credentials as they came with a request: every way there is, of which exactly one may be used. */
export interface PresentedCredentials {
  /** The `Authorization` header. */
  readonly authorization: string | null;
  readonly clientId: string | undefined;
  readonly clientSecret: string | undefined;
  readonly assertion: string | undefined;
  readonly assertionType: string | undefined;
  readonly certificate: () => PeerCertificate | undefined;
}

/** A client, with its rights if it has proved who it is. */
export type AuthenticatedClient =
  /** First-party and public: its name proves nothing, possession of a token does. */
  | { readonly kind: "public"; readonly id: string }
  | { readonly kind: "service"; readonly id: string; readonly service: ServiceClient };

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/**
 * Says which client sent a request, by the one method registered for it (RFC 6749 section 2.3, RFC 7523 section 2.2, RFC
 * 8705 section 2). Every refusal looks alike, and one that is not known takes as long as one that is.
 *
 * Not checked: what the client may do; see `requireGrant`.
 * @throws SegnoError `invalid_client`; `invalid_request` when credentials came in more than one way; `store_unavailable`,
 * `key_set_unavailable`
 */
export async function authenticateClient(
  engine: Engine,
  presented: PresentedCredentials,
): Promise<AuthenticatedClient> {
  const hasAssertion = presented.assertion !== undefined || presented.assertionType !== undefined;
  const basic = parseBasicCredentials(presented.authorization);
  const ways = [hasAssertion, basic !== undefined, presented.clientSecret !== undefined].filter(Boolean).length;
  if (ways > 1) throw new SegnoError("invalid_request", "Client credentials came in more than one way.");
  if (hasAssertion) return await byAssertion(engine, presented);
  if (basic !== undefined) return await bySecret(engine, basic, presented.clientId);
  // a secret in the body ends up in logs: RFC 6749 section 2.3.1 advises against it, and no client here is registered for it
  if (presented.clientId === undefined || presented.clientSecret !== undefined) throw refused("method");
  if (engine.config.tokens.clients.includes(presented.clientId)) return { kind: "public", id: presented.clientId };
  const service = await findService(engine, presented.clientId);
  if (service === undefined || !hasCertificateOf(engine, service, presented.certificate()))
    throw refused("certificate");
  return authenticated(service);
}

async function byAssertion(engine: Engine, presented: PresentedCredentials): Promise<AuthenticatedClient> {
  const { assertion, clientId } = presented;
  if (assertion === undefined || presented.assertionType !== assertionType) throw refused("assertion_type");
  const id = readClientAssertion(assertion);
  if (clientId !== undefined && clientId !== id) throw refused("client_id");
  const service = await findService(engine, id);
  await spendAssertion(engine, service, { assertion, clientId: id });
  if (service === undefined) throw refused("unknown");
  return authenticated(service);
}

const nobody: Buffer = Buffer.alloc(32);

async function bySecret(
  engine: Engine,
  basic: { readonly id: string; readonly secret: string },
  clientId: string | undefined,
): Promise<AuthenticatedClient> {
  if (clientId !== undefined && clientId !== basic.id) throw refused("client_id");
  const service = await findService(engine, basic.id);
  const credential = service?.credential.method === "client_secret_basic" ? service.credential : undefined;
  const expected = credential === undefined ? nobody : Buffer.from(credential.secretHash, "base64url");
  const isEqual = timingSafeEqual(hash("sha256", basic.secret, "buffer"), expected);
  if (service === undefined || credential === undefined || !isEqual) throw refused("secret");
  return authenticated(service);
}

function authenticated(service: ServiceClient): AuthenticatedClient {
  return { kind: "service", id: service.id, service };
}

/**
 * T-085: a client uses the grants that were listed for it, and no others.
 * @throws SegnoError `unauthorized_client`
 */
export function requireGrant(client: AuthenticatedClient, grant: ServiceGrant): ServiceClient {
  if (client.kind === "public" || !client.service.grants.includes(grant)) throw new SegnoError("unauthorized_client");
  return client.service;
}

/**
 * Id and secret of an `Authorization: Basic` header; undefined for other schemes. Both halves are form-encoded before
 * they are joined (RFC 6749 section 2.3.1).
 * @throws SegnoError `invalid_client`
 */
export function parseBasicCredentials(
  authorization: string | null,
): { readonly id: string; readonly secret: string } | undefined {
  if (authorization === null || !/^basic\b/i.test(authorization)) return undefined;
  const encoded = /^basic +([A-Za-z0-9+/]+=*) *$/i.exec(authorization)?.[1] ?? "";
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  if (colon < 0) throw refused("basic");
  return { id: formDecode(text.slice(0, colon)), secret: formDecode(text.slice(colon + 1)) };
}

function formDecode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw refused("basic");
  }
}

function refused(reason: string): SegnoError {
  return new SegnoError("invalid_client", undefined, { detail: { reason } });
}
