import { type AccessTokenClaims, type Confirmation, SegnoError, scopeList } from "@segno/core";
import { scopesHeld } from "../consents/index.js";
import type { ServiceClient } from "../config.js";
import type { Actor, Engine } from "../engine.js";
import { confirmationFor } from "./grant-client-credentials.js";
import { readClaims } from "./introspect-token.js";
import { issuedEvent, presentTokens, type Tokens } from "./issue-tokens.js";
import { type MintedAccessToken, mintDelegatedToken } from "./mint-access-token.js";
import { audiencesFor } from "./resource-indicators.js";
import { isTokenLive } from "./token-liveness.js";

/** The one token type that is taken and given (RFC 8693 section 3). */
export const accessTokenType = "urn:ietf:params:oauth:token-type:access_token";

/** Links in a chain of delegation: more is a mistake, or somebody in a circle. */
const maxActors = 3;

/** What a client asks for in a user's name, and what its request proved. */
export interface ExchangeInput {
  readonly service: ServiceClient;
  readonly subjectToken: string | undefined;
  readonly subjectTokenType: string | undefined;
  readonly actorToken: string | undefined;
  readonly actorTokenType: string | undefined;
  readonly requestedTokenType: string | undefined;
  /** Space-separated; undefined for what subject and client both hold. */
  readonly scope: string | undefined;
  /** `resource` and `audience` parameters. */
  readonly targets: readonly string[];
  /** Checks the request's DPoP proof, if there is one; bound to this token when it must be. Spends it: call once. */
  readonly proveKey: (binding?: {
    readonly accessToken: string;
    readonly expectedJkt: string;
  }) => Promise<string | undefined>;
  readonly thumbprint: string | undefined;
}

/**
 * Gives a client a token by which it acts for a user (RFC 8693, delegation): the user's own, with the client in `act`.
 * It is for one listed audience, holds no scope that the user's token or the client lacks, does not live longer, belongs
 * to the same session, and is bound to what the user's token is bound to.
 *
 * Only tokens that name the client's own audience may be exchanged, of the clients listed in `mayActFor`; a token is good
 * for its client alone. Without `act` there is nothing to be had: nobody impersonates anybody here.
 * Not checked here: who the client is, and that it may use this grant.
 * @throws SegnoError `invalid_request` (RFC 8693 section 2.2.2: also for a token that is not good), `invalid_target`,
 * `invalid_scope`, `invalid_dpop_proof`, `key_unavailable`
 */
export async function exchangeToken(engine: Engine, input: ExchangeInput, actor: Actor): Promise<Tokens> {
  const { service } = input;
  if (input.requestedTokenType !== undefined && input.requestedTokenType !== accessTokenType)
    throw refused("requested_token_type");
  const subject = await subjectOf(engine, input);
  await checkActorToken(engine, input);
  const audience = audiencesFor(service, input.targets);
  if (typeof audience !== "string") throw new SegnoError("invalid_target");
  const scopes = await scopesHeld(engine, engine.store.db, { userId: subject.sub, scopes: scopeList(subject.scope) });
  const scope = narrowedScope(service, scopes, input.scope);
  const confirmation = await confirmationOf(input, subject);
  const subjectKid = kidOf(input.subjectToken ?? "");
  const minted = await engine.store.transaction(async (trx) => {
    const token = await mintDelegatedToken(engine, trx, {
      service,
      subject,
      subjectKid,
      audience,
      scope,
      confirmation,
    });
    const who = {
      ...actor,
      kind: "service" as const,
      by: service.id,
      subject: subject.sub,
      sessionId: subject.sid,
      clientId: service.id,
    };
    await engine.events.appendAll(trx, who, [issuedEvent({ minted: token }), exchangedEvent(token, subject, scope)]);
    return token;
  });
  engine.events.nudge();
  return presentTokens(minted);
}

function exchangedEvent(minted: MintedAccessToken, subject: AccessTokenClaims, scope: string) {
  const { jti, aud, client_id } = minted.claims;
  return {
    type: "token.exchanged",
    data: {
      jti,
      subjectJti: subject.jti,
      audience: typeof aud === "string" ? [aud] : aud,
      scope,
      actors: [client_id, ...actorsOf(subject)],
    },
  } as const;
}

/** A user's token that is good now, and that this client may have exchanged. Every reason looks alike. */
async function subjectOf(engine: Engine, input: ExchangeInput): Promise<AccessTokenClaims> {
  const { subjectToken, subjectTokenType, service } = input;
  if (subjectToken === undefined || subjectTokenType !== accessTokenType) throw refused("subject_token_type");
  const claims = await readClaims(engine, subjectToken);
  if (claims === undefined) throw refused("subject_token");
  if (claims.sid === undefined) throw refused("subject_is_a_service");
  const rights = service.mayActFor;
  const audiences = typeof claims.aud === "string" ? [claims.aud] : claims.aud;
  if (rights === undefined || !audiences.some((audience) => rights.audiences.includes(audience)))
    throw refused("audience");
  if (!rights.clients.includes(claims.client_id)) throw refused("may_act");
  const actors = actorsOf(claims);
  if (actors.includes(service.id) || actors.length >= maxActors) throw refused("chain");
  if (!(await isTokenLive(engine, claims))) throw refused("subject_token_over");
  return claims;
}

/** The client itself is the actor. A token that says so may come along; one that says something else may not. */
async function checkActorToken(engine: Engine, input: ExchangeInput): Promise<void> {
  const { actorToken, actorTokenType, service, thumbprint } = input;
  if (actorToken === undefined && actorTokenType === undefined) return;
  if (actorToken === undefined || actorTokenType !== accessTokenType) throw refused("actor_token_type");
  const claims = await readClaims(engine, actorToken);
  if (claims === undefined || claims.sid !== undefined || claims.client_id !== service.id) throw refused("actor_token");
  // a request has one proof, and that is about the subject's key
  if (claims.cnf?.jkt !== undefined) throw refused("actor_token_bound");
  requireCertificate(claims.cnf, thumbprint);
  if (!(await isTokenLive(engine, claims))) throw refused("actor_token_over");
}

/**
 * What both hold, or what of it was asked for.
 * @throws SegnoError `invalid_scope`
 */
function narrowedScope(service: ServiceClient, held: readonly string[], asked: string | undefined): string {
  const shared = held.filter((scope) => service.scopes.includes(scope));
  if (asked === undefined) return shared.join(" ");
  const wanted = [...new Set(scopeList(asked))];
  if (!wanted.every((scope) => shared.includes(scope))) throw new SegnoError("invalid_scope");
  return wanted.join(" ");
}

/** A bound token needs its proof here as anywhere, and what is made of it is bound to the same. */
async function confirmationOf(input: ExchangeInput, subject: AccessTokenClaims): Promise<Confirmation | undefined> {
  const { service, thumbprint, subjectToken = "" } = input;
  const expectedJkt = subject.cnf?.jkt;
  requireCertificate(subject.cnf, thumbprint);
  const jkt = await input.proveKey(expectedJkt === undefined ? undefined : { accessToken: subjectToken, expectedJkt });
  if (expectedJkt !== undefined && jkt !== expectedJkt) throw new SegnoError("invalid_dpop_proof");
  const own = confirmationFor(service, { jkt, thumbprint });
  return subject.cnf?.["x5t#S256"] === undefined ? own : { ...own, "x5t#S256": subject.cnf["x5t#S256"] };
}

function requireCertificate(cnf: Confirmation | undefined, thumbprint: string | undefined): void {
  const bound = cnf?.["x5t#S256"];
  if (bound !== undefined && bound !== thumbprint) throw refused("certificate");
}

/** Of a token that was verified. */
function kidOf(token: string): string {
  const header = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as {
    readonly kid?: string;
  };
  return header.kid ?? "";
}

function actorsOf({ act }: AccessTokenClaims): readonly string[] {
  const actors: string[] = [];
  for (let actor = act; actor !== undefined; actor = actor.act) actors.push(actor.sub);
  return actors;
}

function refused(reason: string): SegnoError {
  return new SegnoError("invalid_request", "The tokens cannot be exchanged.", { detail: { reason } });
}
