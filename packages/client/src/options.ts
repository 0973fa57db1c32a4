import type { ProofKeyStore } from "./dpop/key-store.js";
import type { Clock, Locks, TabChannel, TokenStorage } from "./ports.js";
import type { ClientSpan } from "./trace.js";
import type { SessionSnapshot } from "./wire.js";

/** Options of `createSegnoClient`. All have defaults; a browser on the service's own origin needs none. */
export interface SegnoClientOptions {
  /** Origin of the service, for example `https://app.example.com`. Default: the page's own origin. */
  readonly baseUrl?: string;
  /** Where the service is mounted. Default: `/api/auth`. */
  readonly basePath?: string;
  /** Sends the requests. Default: the platform's fetch. */
  readonly fetch?: typeof fetch;
  /** `cookie` (default) for browsers on the service's site; `token` for native apps and other origins. */
  readonly mode?: "cookie" | "token";
  /** Bind tokens to a key that cannot leave this browser (RFC 9449). Default: false. */
  readonly dpop?: boolean;
  /** Whether the screens of `@segno/signin` tell the service what they show, for its funnel. No personal data. Default: true. */
  readonly reportUi?: boolean;
  /** Other origins whose APIs may see the access token through `client.fetch`. */
  readonly apiOrigins?: readonly string[];
  /** What a server-rendered page already knows: saves the session request. null: nobody is signed in. */
  readonly initialSession?: SessionSnapshot | null;
  /** Token mode: where the refresh token lives. Default: memory. */
  readonly storage?: TokenStorage;
  /** The OAuth client id of first-party apps. Default: `segno`. */
  readonly clientId?: string;
  /** Longest wait for one answer. Default: 10 000. */
  readonly timeoutMs?: number;
  /** Elapsed time. Default: monotonic, and counting while the machine sleeps. */
  readonly clock?: Clock;
  readonly locks?: Locks;
  /** Opens a channel to the other tabs; undefined: there are none. */
  readonly openChannel?: (name: string) => TabChannel | undefined;
  readonly proofKeys?: ProofKeyStore;
  /** Told of every request once it ended, also of each repeat: to send it to where the page's traces go. */
  readonly onSpan?: (span: ClientSpan) => void;
  /** Waits, for retries. */
  readonly delay?: (milliseconds: number) => Promise<void>;
  /** Jitter, 0 to 1. */
  readonly random?: () => number;
}
