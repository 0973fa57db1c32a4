import { type AuthState, scopeList } from "../auth-state.js";
import type { AccessTokenClaims, ActorClaim, ServiceTokenClaims } from "./claims.js";

/**
 * Who a verified access token says is asking: a user, perhaps with somebody acting for them, or a service.
 *
 * Not checked: anything. The claims must come from an access token verifier, and what `cnf` asks for must be proven.
 * @example
 * const state = authStateOf(await verifier.verify(token));
 */
export function authStateOf(claims: AccessTokenClaims | ServiceTokenClaims): AuthState {
  let state = states.get(claims);
  if (state === undefined) {
    state = Object.freeze(makeState(claims));
    states.set(claims, state);
  }
  return state;
}

/** A verifier answers a token it remembers with the same frozen claims. */
const states: WeakMap<object, AuthState> = /* @__PURE__ */ new WeakMap();

function makeState(claims: AccessTokenClaims | ServiceTokenClaims): AuthState {
  const shared = {
    clientId: claims.client_id,
    scopes: scopeList(claims.scope),
    expiresAt: claims.exp,
    via: "access_token",
  } as const;
  if (claims.sid === undefined) return { status: "service", ...shared, claims };
  return {
    status: "authenticated",
    subject: claims.sub,
    sessionId: claims.sid,
    ...shared,
    acr: claims.acr,
    amr: claims.amr,
    authTime: claims.auth_time,
    claims,
    ...(claims.act === undefined ? {} : { actors: actorsOf(claims.act) }),
  };
}

/** The one who acts now first, then who acted before. */
function actorsOf(act: ActorClaim): readonly string[] {
  const actors = [act.sub];
  for (let before = act.act; before !== undefined; before = before.act) actors.push(before.sub);
  return actors;
}
