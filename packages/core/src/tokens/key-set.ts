import { backend } from "#crypto";
import { decodeBase64Url } from "../base64url.js";
import type { BackendKey } from "../crypto/backend.js";
import { rowsForKey, type SigningAlgorithm } from "./algorithms.js";
import { hasPrivateMaterial, type PublicJwk } from "./jwk.js";

/** What a token's header says about its key, already held against the allowed algorithms. */
export interface KeyQuery {
  /** Absent when the token names no key: then the set must hold exactly one that fits. */
  readonly kid: string | undefined;
  readonly alg: SigningAlgorithm;
}

/** A public key ready for use with one algorithm. */
export interface VerificationKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  /** The backend's own form; opaque. */
  readonly key: BackendKey;
}

/** Where a verifier finds public keys. `createRemoteKeySet` and `createLocalKeySet` make one. */
export interface KeySet {
  /** The key if it is in memory and still good to use; never waits. Looked up again on every cache hit. */
  current(query: KeyQuery): VerificationKey | undefined;
  /**
   * The key, fetching if need be; `undefined` when the set does not know it.
   * @throws SegnoError `key_set_unavailable`
   */
  resolve(query: KeyQuery): Promise<VerificationKey | undefined>;
}

/** The keys of one JWK Set by `kid`; a key that names none is under the empty string. */
export type LoadedKeys = ReadonlyMap<string, readonly VerificationKey[]>;

/** Finds by kid and algorithm; without a kid only where a single key fits. */
export function findKey(keys: LoadedKeys, query: KeyQuery): VerificationKey | undefined {
  if (query.kid !== undefined) return keys.get(query.kid)?.find((key) => key.alg === query.alg);
  const fitting = [...keys.values()].flat().filter((key) => key.alg === query.alg);
  return fitting.length === 1 ? fitting[0] : undefined;
}

const maxKeys = 100;

/**
 * Checks the shape of a JWK Set and picks the signature keys. Keys of unknown types and keys for other uses are
 * passed over; private or symmetric material, a `kid` used twice, or a weak key refuse the whole set.
 * @throws TypeError saying why, without key material
 */
export function validateJwkSet(value: unknown): readonly PublicJwk[] {
  if (typeof value !== "object" || value === null || !("keys" in value) || !Array.isArray(value.keys)) {
    throw new TypeError("Not a JWK Set.");
  }
  if (value.keys.length > maxKeys) throw new TypeError("The JWK Set holds too many keys.");
  const kids = new Set<string>();
  const usable: PublicJwk[] = [];
  for (const item of value.keys as readonly unknown[]) {
    if (typeof item !== "object" || item === null) throw new TypeError("The JWK Set holds something that is no key.");
    if (hasPrivateMaterial(item)) throw new TypeError("The JWK Set holds private key material.");
    const jwk = item as PublicJwk;
    if (jwk.kid !== undefined && typeof jwk.kid !== "string") throw new TypeError("A kid in the JWK Set is no string.");
    const kid = jwk.kid ?? "";
    if (kids.has(kid)) throw new TypeError("The JWK Set uses one kid twice.");
    kids.add(kid);
    if (isForSignatures(jwk) && rowsForKey(jwk).length > 0) usable.push(checkStrength(jwk));
  }
  return usable;
}

function isForSignatures(jwk: PublicJwk): boolean {
  if (jwk.use !== undefined && jwk.use !== "sig") return false;
  return jwk.key_ops === undefined || (Array.isArray(jwk.key_ops) && jwk.key_ops.includes("verify"));
}

/** RSA below 2048 bits is refused, and a modulus that is not spelled as RFC 7518 section 6.3.1.1 says: zeros in front count nothing. */
function checkStrength(jwk: PublicJwk): PublicJwk {
  if (jwk.kty === "RSA" && !(typeof jwk.n === "string" && bitsOf(jwk.n) >= 2048)) {
    throw new TypeError("The JWK Set holds an RSA key shorter than 2048 bits.");
  }
  return jwk;
}

function bitsOf(modulus: string): number {
  try {
    const [first = 0, ...rest] = decodeBase64Url(modulus);
    return first === 0 ? 0 : 32 - Math.clz32(first) + 8 * rest.length;
  } catch {
    return 0;
  }
}

/** Imports validated keys; at once where the backend can, else as a promise. */
export function importKeys(jwks: readonly PublicJwk[]): LoadedKeys | Promise<LoadedKeys> {
  const imports = jwks.flatMap((jwk) =>
    rowsForKey(jwk).map((row) => ({ kid: jwk.kid ?? "", alg: row.alg, key: backend.importPublicKey(jwk, row) })),
  );
  const ready = imports.filter((item): item is VerificationKey => !(item.key instanceof Promise));
  if (ready.length === imports.length) return group(ready);
  return Promise.all(imports.map(async ({ kid, alg, key }) => ({ kid, alg, key: await key }))).then(group);
}

function group(keys: readonly VerificationKey[]): LoadedKeys {
  const byKid = new Map<string, VerificationKey[]>();
  for (const key of keys) byKid.set(key.kid, [...(byKid.get(key.kid) ?? []), key]);
  return byKid;
}
