import { createLocalKeySet } from "./local-key-set.js";
import { audience, issuer, testKey, turnableClock } from "./token.double.js";
import {
  type AccessTokenVerifier,
  type AccessTokenVerifierOptions,
  createAccessTokenVerifier,
} from "./verify-access-token.js";

/** The key that the verifier of these suites knows. */
export const key: ReturnType<typeof testKey> = testKey("key-1");
export const keys: ReturnType<typeof createLocalKeySet> = createLocalKeySet({ keys: [key.jwk] });

export function verifierWith(options: Partial<AccessTokenVerifierOptions> = {}): AccessTokenVerifier {
  return createAccessTokenVerifier({ issuer, audience, keys, clock: turnableClock(), ...options });
}
