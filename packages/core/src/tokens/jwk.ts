/** A public JSON Web Key (RFC 7517), structurally: what jose, node:crypto and WebCrypto export all fit. */
export interface PublicJwk {
  readonly kty?: string | undefined;
  readonly kid?: string | undefined;
  readonly alg?: string | undefined;
  readonly use?: string | undefined;
  readonly key_ops?: readonly string[] | undefined;
  readonly crv?: string | undefined;
  readonly x?: string | undefined;
  readonly y?: string | undefined;
  readonly n?: string | undefined;
  readonly e?: string | undefined;
}

/** A JWK Set: what a `jwks_uri` answers. */
export interface JwkSet {
  readonly keys: readonly PublicJwk[];
}

const privateMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] as const;

/**
 * True when a JWK carries private or symmetric key material, whatever its type says. A member that is `undefined` is
 * absent: workerd exports public keys that way.
 */
export function hasPrivateMaterial(jwk: object): boolean {
  return privateMembers.some(
    (member) => member in jwk && (jwk as Readonly<Record<string, unknown>>)[member] !== undefined,
  );
}
