import type { ResolvedConfig } from "../config.js";
import type { KeyAlgorithm, KeyCustody, KeyPurpose } from "./custody.js";

/** Purposes whose keys sign tokens, and so stand in a key set that verifiers fetch. */
const tokenPurposes: readonly KeyPurpose[] = ["access_token", "document"];

/** Every purpose there is. */
export const keyPurposes: readonly KeyPurpose[] = [...tokenPurposes, "audit", "data"];

export function signsTokens(purpose: KeyPurpose): boolean {
  return tokenPurposes.includes(purpose);
}

/** How long a key of this purpose is used before the spare takes its place. */
export function cadenceSeconds({ keys }: Pick<ResolvedConfig, "keys">, purpose: KeyPurpose): number {
  if (purpose === "audit") return keys.auditSigningSeconds;
  return purpose === "data" ? keys.dataSealingSeconds : keys.signingSeconds;
}

/**
 * The record is checked by programs that know Ed25519 and little else, for years: there it does not matter what verifiers
 * of tokens take.
 */
export function signatureAlgorithm(
  { keys }: Pick<ResolvedConfig, "keys">,
  purpose: KeyPurpose,
  custody: KeyCustody,
): KeyAlgorithm {
  if (purpose !== "audit") return keys.algorithm;
  const isMade = custody.mode === "wrapped" || custody.algorithms === undefined;
  return isMade || custody.algorithms.includes("EdDSA") ? "EdDSA" : "ES256";
}
