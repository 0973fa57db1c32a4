import { type AuthState, authStateOf, checkCertificateBinding, type ClaimsOf, SegnoError } from "@segno/core";
import type { Engine } from "../engine.js";
import { isKnownLive, rememberLive } from "../sessions/index.js";
import { checkDpopProof } from "./check-dpop-proof.js";
import { ownVerifiers } from "./own-verifier.js";
import { isTokenLive } from "./token-liveness.js";

type Claims = ClaimsOf<"any">;

/** An access token as it came with a request. */
export interface PresentedAccessToken {
  readonly scheme: "Bearer" | "DPoP";
  readonly token: string;
  /** The `DPoP` header. */
  readonly proof: string | null;
  readonly method: string;
  readonly url: string;
  /** SHA-256 of the client certificate it came with, base64url; undefined for none. */
  readonly thumbprint: () => string | undefined;
  /** Ask the store, whatever is remembered. */
  readonly fresh?: boolean;
}

/**
 * Who an access token for this engine's own API belongs to, a user or a service. The session (or the client) must be
 * live, the user active and the token not revoked: by the store, or by its word from the last 5 seconds when nothing was
 * revoked here since. A bound token needs a proof for this request, or its certificate, and does not pass as a bearer token, nor a bearer token as a
 * bound one. Nobody acts for a user here: an account is changed by its owner.
 * Answers, or throws, without a promise when the keys are in memory, the store does and no proof is involved.
 * @throws SegnoError `token_*`, `invalid_token`, `invalid_dpop_proof`, `store_unavailable`
 */
export function authenticateAccessToken(engine: Engine, input: PresentedAccessToken): AuthState | Promise<AuthState> {
  const claims = ownVerifiers(engine).api.verifySync(input.token);
  if (claims === undefined || claims.cnf !== undefined) return authenticateLater(engine, input, claims);
  if (input.scheme === "DPoP") throw new SegnoError("invalid_token", "An unbound token was presented as bound.");
  return requireLive(engine, input, claims);
}

/** The key set is not in memory, or there is a proof to spend. */
async function authenticateLater(
  engine: Engine,
  input: PresentedAccessToken,
  known: Claims | undefined,
): Promise<AuthState> {
  const claims = known ?? (await ownVerifiers(engine).api.verify(input.token));
  await checkBinding(engine, input, claims);
  return await requireLive(engine, input, claims);
}

function requireLive(engine: Engine, input: PresentedAccessToken, claims: Claims): AuthState | Promise<AuthState> {
  if (claims.act !== undefined) throw new SegnoError("invalid_token", "A token of an actor came to the engine itself.");
  const { jti, sid } = claims;
  // a service has no session to remember: the store is asked each time
  const watched = sid === undefined ? undefined : { jti, sid };
  if (input.fresh !== true && watched !== undefined && isKnownLive(engine, watched)) return authStateOf(claims);
  const askedAtMs = engine.clock.nowMs();
  const answer = isTokenLive(engine, claims);
  const judge = (isLive: boolean): AuthState => {
    if (!isLive) {
      ownVerifiers(engine).api.forget({ jti });
      throw new SegnoError("token_revoked");
    }
    if (watched !== undefined) rememberLive(engine, watched, askedAtMs);
    return authStateOf(claims);
  };
  return typeof answer === "boolean" ? judge(answer) : answer.then(judge);
}

async function checkBinding(engine: Engine, input: PresentedAccessToken, claims: Claims): Promise<void> {
  if (claims.cnf?.["x5t#S256"] !== undefined) checkCertificateBinding(claims, input.thumbprint());
  const jkt = claims.cnf?.jkt;
  if (jkt === undefined) {
    if (input.scheme === "DPoP") throw new SegnoError("invalid_token", "An unbound token was presented as bound.");
    return;
  }
  if (input.scheme !== "DPoP") throw new SegnoError("invalid_token", "A bound token was presented without its proof.");
  if (input.proof === null) throw new SegnoError("invalid_dpop_proof");
  const { proof, method, url, token: accessToken } = input;
  await checkDpopProof(engine, { proof, method, url, accessToken, expectedJkt: jkt });
}
