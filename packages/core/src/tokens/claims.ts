/** The claims of a Segno access token: RFC 9068 with `sid` and, for bound tokens, `cnf` (RFC 9449 section 6). */
export interface AccessTokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: string | readonly string[];
  readonly client_id: string;
  readonly jti: string;
  /** Issued at, seconds since the epoch. */
  readonly iat: number;
  /** Expires at, seconds since the epoch. */
  readonly exp: number;
  readonly nbf?: number;
  /** Space-separated scopes. */
  readonly scope: string;
  readonly sid: string;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly auth_time: number;
  /** Confirmation: the JWK thumbprint of the key the token is bound to. */
  readonly cnf?: { readonly jkt: string };
}
