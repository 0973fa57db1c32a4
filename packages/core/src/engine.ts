import type { AuthState } from "./auth-state.js";

/** The socket's end, as the host server sees it. Never taken from a header. */
export interface Peer {
  readonly remoteAddress?: string;
}

/** Headers as either the web or Node hands them over. */
export type HeaderSource =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface AuthenticateInput {
  readonly headers: HeaderSource;
  /** HTTP method and absolute URL: needed to check a DPoP proof (RFC 9449 section 4.3). */
  readonly method?: string;
  readonly url?: string;
  readonly peer?: Peer;
  /** Ask the store even where a cache would answer. For sensitive actions. */
  readonly fresh?: boolean;
}

/** What framework adapters need of an engine. `createSegno()` returns one; anything of this shape will do. */
export interface SegnoEngine {
  readonly handler: (request: Request, peer?: Peer) => Promise<Response>;
  /** Reads the session cookie or the access token of a request. Bad credentials are a state, not an exception. */
  readonly authenticate: (input: AuthenticateInput) => AuthState | Promise<AuthState>;
  /** Where the engine is mounted, for example `/api/auth`. */
  readonly basePath: string;
  readonly issuer: string;
  /** Origin the application is reached at; absent: the origin of `issuer`. The Host header is never asked. */
  readonly origin?: string;
  /** The engine's clock, so that ages are judged by the time its credentials were issued in; absent: system time. */
  readonly clock?: { nowMs(): number };
}
