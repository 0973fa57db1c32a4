import {
  type AccessTokenClaims,
  type ActorClaim,
  type Confirmation,
  SegnoError,
  type ServiceTokenClaims,
  scopeList,
} from "@segno/core";
import type { ResolvedConfig, ServiceClient } from "../config.js";
import type { Db, Engine } from "../engine.js";
import { isSignerKnown, recordSigner } from "../sessions/index.js";
import { clientStatus, statusClaim } from "../status-lists/index.js";
import type { SessionFacts } from "./store.js";

/** What an access token is for. */
export interface AccessTokenInput {
  readonly session: SessionFacts;
  readonly clientId: string;
  readonly audience: string;
  /** Space-separated. */
  readonly scope: string;
  /** Thumbprint of the key it is bound to. */
  readonly jkt: string | undefined;
  /** Its place in the status lists: its refresh family's, or its session's when it has none. */
  readonly statusIndex: number;
}

export interface MintedAccessToken {
  readonly token: string;
  readonly kid: string;
  readonly claims: AccessTokenClaims | ServiceTokenClaims;
  readonly expiresInSeconds: number;
}

/** Signs an access token (RFC 9068). It never outlives its session's absolute limit, and the session remembers the key. */
export async function mintAccessToken(engine: Engine, trx: Db, input: AccessTokenInput): Promise<MintedAccessToken> {
  const { session } = input;
  const iat = Math.floor(engine.clock.nowMs() / 1000);
  const exp = Math.min(iat + engine.config.tokens.accessTokenSeconds, Math.floor(session.absolute_expires_at / 1000));
  const minted = await sign(engine, trx, {
    iss: engine.config.issuer,
    sub: session.user_id,
    aud: input.audience,
    client_id: input.clientId,
    jti: engine.newId(),
    iat,
    exp,
    scope: input.scope,
    sid: session.id,
    acr: session.acr,
    amr: JSON.parse(session.amr) as string[],
    auth_time: Math.floor(session.auth_time / 1000),
    ...(input.jkt === undefined ? {} : { cnf: { jkt: input.jkt } }),
    status: statusClaim(engine.config, input.statusIndex),
  });
  if (!isSignerKnown(session, minted.kid)) await recordSigner(trx, session.id, minted.kid);
  return minted;
}

/** What a service's access token is for. */
export interface ServiceTokenInput {
  readonly service: ServiceClient;
  readonly audience: string | readonly string[];
  /** Space-separated. */
  readonly scope: string;
  /** What its holder must prove; undefined for a plain bearer token. */
  readonly confirmation: Confirmation | undefined;
}

/** Signs a service's own access token: about no user, and never longer than the service itself lives. */
export async function mintServiceToken(engine: Engine, trx: Db, input: ServiceTokenInput): Promise<MintedAccessToken> {
  const { service } = input;
  const iat = Math.floor(engine.clock.nowMs() / 1000);
  const place = await clientStatus(engine, trx, { clientId: service.id, endsAtMs: service.expiresAtMs });
  return await sign(engine, trx, {
    iss: engine.config.issuer,
    sub: service.id,
    aud: input.audience,
    client_id: service.id,
    jti: engine.newId(),
    iat,
    exp: lastSecond(service, iat),
    scope: input.scope,
    ...(input.confirmation === undefined ? {} : { cnf: input.confirmation }),
    status: statusClaim(engine.config, place),
  });
}

/** What a token is for by which a client acts for a user. */
export interface DelegatedTokenInput extends ServiceTokenInput {
  /** The user's token, verified: everything about the user comes from it, nothing is added. */
  readonly subject: AccessTokenClaims;
  /** The key that signed it. */
  readonly subjectKid: string;
}

/**
 * Signs an access token by which a client acts for a user (RFC 8693 section 4.1): of the same session, so that what ends
 * the session ends it, and never longer than the token it was made from.
 */
export async function mintDelegatedToken(
  engine: Engine,
  trx: Db,
  input: DelegatedTokenInput,
): Promise<MintedAccessToken> {
  const { service, subject } = input;
  const iat = Math.floor(engine.clock.nowMs() / 1000);
  const act: ActorClaim = { sub: service.id, ...(subject.act === undefined ? {} : { act: subject.act }) };
  const minted = await sign(engine, trx, {
    iss: engine.config.issuer,
    sub: subject.sub,
    aud: input.audience,
    client_id: service.id,
    jti: engine.newId(),
    iat,
    exp: Math.min(lastSecond(service, iat), subject.exp),
    scope: input.scope,
    sid: subject.sid,
    acr: subject.acr,
    amr: subject.amr,
    auth_time: subject.auth_time,
    act,
    ...(input.confirmation === undefined ? {} : { cnf: input.confirmation }),
    ...(subject.status === undefined ? {} : { status: subject.status }),
  });
  if (minted.kid === input.subjectKid) return minted;
  // both: a token that somebody forged with a stolen key must not become one that outlives the key
  for (const kid of [input.subjectKid, minted.kid]) await recordSigner(trx, subject.sid, kid);
  return minted;
}

function lastSecond(service: ServiceClient, iat: number): number {
  const end = service.expiresAtMs === undefined ? Number.POSITIVE_INFINITY : Math.floor(service.expiresAtMs / 1000);
  return Math.min(iat + service.accessTokenSeconds, end);
}

async function sign(
  engine: Engine,
  trx: Db,
  claims: AccessTokenClaims | ServiceTokenClaims,
): Promise<MintedAccessToken> {
  const { token, kid } = await engine.signer.sign({ typ: "at+jwt" }, { ...claims }, trx);
  return { token, kid, claims, expiresInSeconds: claims.exp - claims.iat };
}

/**
 * The audience asked for, if the configuration lists it; else the issuer.
 * @throws SegnoError `invalid_target`
 */
export function allowedAudience(config: ResolvedConfig, asked: string | undefined): string {
  const { audiences } = config.tokens;
  if (asked === undefined) return audiences.includes(config.issuer) ? config.issuer : (audiences[0] ?? config.issuer);
  if (!audiences.includes(asked)) throw new SegnoError("invalid_target");
  return asked;
}

/**
 * The scopes asked for, if all of them are held; all held when none is asked for.
 * @throws SegnoError `invalid_scope`
 */
export function allowedScope(held: readonly string[], asked: string | undefined): string {
  if (asked === undefined) return held.join(" ");
  const wanted = [...new Set(scopeList(asked))];
  if (!wanted.every((scope) => held.includes(scope))) throw new SegnoError("invalid_scope");
  return wanted.join(" ");
}
