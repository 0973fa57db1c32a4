import type { AccessTokenClaims, ServiceTokenClaims } from "./claims.js";
import type { VerificationKey } from "./key-set.js";

/** What was proven about a token, and with which key. */
export interface CachedToken {
  readonly claims: AccessTokenClaims | ServiceTokenClaims;
  readonly kid: string | undefined;
  readonly key: VerificationKey;
}

/** Which cached tokens to forget: those that match every member given. */
export interface TokenMatch {
  readonly jti?: string;
  readonly sid?: string;
  readonly sub?: string;
}

/** Verified tokens of one verifier by the SHA-256 of the whole token. Holds no token text. */
export interface TokenCache {
  get(digest: string): CachedToken | undefined;
  set(digest: string, entry: CachedToken): void;
  delete(digest: string): void;
  /** @returns how many were forgotten */
  forget(match: TokenMatch): number;
}

/**
 * A bounded cache: the oldest entry leaves when it is full. Only tokens that passed every check get in, so a flood of
 * bad ones cannot push good ones out. One cache belongs to one verifier; its options are thereby part of the key.
 */
export function createTokenCache(maxEntries: number): TokenCache {
  const entries = new Map<string, CachedToken>();
  // who came when: asking the map for its first key walks over everything that was deleted before it
  const arrivals: string[] = [];
  let oldest = 0;
  return {
    get: (digest) => entries.get(digest),
    set(digest, entry) {
      if (!entries.has(digest)) {
        if (arrivals.length >= maxEntries) entries.delete(arrivals[oldest] ?? "");
        arrivals[oldest] = digest;
        oldest = oldest + 1 === maxEntries ? 0 : oldest + 1;
      }
      entries.set(digest, entry);
    },
    delete: (digest) => void entries.delete(digest),
    forget({ jti, sid, sub }) {
      if (jti === undefined && sid === undefined && sub === undefined) return 0;
      let forgotten = 0;
      for (const [digest, { claims }] of entries) {
        if (jti !== undefined && claims.jti !== jti) continue;
        if (sid !== undefined && claims.sid !== sid) continue;
        if (sub !== undefined && claims.sub !== sub) continue;
        entries.delete(digest);
        forgotten += 1;
      }
      return forgotten;
    },
  };
}
