import type { AccessTokenClaims, ServiceTokenClaims } from "@segno/core";
import { isServiceLive } from "../clients/index.js";
import type { Engine } from "../engine.js";
import { statusIndexOf } from "../status-lists/index.js";
import { isRevokedToken } from "./store.js";

/**
 * Whether a token that verifies is still good, by the store: not revoked itself, and its session, user and the clients
 * that it speaks for neither. Answers without a promise for a user's own token where the store does.
 * @throws SegnoError `store_unavailable`
 */
export function isTokenLive(
  engine: Engine,
  claims: AccessTokenClaims | ServiceTokenClaims,
): boolean | Promise<boolean> {
  const { jti, sid, sub } = claims;
  if (sid === undefined) return isServiceTokenLive(engine, claims);
  const statusIndex = statusIndexOf(engine.config, claims);
  const answer = engine.store.isTokenLive({ jti, sid, sub, statusIndex, nowMs: engine.clock.nowMs() });
  return claims.act === undefined ? answer : isDelegationLive(engine, claims, answer);
}

async function isServiceTokenLive(engine: Engine, claims: ServiceTokenClaims): Promise<boolean> {
  if (!(await isServiceLive(engine, claims.client_id))) return false;
  const statusIndex = statusIndexOf(engine.config, claims);
  return !(await isRevokedToken(engine.store.db, { jti: claims.jti, statusIndex }));
}

/** Everybody in the chain must still be somebody: the one who asks and those before. */
async function isDelegationLive(
  engine: Engine,
  { act }: AccessTokenClaims,
  isSessionLive: boolean | Promise<boolean>,
): Promise<boolean> {
  for (let actor = act; actor !== undefined; actor = actor.act) {
    if (!(await isServiceLive(engine, actor.sub))) return false;
  }
  return await isSessionLive;
}
