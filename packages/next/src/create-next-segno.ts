import type { SegnoEngine } from "@segno/core";
import type { NextRequest, NextResponse } from "next/server.js";
import { type Auth, createAuth } from "./auth.js";
import { createHandlers, type Handlers } from "./handlers.js";
import { createSegnoProxy } from "./proxy.js";
import { createSessionReader, type InitialSession, type User } from "./session.js";

export interface NextSegnoOptions {
  /** Path of the page with `<SignIn/>`; default `/sign-in`. */
  readonly signInUrl?: string;
  /** For `proxy`: which pages want a session. See `createSegnoProxy`. */
  readonly protect?: (pathname: string) => boolean;
  /**
   * Address of the browser, from a header that your platform sets itself and that nobody outside can set, for example
   * `(headers) => headers.get("x-real-ip")`. Route handlers of Next know no socket: without it rate limits by address
   * see one address for all.
   */
  readonly clientAddress?: (headers: Headers) => string | null | undefined;
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
 * @param segno the engine, or a function that makes it when the first request needs it, so that `next build` opens no
 *   database and wants no secret
 * @example
 * // auth.ts
 * export const { auth, currentUser, handlers, getInitialSession } = createNextSegno(segno);
 * // app/api/auth/[...segno]/route.ts
 * export const { GET, POST, PATCH, PUT, DELETE, HEAD } = handlers;
 */
export function createNextSegno(segno: SegnoEngine | (() => SegnoEngine), options: NextSegnoOptions = {}): NextSegno {
  const engine = typeof segno === "function" ? once(segno) : () => segno;
  const signInUrl = options.signInUrl ?? "/sign-in";
  const peerOf = (headers: Headers) => {
    const remoteAddress = options.clientAddress?.(headers);
    return remoteAddress === undefined || remoteAddress === null ? {} : { remoteAddress };
  };
  const { getInitialSession, currentUser } = createSessionReader(engine, peerOf);
  return {
    auth: createAuth(engine, { signInUrl, peerOf }),
    currentUser,
    getInitialSession,
    handlers: createHandlers(engine, peerOf),
    proxy: createSegnoProxy({ signInUrl, ...(options.protect && { protect: options.protect }) }),
  };
}

function once(make: () => SegnoEngine): () => SegnoEngine {
  let made: SegnoEngine | undefined;
  return () => (made ??= make());
}
