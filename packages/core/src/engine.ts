import type { AuthState } from "./auth-state.js";

/** The socket's end, as the host server sees it. Never taken from a header. */
export interface Peer {
  readonly remoteAddress?: string;
  /** The certificate the client showed in the TLS handshake, where it showed one. */
  readonly certificate?: PeerCertificate;
}

/** A client certificate whose key was used in the handshake. */
export interface PeerCertificate {
  /** X.509 in DER. */
  readonly raw: Uint8Array;
  /** Whether the TLS server found a chain to an authority it trusts. */
  readonly isTrusted: boolean;
}

/** Headers as either the web or Node hands them over. */
export type HeaderSource =
  | {
      /** The value of a header, or null; the name in any case. */
      get(name: string): string | null;
    }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

/** What an engine looks at to say who is asking. */
export interface AuthenticateInput {
  readonly headers: HeaderSource;
  /** HTTP method and absolute URL: needed to check a DPoP proof (RFC 9449 section 4.3). */
  readonly method?: string;
  readonly url?: string;
  readonly peer?: Peer;
  /** Ask the store even where a cache would answer. For sensitive actions. */
  readonly fresh?: boolean;
}

/** A request as an adapter of a host with its own request objects can state it without building a `Request`. */
export interface PlainRequest {
  readonly method: string;
  /** Absolute, normalised as a URL parser writes it. Its origin is the configured one, never the Host header's. */
  readonly url: string;
  /** By lower-case name, as Node hands them over. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** The whole body; absent when there is none. */
  readonly body?: Uint8Array | string;
}

/** A whole answer. Header names are lower-case; cookies stand apart, one line each. */
export interface PlainResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly setCookies: readonly string[];
  readonly body: string | null;
}

/** What framework adapters need of an engine. `createSegno()` returns one; anything of this shape will do. */
export interface SegnoEngine {
  /** Answers every route of the engine. `peer` is the socket's end, for rate limits by address. */
  readonly handler: (request: Request, peer?: Peer) => Promise<Response>;
  /**
   * The same as `handler`, check for check, without web objects on either side: half the cost in Node. Never rejects.
   * Adapters use it where it is there.
   */
  readonly handle?: (request: PlainRequest, peer?: Peer) => Promise<PlainResponse>;
  /** Reads the session cookie or the access token of a request. Bad credentials are a state, not an exception. */
  readonly authenticate: (input: AuthenticateInput) => AuthState | Promise<AuthState>;
  /** Where the engine is mounted, for example `/api/auth`. */
  readonly basePath: string;
  readonly issuer: string;
  /** Origin the application is reached at; absent: the origin of `issuer`. The Host header is never asked. */
  readonly origin?: string;
  /** The engine's clock, so that ages are judged by the time its credentials were issued in; absent: system time. */
  readonly clock?: {
    /** Milliseconds since the epoch. */
    nowMs(): number;
  };
}
