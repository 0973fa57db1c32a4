import { type AccessTokenVerifier, type ClaimsOf, createAccessTokenVerifier } from "@segno/core";
import { knownAudiences } from "../clients/index.js";
import type { Engine } from "../engine.js";

/** Users and services alike: who asks looks which it is. */
type Verifier = AccessTokenVerifier<ClaimsOf<"any">>;

interface OwnVerifiers {
  /** Tokens meant for this engine's own API. */
  readonly api: Verifier;
  /** Every token this engine issues: for introspection and revocation, which ask the store whatever is remembered here. */
  readonly any: Verifier;
}

const verifiers = new WeakMap<object, OwnVerifiers>();

/** The engine as a verifier of its own tokens: the same checks as everybody else's, keys from memory. */
export function ownVerifiers(engine: Engine): OwnVerifiers {
  const known = verifiers.get(engine.signer);
  if (known !== undefined) return known;
  const { issuer } = engine.config;
  const common = {
    issuer,
    keys: engine.signer.keySet,
    algorithms: ["ES256", "EdDSA"],
    clock: engine.clock,
    clockToleranceSeconds: 5,
    caller: "any",
  } as const;
  const made: OwnVerifiers = {
    api: createAccessTokenVerifier({ ...common, audience: issuer }),
    any: createAccessTokenVerifier({ ...common, audience: knownAudiences(engine.config) }),
  };
  verifiers.set(engine.signer, made);
  return made;
}
