import type { NextRequest, NextResponse } from "next/server.js";
import { type Auth, createAuth } from "./auth.js";
import type { EngineSource, NextEngine } from "./engine.js";
import { createHandlers, type Handlers } from "./handlers.js";
import { createSegnoProxy } from "./proxy.js";
import { createSessionReader, type InitialSession, type User } from "./session.js";

/** Options of `createNextSegno`. */
export interface NextSegnoOptions {
  /** Path of the page with `<SignIn/>`; default `/sign-in`. */
  readonly signInUrl?: string;
  /** For `proxy`: which pages want a session. See `createSegnoProxy`. */
  readonly protect?: (pathname: string) => boolean;
}

/** What `createNextSegno` makes of an engine. */
export interface NextSegno {
  /** Who is asking, and `auth.protect()`. For Server Components, route handlers and server actions. */
  readonly auth: Auth;
  /** The account from the store, or null: slower than `auth()`, never stale. By session cookie. */
  readonly currentUser: () => Promise<User | null>;
  /** For `<SegnoProvider initialSession>`, so that a page needs no session request. `undefined`: it cannot be told now. */
  readonly getInitialSession: () => Promise<InitialSession | undefined>;
  /** For `app/api/auth/[...segno]/route.ts` and `app/.well-known/[...segno]/route.ts`. */
  readonly handlers: Handlers;
  /** For `proxy.ts`. The same as `createSegnoProxy` of `@segno/next/proxy`, which loads no engine. */
  readonly proxy: (request: NextRequest) => NextResponse;
}

/**
 * Everything Next needs of an engine, in process: no call goes over the network, nothing is refreshed by redirect.
 *
 * Sessions: `auth()` and `currentUser()` read; Server Components cannot set cookies and need none set, because a session
 * is renewed in the store and not in the cookie. Cookies change in `handlers` alone (sign-in, step-up, sign-out).
 *
 * Addresses: Next shows route handlers no socket. Behind a proxy give the engine the header that proxy sets and strips,
 * `clientIp: { source: "header", header: "x-real-ip" }`; else rate limits by address see one address for everybody.
 *
 * @param segno the engine, or a function that makes it when the first request needs it, so that `next build` opens no
 *   database and wants no secret
 * @example
 * // auth.ts
 * export const { auth, currentUser, handlers, getInitialSession } = createNextSegno(segno);
 * // app/api/auth/[...segno]/route.ts
 * export const { GET, POST, PATCH, PUT, DELETE, HEAD } = handlers;
 */
export function createNextSegno(segno: NextEngine | (() => NextEngine), options: NextSegnoOptions = {}): NextSegno {
  const engine = typeof segno === "function" ? once(segno) : () => segno;
  const signInUrl = options.signInUrl ?? "/sign-in";
  const { getInitialSession, currentUser } = createSessionReader(engine);
  return {
    auth: createAuth(engine, { signInUrl }),
    currentUser,
    getInitialSession,
    handlers: createHandlers(engine),
    proxy: createSegnoProxy({
      signInUrl,
      ...(typeof segno === "function" ? {} : { basePath: segno.basePath }),
      ...(options.protect && { protect: options.protect }),
    }),
  };
}

function once(make: EngineSource): EngineSource {
  let made: NextEngine | undefined;
  return () => (made ??= make());
}
