import { hash } from "node:crypto";
import { createLocalKeySet, createRemoteKeySet } from "@segno/core";
import { areAssertionAlgorithms, assertionAlgorithms } from "../clients/index.js";
import type {
  ClientAuthentication,
  DelegationOptions,
  ServiceClient,
  ServiceCredential,
  ServiceOptions,
} from "../config.js";

/** What the options of clients are held against. */
interface Surroundings {
  readonly issuer: string;
  readonly publicClients: readonly string[];
  readonly introspectionClients: readonly string[];
  readonly accessTokenSeconds: number;
}

const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{1,127}$/;
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const scopePattern = /^[\x21\x23-\x5b\x5d-\x7e]+$/;
const known: readonly string[] = [
  "authentication",
  "grants",
  "scopes",
  "audiences",
  "accessTokenSeconds",
  "expiresAt",
  "certificateBound",
  "mayActFor",
] satisfies (keyof ServiceOptions)[];

/** Confidential clients after defaults. Every fault is listed with the client it is about; no secret is quoted. */
export function readServices(
  given: Readonly<Record<string, ServiceOptions>>,
  around: Surroundings,
  faults: string[],
): ReadonlyMap<string, ServiceClient> {
  const services = new Map<string, ServiceClient>();
  for (const [id, options] of Object.entries(given)) {
    const fault = (text: string) => void faults.push(`services[${JSON.stringify(id)}]${text}`);
    if (options.authentication === undefined || options.audiences === undefined) {
      fault(": needs authentication and audiences");
      continue;
    }
    for (const name of Object.keys(options)) if (!known.includes(name)) fault(`.${name}: there is no such option`);
    checkId(id, around, fault);
    const { grants = ["client_credentials"], scopes = [], audiences, expiresAt } = options;
    const isWithCertificate = options.authentication.method.endsWith("tls_client_auth");
    const service: ServiceClient = {
      id,
      credential: credentialOf(options.authentication),
      grants,
      scopes,
      audiences,
      accessTokenSeconds: options.accessTokenSeconds ?? around.accessTokenSeconds,
      expiresAtMs: expiresAt === undefined ? undefined : Date.parse(expiresAt),
      certificateBound: options.certificateBound ?? isWithCertificate,
      mayActFor: options.mayActFor === undefined ? undefined : delegation(options.mayActFor, around),
    };
    checkAuthentication(options.authentication, fault);
    checkRights(service, around, fault);
    services.set(id, service);
  }
  return services;
}

/** From here on nobody needs the secret itself. */
function credentialOf(authentication: ClientAuthentication): ServiceCredential {
  if (authentication.method !== "client_secret_basic") return authentication;
  return { method: authentication.method, secretHash: hash("sha256", authentication.secret, "base64url") };
}

function delegation(options: DelegationOptions, around: Surroundings): Required<DelegationOptions> {
  return { audiences: options.audiences, clients: options.clients ?? around.publicClients };
}

type Fault = (text: string) => void;

/** RFC 9700 section 4.15: an id that a user might have is not a client's. */
function checkId(id: string, around: Surroundings, fault: Fault): void {
  if (!idPattern.test(id)) fault(": a client id has letters, digits and . _ : - alone");
  if (uuidPattern.test(id)) fault(": a client id must not look like a user's id");
  if (id.startsWith("service_")) fault(": ids that begin with service_ are those of accounts made at run time");
  if (around.publicClients.includes(id)) fault(": tokens.clients names a public client of this id");
  if (around.introspectionClients.includes(id)) fault(": tokens.introspectionClients has this id");
}

function checkRights(service: ServiceClient, around: Surroundings, fault: Fault): void {
  const { grants, scopes, audiences, accessTokenSeconds, expiresAtMs, mayActFor } = service;
  const strange = grants.filter((grant) => grant !== "client_credentials" && grant !== "token_exchange");
  if (grants.length === 0 || strange.length > 0) fault(".grants: must name client_credentials, token_exchange or both");
  if (!scopes.every((scope) => scopePattern.test(scope))) fault(".scopes: holds something that is no scope");
  if (audiences.length === 0 || audiences.includes("")) fault(".audiences: must name at least one audience");
  if (!(accessTokenSeconds > 0 && accessTokenSeconds <= 3_600))
    fault(".accessTokenSeconds: must be between 1 and 3600; revocation waits for it");
  if (expiresAtMs !== undefined && !Number.isFinite(expiresAtMs))
    fault(".expiresAt: is not a time such as RFC 3339 writes it");
  if (grants.includes("token_exchange") !== (mayActFor !== undefined))
    fault(".mayActFor: must be given with the grant token_exchange, and only with it");
  if (mayActFor !== undefined && (mayActFor.audiences.length === 0 || mayActFor.clients.length === 0))
    fault(".mayActFor: must name audiences and clients");
  if (grants.includes("token_exchange") && audiences.includes(around.issuer))
    fault(".audiences: nobody may act for a user at the engine's own API");
}

function checkAuthentication(authentication: ClientAuthentication, fault: Fault): void {
  const at = ".authentication";
  switch (authentication.method) {
    case "private_key_jwt":
      return checkKeys(authentication, (text) => fault(`${at}${text}`));
    case "client_secret_basic":
      if (authentication.secret.length < 32) fault(`${at}.secret: is shorter than 32 characters`);
      return;
    case "tls_client_auth": {
      const names = [authentication.subject, authentication.dns, authentication.uri].filter(
        (name) => name !== undefined,
      );
      if (names.length !== 1 || names.includes("")) fault(`${at}: needs exactly one of subject, dns and uri`);
      return;
    }
    case "self_signed_tls_client_auth": {
      const { thumbprints } = authentication;
      if (thumbprints.length === 0 || !thumbprints.every((text) => /^[A-Za-z0-9_-]{43}$/.test(text)))
        fault(`${at}.thumbprints: must hold SHA-256 digests in base64url`);
      return;
    }
    default:
      fault(`${at}.method: is not known`);
  }
}

function checkKeys(
  { jwks, jwksUri, algorithms }: Extract<ClientAuthentication, { method: "private_key_jwt" }>,
  fault: Fault,
): void {
  if (algorithms !== undefined && !areAssertionAlgorithms(algorithms))
    fault(`.algorithms: must be among ${assertionAlgorithms.join(", ")}`);
  if ((jwks === undefined) === (jwksUri === undefined)) return fault(": needs jwks or jwksUri, not both");
  try {
    if (jwks !== undefined) createLocalKeySet(jwks);
    else createRemoteKeySet({ url: jwksUri ?? "" });
    if (jwks?.keys.length === 0) fault(".jwks: holds no key");
  } catch (error) {
    fault(
      `.${jwks === undefined ? "jwksUri" : "jwks"}: ${error instanceof TypeError ? error.message : "cannot be used"}`,
    );
  }
}
