import { type Authentication, SegnoError } from "@segno/core";
import * as v from "valibot";
import type { Engine } from "../engine.js";
import { thumbprintOf } from "../http/index.js";
import { defineRoute, type Route, type RouteContext } from "../http/route.js";
import type { Incoming } from "../http/incoming.js";
import { authenticateAccessToken } from "./authenticate-access-token.js";
import { authenticateIntrospectionClient, requirePublicClient } from "./authenticate-client.js";
import { checkDpopHeader } from "./check-dpop-proof.js";
import { introspectToken } from "./introspect-token.js";
import { revokeToken } from "./revoke-token.js";
import { rotateRefreshToken } from "./rotate-refresh-token.js";
import { tokenAnswerSchema } from "./schemas.js";

const text = v.pipe(v.string(), v.maxLength(8192));
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

function token(engine: Engine): Route {
  return defineRoute({
    ...common,
    path: "/oauth2/token",
    operationId: "token",
    summary: "Redeems a refresh token (RFC 6749 section 6). A DPoP proof binds the access token.",
    body: v.object({
      grant_type: text,
      refresh_token: v.optional(text),
      client_id: v.optional(text),
      scope: v.optional(text),
    }),
    answers: { 200: { description: "The tokens.", schema: tokenAnswerSchema } },
    handle: async ({ request, body, actor }) => {
      const clientId = requirePublicClient(engine.config, body.client_id);
      if (body.grant_type !== "refresh_token") throw new SegnoError("unsupported_grant_type");
      if (body.refresh_token === undefined) throw new SegnoError("invalid_request");
      const jkt = await checkDpopHeader(engine, request);
      const input = { refreshToken: body.refresh_token, clientId, jkt, scope: body.scope };
      const tokens = await rotateRefreshToken(engine, input, { ...actor, clientId });
      return {
        json: {
          access_token: tokens.accessToken,
          token_type: tokens.tokenType,
          expires_in: tokens.expiresInSeconds,
          refresh_token: tokens.refreshToken,
          refresh_expires_in: tokens.refreshExpiresInSeconds,
          scope: tokens.scope,
        },
        headers: { pragma: "no-cache" },
      };
    },
  });
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
    body: v.object({ token: text, token_type_hint: v.optional(text), client_id: v.optional(text) }),
    answers: { 200: { description: "The token is not accepted by this engine any more." } },
    handle: async ({ body, actor }) => {
      const clientId = requirePublicClient(engine.config, body.client_id);
      await revokeToken(engine, { token: body.token, clientId }, { ...actor, clientId });
      return { status: 200, json: {} };
    },
  });
}
