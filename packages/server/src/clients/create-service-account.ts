import { hash } from "node:crypto";
import { createLocalKeySet, encodeBase64Url, type JwkSet, SegnoError, type SigningAlgorithm } from "@segno/core";
import type { ServiceCredential } from "../config.js";
import type { Actor, Engine } from "../engine.js";
import { serviceAccountPrefix } from "./find-service.js";
import { areAssertionAlgorithms, knownAudiences, knownScopes } from "./known-rights.js";
import { presentAccount, type ServiceAccount } from "./list-service-accounts.js";
import { type ClientRow, insertClient } from "./store.js";

/** How a service account proves who it is. Keys are given, never fetched: an address in data is an address to attack. */
export type ServiceAccountAuthentication =
  /** The secret is made here and told once. */
  | { readonly method: "client_secret_basic" }
  | { readonly method: "private_key_jwt"; readonly jwks: JwkSet; readonly algorithms?: readonly SigningAlgorithm[] }
  /** SHA-256 of the certificates in DER, base64url. */
  | { readonly method: "self_signed_tls_client_auth"; readonly thumbprints: readonly string[] };

/** What a new service account may do, and for how long. */
export interface NewServiceAccount {
  /** For people who read the list, 1 to 100 characters. */
  readonly name: string;
  /** At least one, all of them among `tokens.scopes` and the scopes of `services`. */
  readonly scopes: readonly string[];
  /** At least one, all of them among `tokens.audiences` and the audiences of `services`. */
  readonly audiences: readonly string[];
  /** Default: a secret that is made here. */
  readonly authentication?: ServiceAccountAuthentication;
  /** How long it lives, in seconds: 60 to 31,536,000. Default 86,400, a day. */
  readonly expiresInSeconds?: number;
  /** Life of its access tokens, in seconds, at most 3600. Default `tokens.accessTokenSeconds`. */
  readonly accessTokenSeconds?: number;
}

/** A new account, and its secret if it has one: told this once and kept nowhere. */
export interface CreatedServiceAccount {
  readonly account: ServiceAccount;
  readonly secret?: string;
}

const fields: readonly string[] = [
  "name",
  "scopes",
  "audiences",
  "authentication",
  "expiresInSeconds",
  "accessTokenSeconds",
] satisfies (keyof NewServiceAccount)[];

/**
 * Makes a service account: a confidential client with a few listed scopes and an end (R115). It may use
 * `client_credentials` and nothing else.
 * @throws SegnoError `invalid_input`, `invalid_scope`, `invalid_target`
 */
export async function createServiceAccount(
  engine: Engine,
  input: NewServiceAccount,
  actor: Actor,
): Promise<CreatedServiceAccount> {
  for (const name of Object.keys(input)) if (!fields.includes(name)) throw refused(name);
  checkRights(engine, input);
  const { expiresInSeconds = 86_400, accessTokenSeconds = engine.config.tokens.accessTokenSeconds } = input;
  if (!isWithin(expiresInSeconds, 60, 31_536_000)) throw refused("expiresInSeconds");
  if (!isWithin(accessTokenSeconds, 1, 3_600)) throw refused("accessTokenSeconds");
  const { credential, secret } = newCredential(engine, input.authentication ?? { method: "client_secret_basic" });
  const nowMs = engine.clock.nowMs();
  const row: ClientRow = {
    id: `${serviceAccountPrefix}${engine.newId().replaceAll("-", "")}`,
    name: input.name,
    credential: JSON.stringify(credential),
    scopes: JSON.stringify(input.scopes),
    audiences: JSON.stringify(input.audiences),
    access_token_seconds: accessTokenSeconds,
    certificate_bound: credential.method === "self_signed_tls_client_auth" ? 1 : 0,
    created_at: nowMs,
    expires_at: nowMs + expiresInSeconds * 1000,
    revoked_at: null,
    revoked_reason: null,
  };
  const account = presentAccount(row);
  const { method, scopes, audiences, expiresAt } = account;
  await engine.store.transaction(async (trx) => {
    await insertClient(trx, row);
    const who = { ...actor, clientId: row.id };
    await engine.events.append(trx, "client.created", who, { method, scopes, audiences, expiresAt });
  });
  engine.events.nudge();
  return secret === undefined ? { account } : { account, secret };
}

function checkRights(engine: Engine, { name, scopes, audiences }: NewServiceAccount): void {
  if (typeof name !== "string" || name.trim() === "" || name.length > 100) throw refused("name");
  if (!Array.isArray(scopes) || scopes.length === 0) throw refused("scopes");
  if (!Array.isArray(audiences) || audiences.length === 0) throw refused("audiences");
  const [allScopes, allAudiences] = [knownScopes(engine.config), knownAudiences(engine.config)];
  if (!scopes.every((scope) => allScopes.includes(scope))) throw new SegnoError("invalid_scope");
  if (!audiences.every((audience) => allAudiences.includes(audience))) throw new SegnoError("invalid_target");
}

function newCredential(
  engine: Engine,
  authentication: ServiceAccountAuthentication,
): { readonly credential: ServiceCredential; readonly secret?: string } {
  switch (authentication.method) {
    case "client_secret_basic": {
      const secret = `segno_cs_${encodeBase64Url(engine.random.bytes(32))}`;
      const secretHash = hash("sha256", secret, "base64url");
      return { credential: { method: authentication.method, secretHash }, secret };
    }
    case "private_key_jwt":
      return { credential: keysIn(authentication) };
    case "self_signed_tls_client_auth": {
      const { thumbprints } = authentication;
      if (thumbprints.length === 0 || !thumbprints.every((text) => /^[A-Za-z0-9_-]{43}$/.test(text)))
        throw refused("thumbprints");
      return { credential: { method: authentication.method, thumbprints } };
    }
    default:
      throw refused("authentication");
  }
}

function keysIn({
  method,
  jwks,
  algorithms,
}: Extract<ServiceAccountAuthentication, { method: "private_key_jwt" }>): ServiceCredential {
  try {
    createLocalKeySet(jwks);
  } catch (cause) {
    throw new SegnoError("invalid_input", "The keys of a service account cannot be used.", { cause });
  }
  if (jwks.keys.length === 0) throw refused("jwks");
  if (algorithms !== undefined && !areAssertionAlgorithms(algorithms)) throw refused("algorithms");
  return { method, jwks, ...(algorithms === undefined ? {} : { algorithms }) };
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most;
}

function refused(field: string): SegnoError {
  return new SegnoError("invalid_input", "A service account cannot be made of this.", {
    detail: { field },
  });
}
