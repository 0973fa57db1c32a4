import { SegnoError } from "@segno/core";
import * as v from "valibot";
import type { Engine } from "../engine.js";
import { defineRoute, type Route, type RouteContext } from "../http/route.js";
import { findLiveSession } from "../sessions/index.js";
import { checkDpopHeader } from "./check-dpop-proof.js";
import { discoveryDocument, publicDocument } from "./discovery.js";
import { issueTokens, type Tokens } from "./issue-tokens.js";
import { oauthRoutes } from "./oauth-routes.js";
import { tokensSchema } from "./schemas.js";

const shortText = v.pipe(v.string(), v.maxLength(2048));

/** Tokens over HTTP: for a session, at the OAuth endpoints, and the public documents. */
export function tokenRoutes(engine: Engine): Route[] {
  return [sessionToken(engine), sessionGrant(engine), ...oauthRoutes(engine), ...publicDocuments(engine)];
}

function sessionToken(engine: Engine): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/session/token",
    operationId: "createSessionToken",
    summary: "An access token for the cookie session. A DPoP proof binds it to its key.",
    tag: "tokens",
    access: "session",
    body: v.strictObject({ audience: v.optional(shortText), scope: v.optional(shortText) }),
    answers: { 200: { description: "The token, without a refresh token.", schema: tokensSchema } },
    handle: async (context) => {
      const { audience, scope } = context.body;
      const asked = { ...(audience === undefined ? {} : { audience }), ...(scope === undefined ? {} : { scope }) };
      return { json: await issueForCookie(engine, context, { ...asked, withRefresh: false }) };
    },
  });
}

function sessionGrant(engine: Engine): Route {
  return defineRoute({
    method: "POST",
    path: "/v1/session/grant",
    operationId: "createSessionGrant",
    summary: "Tokens with the first refresh token of a new family. A DPoP proof binds the family to its key.",
    tag: "tokens",
    access: "session",
    fresh: true,
    body: v.strictObject({}),
    answers: { 200: { description: "The tokens.", schema: tokensSchema } },
    handle: async (context) => ({ json: await issueForCookie(engine, context, { withRefresh: true }) }),
  });
}

interface Asked {
  readonly audience?: string;
  readonly scope?: string;
  readonly withRefresh: boolean;
}

/** Only the cookie begets tokens: an access token that could ask for the next one would never end. */
async function issueForCookie(engine: Engine, context: RouteContext<unknown>, asked: Asked): Promise<Tokens> {
  const caller = context.caller();
  if (caller.via !== "session") throw new SegnoError("forbidden");
  const jkt = await checkDpopHeader(engine, context.request);
  const tokens = await engine.store.transaction(async (trx) => {
    const live = { sessionId: caller.sessionId, userId: caller.subject, nowMs: engine.clock.nowMs() };
    const session = await findLiveSession(trx, live);
    if (session === undefined) throw new SegnoError("session_expired");
    return await issueTokens(engine, trx, { session, ...asked, ...(jkt === undefined ? {} : { jkt }) }, context.actor);
  });
  engine.events.nudge();
  return tokens;
}

function publicDocuments(engine: Engine): Route[] {
  const document = discoveryDocument(engine.config);
  const common = { method: "GET", tag: "discovery", access: "public" } as const;
  const answers = {
    200: { description: "The document, cacheable.", schema: v.record(v.string(), v.unknown()) },
    304: { description: "Not changed." },
  };
  return [
    defineRoute({
      ...common,
      path: "/.well-known/jwks.json",
      operationId: "getKeySet",
      summary: "The public keys of access tokens (RFC 7517), the next one included.",
      answers,
      handle: async ({ request, clientIp }) => {
        const reply = publicDocument(await engine.signer.publicKeys(), request);
        const name = request.headers.get("segno-verifier") ?? undefined;
        // who names another set does not hold this one before asking again
        const holdsCurrent = reply.status === 304 || request.headers.get("if-none-match") === null;
        engine.signer.noteFetch({ name, address: clientIp, holdsCurrent });
        return reply;
      },
    }),
    defineRoute({
      ...common,
      path: "/.well-known/openid-configuration",
      operationId: "getOpenIdConfiguration",
      summary: "What this issuer offers, where OpenID Connect clients look.",
      answers,
      handle: async ({ request }) => publicDocument(document, request),
    }),
    defineRoute({
      ...common,
      path: "/.well-known/oauth-authorization-server",
      operationId: "getAuthorizationServerMetadata",
      summary: "What this issuer offers, where OAuth clients look (RFC 8414).",
      answers,
      handle: async ({ request }) => publicDocument(document, request),
    }),
  ];
}
