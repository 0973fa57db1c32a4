import { type Authentication, SegnoError } from "@segno/core";
import * as v from "valibot";
import {
  type AuthenticatedClient,
  authenticateClient,
  type PresentedCredentials,
  requireGrant,
} from "../clients/index.js";
import type { Engine } from "../engine.js";
import { thumbprintOf } from "../http/index.js";
import { defineRoute, type Route, type RouteContext } from "../http/route.js";
import type { Incoming } from "../http/incoming.js";
import { authenticateAccessToken } from "./authenticate-access-token.js";
import { authenticateIntrospectionClient } from "./authenticate-introspection-client.js";
import { checkDpopHeader, type ProofBinding } from "./check-dpop-proof.js";
import { accessTokenType, exchangeToken } from "./exchange-token.js";
import { grantClientCredentials } from "./grant-client-credentials.js";
import { introspectToken } from "./introspect-token.js";
import type { Tokens } from "./issue-tokens.js";
import { requireFamilyAudience } from "./resource-indicators.js";
import { revokeToken } from "./revoke-token.js";
import { rotateRefreshToken } from "./rotate-refresh-token.js";
import { tokenAnswerSchema } from "./schemas.js";

const text = v.pipe(v.string(), v.maxLength(8192));
const resource = v.pipe(v.string(), v.maxLength(2048));
const exchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";
/** Unknown parameters are ignored (RFC 6749 section 3.2); repeated ones the form parser refuses. */
const common = {
  method: "POST",
  tag: "oauth",
  access: "public",
  encodings: ["form"],
  errors: "oauth",
  crossSite: true,
} as const;

/** The OAuth endpoints: credentials travel in the body or a header, never in a cookie. */
export function oauthRoutes(engine: Engine): Route[] {
  return [token(engine), introspect(engine), revoke(engine)];
}

/** Client authentication as the form carries it; the rest is in headers and in the connection (RFC 6749 section 2.3). */
const credentials = {
  client_id: v.optional(text),
  client_secret: v.optional(text),
  client_assertion: v.optional(text),
  client_assertion_type: v.optional(text),
};

type Credentials = { readonly [Name in keyof typeof credentials]?: string | undefined };

function presentedBy({ request, body, certificate }: RouteContext<Credentials>): PresentedCredentials {
  return {
    authorization: request.headers.get("authorization"),
    clientId: body.client_id,
    clientSecret: body.client_secret,
    assertion: body.client_assertion,
    assertionType: body.client_assertion_type,
    certificate,
  };
}

const tokenBody = v.object({
  ...credentials,
  grant_type: text,
  scope: v.optional(text),
  resource: v.optional(v.pipe(v.array(resource), v.maxLength(8))),
  refresh_token: v.optional(text),
  audience: v.optional(v.pipe(v.array(resource), v.maxLength(8))),
  subject_token: v.optional(text),
  subject_token_type: v.optional(text),
  actor_token: v.optional(text),
  actor_token_type: v.optional(text),
  requested_token_type: v.optional(text),
});
type TokenContext = RouteContext<v.InferOutput<typeof tokenBody>>;

function token(engine: Engine): Route {
  return defineRoute({
    ...common,
    path: "/oauth2/token",
    operationId: "token",
    summary:
      "Tokens for a refresh token (RFC 6749 section 6), a service (section 4.4), or a service that acts for a user (RFC 8693). A DPoP proof binds them.",
    repeatable: ["resource", "audience"],
    maxBodyBytes: 48 * 1024,
    body: tokenBody,
    answers: { 200: { description: "The tokens.", schema: tokenAnswerSchema } },
    handle: async (context) => {
      const client = await authenticateClient(engine, presentedBy(context));
      const tokens = await grant(engine, context, client);
      const isExchange = context.body.grant_type === exchangeGrant;
      return {
        json: {
          access_token: tokens.accessToken,
          token_type: tokens.tokenType,
          expires_in: tokens.expiresInSeconds,
          refresh_token: tokens.refreshToken,
          refresh_expires_in: tokens.refreshExpiresInSeconds,
          issued_token_type: isExchange ? accessTokenType : undefined,
          scope: tokens.scope,
        },
        headers: { pragma: "no-cache" },
      };
    },
  });
}

async function grant(engine: Engine, context: TokenContext, client: AuthenticatedClient): Promise<Tokens> {
  const { request, body, certificate, actor } = context;
  const resources = body.resource ?? [];
  switch (body.grant_type) {
    case "refresh_token":
      return await refresh(engine, context, client);
    case "client_credentials": {
      const service = requireGrant(client, "client_credentials");
      const jkt = await checkDpopHeader(engine, request);
      const input = { service, scope: body.scope, resources, jkt, thumbprint: thumbprintOf(certificate()) };
      return await grantClientCredentials(engine, input, actor);
    }
    case exchangeGrant: {
      const input = {
        service: requireGrant(client, "token_exchange"),
        subjectToken: body.subject_token,
        subjectTokenType: body.subject_token_type,
        actorToken: body.actor_token,
        actorTokenType: body.actor_token_type,
        requestedTokenType: body.requested_token_type,
        scope: body.scope,
        targets: [...resources, ...(body.audience ?? [])],
        proveKey: (binding?: ProofBinding) => checkDpopHeader(engine, request, binding),
        thumbprint: thumbprintOf(certificate()),
      };
      return await exchangeToken(engine, input, actor);
    }
    default:
      throw new SegnoError("unsupported_grant_type");
  }
}

async function refresh(engine: Engine, context: TokenContext, client: AuthenticatedClient): Promise<Tokens> {
  const { request, body, actor } = context;
  // refresh tokens are of sessions, and those are of first-party clients
  if (client.kind !== "public") throw new SegnoError("unauthorized_client");
  const clientId = client.id;
  if (body.refresh_token === undefined) throw new SegnoError("invalid_request");
  await requireFamilyAudience(engine, body.refresh_token, body.resource ?? []);
  const jkt = await checkDpopHeader(engine, request);
  const input = { refreshToken: body.refresh_token, clientId, jkt, scope: body.scope };
  return await rotateRefreshToken(engine, input, { ...actor, clientId });
}

function introspect(engine: Engine): Route {
  return defineRoute({
    ...common,
    path: "/oauth2/introspect",
    operationId: "introspect",
    summary: "Whether a token is good right now (RFC 7662), for listed resource servers and for a token's own session.",
    body: v.object({
      token: text,
      token_type_hint: v.optional(text),
      client_id: v.optional(text),
      client_secret: v.optional(text),
    }),
    answers: {
      200: { description: "`active`, and the claims when it is true.", schema: v.looseObject({ active: v.boolean() }) },
    },
    handle: async ({ request, body, certificate }) => {
      const client = authenticateIntrospectionClient(engine.config, {
        authorization: request.headers.get("authorization"),
        clientId: body.client_id,
        clientSecret: body.client_secret,
      });
      if (client !== undefined) return { json: await introspectToken(engine, body.token) };
      const caller = await callerByToken(engine, request, certificate);
      if (caller !== undefined) return { json: await introspectToken(engine, body.token, caller.sessionId) };
      throw new SegnoError("invalid_client");
    },
  });
}

/** Whose access token is in the header. Never the cookie: it would make this callable from any site. */
async function callerByToken(
  engine: Engine,
  request: Incoming,
  certificate: RouteContext["certificate"],
): Promise<Authentication | undefined> {
  const [, scheme = "", token = ""] =
    /^(bearer|dpop) +([\w.~+/=-]+) *$/i.exec(request.headers.get("authorization") ?? "") ?? [];
  if (token === "") return undefined;
  const state = await authenticateAccessToken(engine, {
    scheme: scheme.toLowerCase() === "dpop" ? "DPoP" : "Bearer",
    token,
    proof: request.headers.get("dpop"),
    method: request.method,
    url: request.url,
    thumbprint: () => thumbprintOf(certificate()),
    fresh: true,
  });
  return state.status === "authenticated" ? state : undefined;
}

function revoke(engine: Engine): Route {
  return defineRoute({
    ...common,
    path: "/oauth2/revoke",
    operationId: "revoke",
    summary: "Ends a token (RFC 7009). 200 also for a token that is not known.",
    body: v.object({ ...credentials, token: text, token_type_hint: v.optional(text) }),
    answers: { 200: { description: "The token is not accepted by this engine any more." } },
    handle: async (context) => {
      const { body, actor } = context;
      const { id: clientId, kind } = await authenticateClient(engine, presentedBy(context));
      const who = kind === "public" ? actor : ({ ...actor, kind: "service", by: clientId } as const);
      await revokeToken(engine, { token: body.token, clientId }, { ...who, clientId });
      return { status: 200, json: {} };
    },
  });
}
