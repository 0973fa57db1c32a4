import { SegnoError } from "@segno/core";
import type { Actor, Engine } from "../engine.js";
import { authenticateSession, forgetSession, isSessionTokenShaped } from "../sessions/index.js";
import { leaveClientStatus, leaveStatusIndex, statusIndexOf } from "../status-lists/index.js";
import { readClaims } from "./introspect-token.js";
import { isRefreshTokenShaped, parseRefreshToken } from "./refresh-token.js";
import { endFamily, findFamily, insertRevokedToken } from "./store.js";

/**
 * Revokes a token (RFC 7009). When this returns, it is true: a refresh token's whole family is over with the access
 * tokens it begot; an access token is over with those that name the same place in the status lists, of which the client
 * gets new ones. All are refused by introspection and this node at once, by other nodes and by verifiers that read
 * the status lists within 5 seconds. A verifier that only checks signatures accepts an access token until its `exp`.
 * A token that is not good (any more) is none of anybody's business: nothing happens, no error.
 * Holding a token is the right to end it: any generation of a family that we really issued will do.
 * @throws SegnoError `invalid_grant` when the token belongs to another client; `unsupported_token_type` for what is
 * not ended here: a live session's own token (sign out instead), and a JWT that is no access token
 */
export async function revokeToken(
  engine: Engine,
  input: { readonly token: string; readonly clientId: string },
  actor: Actor,
): Promise<void> {
  if (isRefreshTokenShaped(input.token)) await revokeRefreshToken(engine, input, actor);
  else if (isSessionTokenShaped(input.token)) await refuseSessionToken(engine, input.token);
  else await revokeAccessToken(engine, input, actor);
  engine.events.nudge();
}

async function revokeRefreshToken(
  engine: Engine,
  input: { readonly token: string; readonly clientId: string },
  actor: Actor,
): Promise<void> {
  const parsed = parseRefreshToken(engine.secrets, input.token);
  if (parsed === undefined) return;
  const nowMs = engine.clock.nowMs();
  const found = await findFamily(engine.store.db, parsed.familyId, nowMs);
  if (found === undefined) return;
  const { family } = found;
  const isOfFamily = [family.current_hash, family.previous_hash].includes(parsed.hash) || parsed.isGenuine();
  if (!isOfFamily) return;
  if (family.client_id !== input.clientId) throw new SegnoError("invalid_grant");
  const who = { ...actor, subject: family.user_id, sessionId: family.session_id, clientId: family.client_id };
  await engine.store.transaction(async (trx) => {
    forgetSession(engine, family.session_id);
    if (!(await endFamily(trx, { familyId: family.id, nowMs, reason: "revoked_by_client" }))) return;
    const facts = { kind: "family", reason: "revoked_by_client", familyId: family.id } as const;
    await engine.events.append(trx, "token.revoked", who, facts);
  });
}

/** Answering "done" for a session token that lives on would be a lie; for any other text of its shape it is true. */
async function refuseSessionToken(engine: Engine, token: string): Promise<void> {
  const state = await authenticateSession(engine, token);
  if (state.status === "authenticated") throw new SegnoError("unsupported_token_type");
}

async function revokeAccessToken(
  engine: Engine,
  input: { readonly token: string; readonly clientId: string },
  actor: Actor,
): Promise<void> {
  const claims = await readClaims(engine, input.token, (code) => {
    if (code === "token_type") throw new SegnoError("unsupported_token_type");
  });
  if (claims === undefined) return;
  if (claims.client_id !== input.clientId) throw new SegnoError("invalid_grant");
  const owner = claims.sid === undefined ? {} : { subject: claims.sub, sessionId: claims.sid };
  const who = { ...actor, ...owner, clientId: claims.client_id };
  const statusIndex = claims.sid === undefined ? undefined : statusIndexOf(engine.config, claims);
  await engine.store.transaction(async (trx) => {
    forgetSession(engine, claims.jti);
    const revoked = { jti: claims.jti, expiresAtMs: claims.exp * 1000, nowMs: engine.clock.nowMs(), statusIndex };
    if (!(await insertRevokedToken(trx, revoked))) return;
    if (claims.sid === undefined) {
      const endsAtMs = engine.config.services.get(claims.client_id)?.expiresAtMs;
      await leaveClientStatus(engine, trx, { clientId: claims.client_id, endsAtMs });
    } else if (statusIndex !== undefined) await leaveStatusIndex(engine, trx, { sessionId: claims.sid, statusIndex });
    const facts = { kind: "access_token", reason: "revoked_by_client", jti: claims.jti } as const;
    await engine.events.append(trx, "token.revoked", who, facts);
  });
}
