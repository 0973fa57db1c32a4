import type { AccessTokenClaims, ServiceTokenClaims } from "@segno/core";
import { isServiceLive } from "../clients/index.js";
import type { Engine } from "../engine.js";
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
  const answer = engine.store.isTokenLive({ jti, sid, sub, nowMs: engine.clock.nowMs() });
  return claims.act === undefined ? answer : isDelegationLive(engine, claims, answer);
}

async function isServiceTokenLive(engine: Engine, { jti, client_id }: ServiceTokenClaims): Promise<boolean> {
  return (await isServiceLive(engine, client_id)) && !(await isRevokedToken(engine.store.db, jti));
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
