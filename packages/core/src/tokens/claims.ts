/** What every Segno access token says, whoever it is about. */
interface SharedClaims {
  readonly iss: string;
  readonly aud: string | readonly string[];
  readonly client_id: string;
  readonly jti: string;
  /** Issued at, seconds since the epoch. */
  readonly iat: number;
  /** Expires at, seconds since the epoch. */
  readonly exp: number;
  readonly nbf?: number;
  /**
   * Where to look whether it was revoked: a place in a status list (draft-ietf-oauth-status-list section 6.2). Every
   * token that Segno issues has one.
   */
  readonly status?: { readonly status_list: { readonly idx: number; readonly uri: string } };
  /** Space-separated scopes. */
  readonly scope: string;
  readonly cnf?: Confirmation;
}

/** The claims of a user's access token: RFC 9068 with `sid` and, for bound tokens, `cnf` (RFC 9449 section 6). */
export interface AccessTokenClaims extends SharedClaims {
  /** The user's id. */
  readonly sub: string;
  readonly sid: string;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly auth_time: number;
  /** Who acts for the subject, if somebody does (RFC 8693 section 4.1). */
  readonly act?: ActorClaim;
}

/**
 * The claims of a service's own access token (`client_credentials`, RFC 9068 section 2.2): about no user, so it has no
 * session and says nothing of how anybody signed in. `sub` is the client itself.
 */
export interface ServiceTokenClaims extends SharedClaims {
  /** Equal to `client_id`. */
  readonly sub: string;
  readonly sid?: never;
  readonly acr?: never;
  readonly amr?: never;
  readonly auth_time?: never;
  readonly act?: never;
}

/** What the holder must prove: every member that is there. */
export interface Confirmation {
  /** Thumbprint of the JWK the token is bound to (RFC 9449 section 6.1). */
  readonly jkt?: string;
  /** SHA-256 of the client certificate the token is bound to, base64url (RFC 8705 section 3.1). */
  readonly "x5t#S256"?: string;
}

/** One link of a chain of delegation; `act` inside is who acted before. */
export interface ActorClaim {
  /** The client that acts. */
  readonly sub: string;
  readonly act?: ActorClaim;
}

/** Whose tokens somebody accepts. */
export type TokenCaller = "user" | "service" | "any";

/** The claims that tokens of these callers have. */
export type ClaimsOf<Caller extends TokenCaller> = Caller extends "user"
  ? AccessTokenClaims
  : Caller extends "service"
    ? ServiceTokenClaims
    : AccessTokenClaims | ServiceTokenClaims;
