import type { Result } from "../result.js";
import type { HeldToken } from "./held-token.js";

/** What token is wanted; absent means the default audience and all scopes of the session. */
export interface TokenOptions {
  /** Cookie mode only: in token mode the audience is that of the refresh family. */
  readonly audience?: string;
  /** Space-separated. */
  readonly scope?: string;
}

/** Gets a new access token from the service. `session_gone` errors carry `unauthenticated` or `invalid_grant`. */
export type FetchToken = (holder: string, options: TokenOptions) => Promise<Result<HeldToken>>;
