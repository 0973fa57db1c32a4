import type { Actor, Db, Engine, NewEvent } from "../engine.js";
import { scopesHeld } from "../consents/index.js";
import { forgetSession } from "../sessions/index.js";
import { takeStatusIndex } from "../status-lists/index.js";
import { allowedAudience, allowedScope, type MintedAccessToken, mintAccessToken } from "./mint-access-token.js";
import { hashRefreshToken, newRefreshToken } from "./refresh-token.js";
import { insertFamily, keepSessionAlive, type SessionColumns, trimFamilies } from "./store.js";

/** Tokens as the /v1 API answers them. */
export interface Tokens {
  readonly accessToken: string;
  readonly tokenType: "Bearer" | "DPoP";
  readonly expiresInSeconds: number;
  /** Space-separated. */
  readonly scope: string;
  readonly refreshToken?: string;
  readonly refreshExpiresInSeconds?: number;
}

export interface IssueTokens {
  readonly session: SessionColumns;
  readonly audience?: string;
  readonly scope?: string;
  /** Thumbprint from a checked DPoP proof: binds the access token, and the refresh family if there is one. */
  readonly jkt?: string;
  /** Also begin a refresh token family. */
  readonly withRefresh: boolean;
}

/** One family per device is the rule; a few more are bearable (a web view beside an app), any number is not. */
const maxFamiliesPerSession = 10;

/**
 * Issues an access token for a live session, and the first refresh token of a new family if asked to.
 * Not checked here: that the session is live (the caller has just created or authenticated it).
 * @throws SegnoError `invalid_target`, `invalid_scope`, `key_unavailable`
 */
export async function issueTokens(engine: Engine, trx: Db, input: IssueTokens, actor: Actor): Promise<Tokens> {
  const { session, jkt } = input;
  const audience = allowedAudience(engine.config, input.audience);
  const held = { userId: session.user_id, scopes: engine.config.tokens.scopes };
  const scope = allowedScope(await scopesHeld(engine, trx, held), input.scope);
  const who = { ...actor, subject: session.user_id, sessionId: session.id, clientId: session.client_id };
  const token = { session, clientId: session.client_id, audience, scope, jkt };
  if (!input.withRefresh) {
    const minted = await mintAccessToken(engine, trx, { ...token, statusIndex: session.status_index });
    await engine.events.appendAll(trx, who, [issuedEvent({ minted })]);
    return presentTokens(minted);
  }
  const family = await beginFamily(engine, trx, {
    session,
    audience,
    // what needs a consent is decided anew for each of its tokens
    scope: allowedScope(engine.config.tokens.scopes, input.scope),
    jkt,
  });
  const minted = await mintAccessToken(engine, trx, { ...token, statusIndex: family.statusIndex });
  if (family.replaced.length > 0) forgetSession(engine, session.id);
  await engine.events.appendAll(trx, who, [
    issuedEvent({ minted, familyId: family.id }),
    ...family.replaced.map(replacedEvent),
  ]);
  return { ...presentTokens(minted), refreshToken: family.token, refreshExpiresInSeconds: family.expiresInSeconds };
}

interface FamilyInput {
  readonly session: SessionColumns;
  readonly audience: string;
  readonly scope: string;
  readonly jkt: string | undefined;
}

async function beginFamily(
  engine: Engine,
  trx: Db,
  input: FamilyInput,
): Promise<{ id: string; token: string; expiresInSeconds: number; statusIndex: number; replaced: readonly string[] }> {
  const nowMs = engine.clock.nowMs();
  const { session } = input;
  const id = engine.newId();
  const token = newRefreshToken(engine, { id, generation: 1 });
  const absolute = Math.min(nowMs + engine.config.tokens.refreshAbsoluteSeconds * 1000, session.absolute_expires_at);
  const idle = Math.min(nowMs + engine.config.tokens.refreshIdleSeconds * 1000, absolute);
  const statusIndex = await takeStatusIndex(engine, trx, absolute);
  await insertFamily(trx, {
    id,
    session_id: session.id,
    user_id: session.user_id,
    client_id: session.client_id,
    scope: input.scope,
    audience: input.audience,
    dpop_jkt: input.jkt ?? null,
    generation: 1,
    current_hash: hashRefreshToken(token),
    previous_hash: null,
    successor_nonce: null,
    rotated_at: null,
    created_at: nowMs,
    idle_expires_at: idle,
    absolute_expires_at: absolute,
    revoked_at: null,
    revoked_reason: null,
    status_index: statusIndex,
  });
  const replaced = await trimFamilies(trx, { sessionId: session.id, keep: maxFamiliesPerSession, nowMs });
  await keepSessionAlive(trx, { sessionId: session.id, nowMs, idleExpiresAtMs: idle });
  return { id, token, expiresInSeconds: Math.floor((idle - nowMs) / 1000), statusIndex, replaced };
}

function replacedEvent(familyId: string): NewEvent<"token.revoked"> {
  return { type: "token.revoked", data: { kind: "family", reason: "replaced", familyId } };
}

/** The access token half of an answer. */
export function presentTokens(minted: MintedAccessToken): Tokens {
  return {
    accessToken: minted.token,
    tokenType: minted.claims.cnf?.jkt === undefined ? "Bearer" : "DPoP",
    expiresInSeconds: minted.expiresInSeconds,
    scope: minted.claims.scope,
  };
}

/** Every access token has its event: which one, for whom, by which key. */
export function issuedEvent(issued: {
  readonly minted: MintedAccessToken;
  readonly familyId?: string;
}): NewEvent<"token.issued"> {
  const { claims, kid } = issued.minted;
  return {
    type: "token.issued",
    data: {
      jti: claims.jti,
      kid,
      audience: typeof claims.aud === "string" ? [claims.aud] : claims.aud,
      scope: claims.scope,
      tokenType: claims.cnf?.jkt === undefined ? "Bearer" : "DPoP",
      expiresAt: new Date(claims.exp * 1000).toISOString(),
      ...(issued.familyId === undefined ? {} : { familyId: issued.familyId }),
    },
  };
}
