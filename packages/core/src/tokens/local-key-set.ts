import type { JwkSet } from "./jwk.js";
import { findKey, importKeys, type KeySet, type LoadedKeys, validateJwkSet } from "./key-set.js";

/**
 * A key set from public keys at hand: for tests, pinned keys, or a process that is its own issuer.
 * @throws TypeError when the set holds private material, a kid twice, or something that is no key
 * @example
 * const keys = createLocalKeySet({ keys: [publicJwk] });
 */
export function createLocalKeySet(jwks: JwkSet): KeySet {
  const imported = importKeys(validateJwkSet(jwks));
  let loaded: LoadedKeys | undefined;
  const loading =
    imported instanceof Promise
      ? imported.then((keys) => {
          loaded = keys;
          return keys;
        })
      : Promise.resolve(imported);
  if (!(imported instanceof Promise)) loaded = imported;
  loading.catch(() => undefined); // reported by resolve()
  return {
    current: (query) => (loaded === undefined ? undefined : findKey(loaded, query)),
    resolve: async (query) => findKey(await loading, query),
  };
}
