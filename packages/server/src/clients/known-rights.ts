import type { SigningAlgorithm } from "@segno/core";
import type { ResolvedConfig } from "../config.js";

/** What a client's assertions may be signed with, if it is registered so; without a word about it, all but RS256. */
export const assertionAlgorithms: readonly SigningAlgorithm[] = [
  "ES256",
  "ES384",
  "EdDSA",
  "Ed25519",
  "PS256",
  "RS256",
];

/** At least one, and only such as there are. */
export function areAssertionAlgorithms(names: readonly string[]): boolean {
  return names.length > 0 && names.every((name) => (assertionAlgorithms as readonly string[]).includes(name));
}

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
