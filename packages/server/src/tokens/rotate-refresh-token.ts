import { SegnoError, type SegnoErrorCode } from "@segno/core";
import { scopesHeld } from "../consents/index.js";
import type { Actor, Db, Engine, RateRule } from "../engine.js";
import { forgetSession } from "../sessions/index.js";
import { issuedEvent, presentTokens, type Tokens } from "./issue-tokens.js";
import { allowedScope, mintAccessToken } from "./mint-access-token.js";
import {
  hashRefreshToken,
  newNonce,
  newSuccessor,
  type ParsedRefreshToken,
  parseRefreshToken,
  sameSuccessor,
} from "./refresh-token.js";
import {
  endFamily,
  type FamilyFacts,
  type FamilyRow,
  findFamily,
  keepBoundFamily,
  keepSessionAlive,
  rotateFamily,
  type SessionFacts,
} from "./store.js";

export interface RefreshInput {
  readonly refreshToken: string;
  readonly clientId: string;
  /** Thumbprint from a checked DPoP proof. */
  readonly jkt?: string | undefined;
  /** Narrows the access token; never widens. */
  readonly scope?: string | undefined;
}

/**
 * Why a refresh token that was good once is not any more.
 * `previous_after_grace`: the one before the current, after its grace: a client that missed an answer, or a copy.
 * `stale_generation`: older still: somebody uses an old copy.
 * `orphaned_branch`: one that the store has never heard of, though we made it: a lost commit or a restored database put the
 * family back to an earlier token, and two holders may now go on from there.
 */
export type ReuseClass = "previous_after_grace" | "stale_generation" | "orphaned_branch";

/** Nodes' clocks may be this far apart; a clock set back further does not bring a grace window back. */
const clockSkewMs = 10_000;
/** Repeats answered from the grace window. A loop that never keeps its answer is told to wait. */
const repeatRule: RateRule = { name: "token.refresh.repeat", limit: 120, windowSeconds: 60 };

/** The same token presented several times at once in this process is redeemed once. */
const underWay = new WeakMap<object, Map<string, Promise<Tokens>>>();

/**
 * Redeems a refresh token: new access token, new refresh token, the old one spent (RFC 6749 section 6, RFC 9700 section
 * 4.14). The previous token is answered with the same successor for `refreshGraceSeconds`, so that retries and tabs
 * that race do not log anybody out; anything older ends this family alone and raises `risk.alert`. With
 * `tokens.rotateBound: false` a family bound to a key keeps its token.
 *
 * Needs a live session and an active user; the client the family belongs to; and for a bound family a proof by its key.
 * Only a token that we made can end a family.
 * @throws SegnoError `invalid_grant`, `invalid_dpop_proof`, `invalid_scope`, `rate_limited`, `key_unavailable`
 */
export function rotateRefreshToken(engine: Engine, input: RefreshInput, actor: Actor): Promise<Tokens> {
  const token = parseRefreshToken(engine.secrets, input.refreshToken);
  if (token === undefined) return Promise.reject(new SegnoError("invalid_grant"));
  let flights = underWay.get(engine.store);
  if (flights === undefined) {
    flights = new Map();
    underWay.set(engine.store, flights);
  }
  const key = JSON.stringify([token.hash, input.clientId, input.jkt, input.scope]);
  const flight = flights.get(key);
  if (flight !== undefined) return flight;
  const redeemed = redeem(engine, token, input, actor).finally(() => flights.delete(key));
  flights.set(key, redeemed);
  return redeemed;
}

async function redeem(engine: Engine, token: ParsedRefreshToken, input: RefreshInput, actor: Actor): Promise<Tokens> {
  for (let tries = 0; tries < 3; tries += 1) {
    const outcome = await engine.store.transaction((trx) => redeemOnce(engine, trx, { token, input }, actor));
    engine.events.nudge();
    if (outcome.kind === "refused")
      throw new SegnoError(outcome.code, undefined, { detail: { reason: outcome.reason } });
    if (outcome.kind === "lost_race") continue;
    if (outcome.isRepeat) await engine.limiter.take(repeatRule, token.familyId);
    return outcome.tokens;
  }
  throw new SegnoError("store_unavailable", "A refresh token was rotated again and again while it was redeemed.");
}

type Outcome =
  | { readonly kind: "done"; readonly tokens: Tokens; readonly isRepeat: boolean }
  | { readonly kind: "refused"; readonly code: SegnoErrorCode; readonly reason: string }
  /** Another request rotated in between: look again. */
  | { readonly kind: "lost_race" };

interface Redemption {
  readonly token: ParsedRefreshToken;
  readonly input: RefreshInput;
}

/** The token that is current is redeemed by one statement. Only when that takes no effect is it asked why. */
async function redeemOnce(engine: Engine, trx: Db, { token, input }: Redemption, actor: Actor): Promise<Outcome> {
  const nowMs = engine.clock.nowMs();
  const kept = await keepBound(engine, trx, { token, input, nowMs });
  const rotated = kept ?? (await rotate(engine, trx, { token, input, nowMs }));
  if (rotated === "session_not_live") return refused(rotated);
  if (rotated !== undefined) return await answer(engine, trx, { ...rotated, input, nowMs, isRepeat: false }, actor);
  return await judgeOther(engine, trx, { token, input, nowMs }, actor);
}

interface Presented extends Redemption {
  readonly nowMs: number;
}

/** A token that is not current, or of a family that is not to be used: the previous one in time, or a refusal. */
async function judgeOther(engine: Engine, trx: Db, presented: Presented, actor: Actor): Promise<Outcome> {
  const { token, input, nowMs } = presented;
  const found = await findFamily(trx, token.familyId, nowMs);
  if (found === undefined) return refused("unknown_family");
  const { family, session } = found;
  if (family.client_id !== input.clientId) return refused("other_client");
  if (family.revoked_at !== null) return refused("family_ended");
  if (!(family.idle_expires_at > nowMs && family.absolute_expires_at > nowMs)) {
    // closed for good: a clock that is set back does not open it again
    await endFamily(trx, { familyId: family.id, nowMs, reason: "expired" });
    return refused("family_expired");
  }
  if (!found.isSessionLive) return refused("session_not_live");
  if (family.dpop_jkt !== null && input.jkt === undefined) return refused("proof_missing", "invalid_dpop_proof");
  if (family.dpop_jkt !== null && family.dpop_jkt !== input.jkt) return refused("other_key");

  const standing = standingOf(engine, family, token, nowMs);
  if (standing === "not_ours") return refused("not_ours");
  if (standing === "undecided") return refused("clock_set_back");
  if (isReuse(standing)) {
    await endForReuse(engine, trx, { family, reuseClass: standing, nowMs }, whoOf(actor, family));
    return refused(standing);
  }
  if (standing === "current" || family.successor_nonce === null) return { kind: "lost_race" };
  const succession = { presented: token, nonce: family.successor_nonce };
  const successor = sameSuccessor(engine.secrets, succession, family.current_hash);
  if (successor === undefined) return refused("secret_gone");
  return await answer(engine, trx, { family, session, successor, input, nowMs, isRepeat: true }, actor);
}

interface Redeemed {
  readonly family: FamilyFacts;
  readonly session: SessionFacts;
  readonly successor: string;
}

async function answer(
  engine: Engine,
  trx: Db,
  redeemed: Redeemed & { readonly input: RefreshInput; readonly nowMs: number; readonly isRepeat: boolean },
  actor: Actor,
): Promise<Outcome> {
  const { family, session, successor, input, nowMs, isRepeat } = redeemed;
  const scopes = family.scope === "" ? [] : family.scope.split(" ");
  const scope = allowedScope(await scopesHeld(engine, trx, { userId: family.user_id, scopes }), input.scope);
  const jkt = family.dpop_jkt ?? input.jkt;
  const minted = await mintAccessToken(engine, trx, {
    session,
    clientId: family.client_id,
    audience: family.audience,
    scope,
    jkt,
    statusIndex: family.status_index,
  });
  const refreshed = { familyId: family.id, jti: minted.claims.jti, generation: family.generation, isRepeat };
  await engine.events.appendAll(trx, whoOf(actor, family), [
    issuedEvent({ minted, familyId: family.id }),
    { type: "token.refreshed", data: refreshed },
  ]);
  const refreshExpiresInSeconds = Math.floor((family.idle_expires_at - nowMs) / 1000);
  return {
    kind: "done",
    tokens: { ...presentTokens(minted), refreshToken: successor, refreshExpiresInSeconds },
    isRepeat,
  };
}

function whoOf(actor: Actor, family: FamilyFacts): Actor {
  return { ...actor, subject: family.user_id, sessionId: family.session_id, clientId: family.client_id };
}

function isReuse(standing: Standing): standing is ReuseClass {
  return standing === "previous_after_grace" || standing === "stale_generation" || standing === "orphaned_branch";
}

type Standing = "current" | "previous" | ReuseClass | "not_ours" | "undecided";

function standingOf(engine: Engine, family: FamilyRow, token: ParsedRefreshToken, nowMs: number): Standing {
  if (token.hash === family.current_hash) return "current";
  if (token.hash === family.previous_hash && family.rotated_at !== null) {
    const ageMs = nowMs - family.rotated_at;
    if (ageMs < -clockSkewMs) return "undecided";
    return ageMs <= engine.config.tokens.refreshGraceSeconds * 1000 ? "previous" : "previous_after_grace";
  }
  if (!token.isGenuine()) return "not_ours";
  return token.generation < family.generation ? "stale_generation" : "orphaned_branch";
}

/**
 * Where the policy says so, a family bound to a key keeps its token: a copy of it is worth nothing without the key, so
 * there is no race to lose (RFC 9700 section 4.14.2).
 */
async function keepBound(
  engine: Engine,
  trx: Db,
  { token, input, nowMs }: Presented,
): Promise<Redeemed | "session_not_live" | undefined> {
  if (engine.config.tokens.rotateBound || input.jkt === undefined) return undefined;
  const idleExpiresAtMs = nowMs + engine.config.tokens.refreshIdleSeconds * 1000;
  const facts = { familyId: token.familyId, presentedHash: token.hash, clientId: input.clientId, jkt: input.jkt };
  const family = await keepBoundFamily(trx, { ...facts, nowMs, idleExpiresAtMs });
  if (family === undefined) return undefined;
  return await withSession(trx, { family, successor: token.text, nowMs });
}

async function rotate(
  engine: Engine,
  trx: Db,
  { token: presented, input, nowMs }: Presented,
): Promise<Redeemed | "session_not_live" | undefined> {
  const nonce = newNonce(engine.random);
  const successor = newSuccessor(engine.secrets, { presented, nonce });
  const family = await rotateFamily(trx, {
    familyId: presented.familyId,
    presentedHash: presented.hash,
    successorHash: hashRefreshToken(successor),
    successorNonce: nonce,
    clientId: input.clientId,
    jkt: input.jkt ?? null,
    nowMs,
    idleExpiresAtMs: nowMs + engine.config.tokens.refreshIdleSeconds * 1000,
  });
  if (family === undefined) return undefined;
  return await withSession(trx, { family, successor, nowMs });
}

async function withSession(
  trx: Db,
  { family, successor, nowMs }: Omit<Redeemed, "session"> & { readonly nowMs: number },
): Promise<Redeemed | "session_not_live"> {
  const idleExpiresAtMs = family.idle_expires_at;
  const session = await keepSessionAlive(trx, { sessionId: family.session_id, nowMs, idleExpiresAtMs });
  return session === undefined ? "session_not_live" : { family, session, successor };
}

async function endForReuse(
  engine: Engine,
  trx: Db,
  input: { readonly family: FamilyRow; readonly reuseClass: ReuseClass; readonly nowMs: number },
  actor: Actor,
): Promise<void> {
  const { family, reuseClass, nowMs } = input;
  forgetSession(engine, family.session_id);
  if (!(await endFamily(trx, { familyId: family.id, nowMs, reason: `reuse:${reuseClass}` }))) return;
  await engine.events.appendAll(trx, actor, [
    { type: "risk.alert", data: { kind: "refresh_token_reuse", reuseClass, familyId: family.id } },
    { type: "token.revoked", data: { kind: "family", reason: "reuse", familyId: family.id } },
  ]);
}

function refused(reason: string, code: SegnoErrorCode = "invalid_grant"): Outcome {
  return { kind: "refused", code, reason };
}
