import { type AccessTokenVerifier, createAccessTokenVerifier } from "@segno/core";
import type { Engine } from "../engine.js";

interface OwnVerifiers {
  /** Tokens meant for this engine's own API. */
  readonly api: AccessTokenVerifier;
  /** Every token this engine issues: for introspection and revocation, which ask the store whatever is remembered here. */
  readonly any: AccessTokenVerifier;
}

const verifiers = new WeakMap<object, OwnVerifiers>();

/** The engine as a verifier of its own tokens: the same checks as everybody else's, keys from memory. */
export function ownVerifiers(engine: Engine): OwnVerifiers {
  const known = verifiers.get(engine.signer);
  if (known !== undefined) return known;
  const { issuer, tokens } = engine.config;
  const common = {
    issuer,
    keys: engine.signer.keySet,
    algorithms: ["ES256", "EdDSA"],
    clock: engine.clock,
    clockToleranceSeconds: 5,
  } as const;
  const made: OwnVerifiers = {
    api: createAccessTokenVerifier({ ...common, audience: issuer }),
    any: createAccessTokenVerifier({ ...common, audience: [issuer, ...tokens.audiences] }),
  };
  verifiers.set(engine.signer, made);
  return made;
}
