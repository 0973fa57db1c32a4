import { type AccessTokenClaims, SegnoError, scopeList } from "@segno/core";
import type { ResolvedConfig } from "../config.js";
import type { Db, Engine } from "../engine.js";
import { statusClaim } from "../status-lists/index.js";
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
  readonly claims: AccessTokenClaims;
  readonly expiresInSeconds: number;
}

/** Signs an access token (RFC 9068). It never outlives its session's absolute limit. */
export async function mintAccessToken(engine: Engine, trx: Db, input: AccessTokenInput): Promise<MintedAccessToken> {
  const { session } = input;
  const iat = Math.floor(engine.clock.nowMs() / 1000);
  const exp = Math.min(iat + engine.config.tokens.accessTokenSeconds, Math.floor(session.absolute_expires_at / 1000));
  const claims: AccessTokenClaims = {
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
  };
  const { token, kid, payload } = await engine.signer.sign({ typ: "at+jwt" }, { ...claims }, trx);
  const signed = { ...claims, jti: String(payload["jti"]), iat: Number(payload["iat"]), exp: Number(payload["exp"]) };
  return { token, kid, claims: signed, expiresInSeconds: signed.exp - iat };
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
