import { type AccessTokenClaims, type AuthState, SegnoError, scopeList } from "@segno/core";
import type { Engine } from "../engine.js";
import { isKnownLive, rememberLive } from "../sessions/index.js";
import { checkDpopProof } from "./check-dpop-proof.js";
import { ownVerifiers } from "./own-verifier.js";
import { isTokenLive } from "./store.js";

/** An access token as it came with a request. */
export interface PresentedAccessToken {
  readonly scheme: "Bearer" | "DPoP";
  readonly token: string;
  /** The `DPoP` header. */
  readonly proof: string | null;
  readonly method: string;
  readonly url: string;
  /** Ask the store, whatever is remembered. */
  readonly fresh?: boolean;
}

/**
 * Who an access token for this engine's own API belongs to. The session must be live, the user active and the token
 * not revoked: by the store, or by its word from the last 5 seconds when nothing was revoked here since. A bound token
 * needs a proof for this request and does not pass as a bearer token, nor a bearer token as a bound one.
 * @throws SegnoError `token_*`, `invalid_token`, `invalid_dpop_proof`, `store_unavailable`
 */
export async function authenticateAccessToken(engine: Engine, input: PresentedAccessToken): Promise<AuthState> {
  const { api } = ownVerifiers(engine);
  const claims = api.verifySync(input.token) ?? (await api.verify(input.token));
  await checkBinding(engine, input, claims);
  if (input.fresh === true || !isKnownLive(engine, claims)) {
    const askedAtMs = engine.clock.nowMs();
    if (
      !(await isTokenLive(engine.store.db, { jti: claims.jti, sid: claims.sid, sub: claims.sub, nowMs: askedAtMs }))
    ) {
      api.forget({ jti: claims.jti });
      throw new SegnoError("token_revoked");
    }
    rememberLive(engine, claims, askedAtMs);
  }
  return {
    status: "authenticated",
    subject: claims.sub,
    sessionId: claims.sid,
    clientId: claims.client_id,
    scopes: scopeList(claims.scope),
    acr: claims.acr,
    amr: claims.amr,
    authTime: claims.auth_time,
    expiresAt: claims.exp,
    via: "access_token",
    claims,
  };
}

async function checkBinding(engine: Engine, input: PresentedAccessToken, claims: AccessTokenClaims): Promise<void> {
  if (claims.cnf === undefined) {
    if (input.scheme === "DPoP") throw new SegnoError("invalid_token", "An unbound token was presented as bound.");
    return;
  }
  if (input.scheme !== "DPoP") throw new SegnoError("invalid_token", "A bound token was presented without its proof.");
  if (input.proof === null) throw new SegnoError("invalid_dpop_proof");
  const { proof, method, url, token: accessToken } = input;
  await checkDpopProof(engine, { proof, method, url, accessToken, expectedJkt: claims.cnf.jkt });
}
