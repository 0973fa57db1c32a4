import type { AccessTokenClaims, ClaimsOf } from "@segno/core";
import { isSegnoError, type SegnoErrorCode } from "@segno/core";
import type { Engine } from "../engine.js";
import { ownVerifiers } from "./own-verifier.js";
import { isRefreshTokenShaped, parseRefreshToken } from "./refresh-token.js";
import { findFamily } from "./store.js";
import { isTokenLive } from "./token-liveness.js";

/** RFC 7662 section 2.2. For a token that is not good, `active: false` and nothing else. */
export type Introspection =
  | { readonly active: false }
  | ({ readonly active: true; readonly token_type: "Bearer" | "DPoP" | "refresh_token" } & Partial<AccessTokenClaims>);

const inactive: Introspection = Object.freeze({ active: false });

/**
 * Says whether a token is good right now, by the store: revoking it, its session, its user or its client shows in the next
 * answer.
 * @param onlySessionId when given, tokens of other sessions are inactive
 * @throws SegnoError `store_unavailable`, `key_set_unavailable`
 */
export async function introspectToken(engine: Engine, token: string, onlySessionId?: string): Promise<Introspection> {
  const isOthers = (sid: string | undefined): boolean => onlySessionId !== undefined && sid !== onlySessionId;
  if (isRefreshTokenShaped(token)) return await introspectRefreshToken(engine, token, isOthers);
  const claims = await readClaims(engine, token);
  if (claims === undefined || isOthers(claims.sid)) return inactive;
  if (!(await isTokenLive(engine, claims))) return inactive;
  return { active: true, token_type: claims.cnf?.jkt === undefined ? "Bearer" : "DPoP", ...claims };
}

async function introspectRefreshToken(
  engine: Engine,
  token: string,
  isOthers: (sid: string) => boolean,
): Promise<Introspection> {
  const parsed = parseRefreshToken(engine.secrets, token);
  if (parsed === undefined) return inactive;
  const nowMs = engine.clock.nowMs();
  const found = await findFamily(engine.store.db, parsed.familyId, nowMs);
  if (found === undefined || !found.isSessionLive) return inactive;
  const { family, session } = found;
  const isGood =
    family.current_hash === parsed.hash &&
    family.revoked_at === null &&
    family.idle_expires_at > nowMs &&
    family.absolute_expires_at > nowMs;
  if (!isGood || isOthers(session.id)) return inactive;
  return {
    active: true,
    token_type: "refresh_token",
    iss: engine.config.issuer,
    sub: family.user_id,
    client_id: family.client_id,
    scope: family.scope,
    sid: session.id,
    iat: Math.floor((family.rotated_at ?? family.created_at) / 1000),
    exp: Math.floor(family.idle_expires_at / 1000),
    ...(family.dpop_jkt === null ? {} : { cnf: { jkt: family.dpop_jkt } }),
  };
}

/** The claims of an access token of ours, a user's or a service's, that is in its time; undefined for any other text. */
export async function readClaims(
  engine: Engine,
  token: string,
  onRefused?: (code: SegnoErrorCode) => void,
): Promise<ClaimsOf<"any"> | undefined> {
  try {
    const { any } = ownVerifiers(engine);
    return any.verifySync(token) ?? (await any.verify(token));
  } catch (error) {
    if (!isSegnoError(error) || error.info.status >= 500) throw error;
    onRefused?.(error.code);
    return undefined;
  }
}
