import { createHash } from "node:crypto";
import { assertionAlgorithms } from "../clients/index.js";
import type { ResolvedConfig } from "../config.js";
import { isHeld } from "../http/index.js";
import { jwksMaxAgeSeconds, jwksStaleSeconds } from "../keys/index.js";
import type { Reply } from "../http/route.js";
import type { Incoming } from "../http/incoming.js";

/**
 * What this engine is and offers (RFC 8414, OpenID Connect Discovery): only what exists. There is no authorization
 * endpoint: people sign in through the application itself.
 */
export function discoveryDocument(config: ResolvedConfig): Readonly<Record<string, unknown>> {
  const base = `${config.origin}${config.basePath}`;
  return {
    issuer: config.issuer,
    jwks_uri: `${config.origin}/.well-known/jwks.json`,
    token_endpoint: `${base}/oauth2/token`,
    token_endpoint_auth_methods_supported: clientMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint: `${base}/oauth2/introspect`,
    introspection_endpoint_auth_methods_supported: ["client_secret_basic", "client_secret_post"],
    revocation_endpoint: `${base}/oauth2/revoke`,
    revocation_endpoint_auth_methods_supported: clientMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    grant_types_supported: ["refresh_token", "client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"],
    tls_client_certificate_bound_access_tokens: true,
    response_types_supported: [],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [config.keys.algorithm],
    scopes_supported: config.tokens.scopes,
    acr_values_supported: ["aal1", "phr", "phrh"],
    dpop_signing_alg_values_supported: ["ES256", "EdDSA"],
  };
}

const clientMethods = [
  "none",
  "client_secret_basic",
  "private_key_jwt",
  "tls_client_auth",
  "self_signed_tls_client_auth",
];

/** A key begins to sign only after every cache that honours this has asked again. */
const cacheControl = `public, max-age=${jwksMaxAgeSeconds}, stale-while-revalidate=${jwksStaleSeconds}`;

const bodies = new WeakMap<object, { readonly etag: string }>();

/** A public document that may be cached, with its strong ETag; 304 to a caller that has it. */
export function publicDocument(document: object, request: Incoming): Reply {
  let known = bodies.get(document);
  if (known === undefined) {
    known = { etag: `"${createHash("sha256").update(JSON.stringify(document)).digest("base64url")}"` };
    bodies.set(document, known);
  }
  const headers = { etag: known.etag, "cache-control": cacheControl };
  return isHeld(request, known.etag) ? { status: 304, headers } : { json: document, headers };
}
