import type { ResolvedConfig } from "../config.js";

/** Every audience a token of this engine may be for: what nobody listed no token names. */
export function knownAudiences(config: ResolvedConfig): readonly string[] {
  const ofServices = [...config.services.values()].flatMap(({ audiences }) => audiences);
  return [...new Set([config.issuer, ...config.tokens.audiences, ...ofServices])];
}

/** Every scope a token of this engine may hold. */
export function knownScopes(config: ResolvedConfig): readonly string[] {
  const ofServices = [...config.services.values()].flatMap(({ scopes }) => scopes);
  return [...new Set([...config.tokens.scopes, ...ofServices])];
}
