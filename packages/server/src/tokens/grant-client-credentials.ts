import { type Confirmation, SegnoError } from "@segno/core";
import { isServiceLive } from "../clients/index.js";
import type { ServiceClient } from "../config.js";
import type { Actor, Engine } from "../engine.js";
import { issuedEvent, presentTokens, type Tokens } from "./issue-tokens.js";
import { allowedScope, mintServiceToken } from "./mint-access-token.js";
import { audiencesFor } from "./resource-indicators.js";

/** What a service asks for, and what its request proved. */
export interface ClientCredentialsInput {
  readonly service: ServiceClient;
  /** Space-separated; undefined for all scopes of the client. */
  readonly scope: string | undefined;
  /** `resource` parameters. */
  readonly resources: readonly string[];
  /** Thumbprint from a checked DPoP proof. */
  readonly jkt: string | undefined;
  /** Of the client certificate of the request. */
  readonly thumbprint: string | undefined;
}

/**
 * Gives a service an access token of its own (RFC 6749 section 4.4, RFC 9068): no user, no session, no refresh token.
 * Not checked here: who the client is, and that it may use this grant.
 * @throws SegnoError `invalid_scope`, `invalid_target`, `invalid_request`, `invalid_client`, `key_unavailable`
 */
export async function grantClientCredentials(
  engine: Engine,
  input: ClientCredentialsInput,
  actor: Actor,
): Promise<Tokens> {
  const { service } = input;
  const audience = audiencesFor(service, input.resources);
  const scope = allowedScope(service.scopes, input.scope);
  const confirmation = confirmationFor(service, input);
  const minted = await engine.store.transaction(async (trx) => {
    const token = await mintServiceToken(engine, trx, { service, audience, scope, confirmation });
    // revoked meanwhile: asked after the token took its place in the status lists, so that a token either is refused
    // here or names the place that the revocation gave up
    if (!(await isServiceLive(engine, service.id, trx))) throw new SegnoError("invalid_client");
    await engine.events.appendAll(trx, { ...actor, kind: "service", clientId: service.id }, [
      issuedEvent({ minted: token }),
    ]);
    return token;
  });
  engine.events.nudge();
  return presentTokens(minted);
}

/**
 * What a token of this client must be bound to: the key it proved, and its certificate if it is registered so (RFC 8705
 * section 3).
 * @throws SegnoError `invalid_request` when the certificate is missing
 */
export function confirmationFor(
  service: ServiceClient,
  { jkt, thumbprint }: Pick<ClientCredentialsInput, "jkt" | "thumbprint">,
): Confirmation | undefined {
  if (service.certificateBound && thumbprint === undefined)
    throw new SegnoError("invalid_request", "A client whose tokens are bound to its certificate showed none.");
  if (jkt === undefined && !service.certificateBound) return undefined;
  return {
    ...(jkt === undefined ? {} : { jkt }),
    ...(service.certificateBound && thumbprint !== undefined ? { "x5t#S256": thumbprint } : {}),
  };
}
