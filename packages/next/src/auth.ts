import {
  type AccessRequirement,
  type Authentication,
  type AuthState,
  assertAccess,
  SegnoError,
  systemClock,
} from "@segno/core";
import { headers } from "next/headers.js";
import { cache } from "react";
import { type EngineSource, publicUrl } from "./engine.js";
import { interrupt } from "./interrupt.js";
import { refusal } from "./refusal.js";

/** What a page, route or action asks of the caller. */
export interface ProtectOptions extends Omit<AccessRequirement, "caller"> {
  /** Ask the store even where a cache would answer. For sensitive actions. */
  readonly fresh?: boolean;
  /** The sign-in page for this place; default: that of `createNextSegno`. */
  readonly signInUrl?: string;
  /** Where to go after signing in: a path of this application. Default: this page, where the proxy runs; else `/`. */
  readonly returnTo?: string;
}

/** A route handler that only runs for callers who may. */
export type ProtectedHandler<Context> = (
  request: Request,
  session: Authentication,
  context: Context,
) => Response | Promise<Response>;

/** A route handler as Next calls it: the request, and the promise of its route parameters. */
export type RouteHandler<Context> = (request: Request, context: Context) => Promise<Response>;

/** The `auth` of `createNextSegno`: call it to ask who it is, call `auth.protect()` to insist. */
export interface Auth {
  /**
   * Who is asking, or null. One look-up per rendered page. Give the request in a route handler to accept access tokens
   * that are bound to a key (DPoP).
   *
   * Not checked: scope, assurance and age. `auth.protect()` does that.
   * @throws SegnoError `store_unavailable` when the engine cannot look: never null for that
   * @example
   * const session = await auth();
   * if (session === null) return <a href="/sign-in">Sign in</a>;
   */
  (request?: Request): Promise<Authentication | null>;
  /**
   * Goes on only when every condition holds. A page or server action is sent to the sign-in page, with the way back; a
   * route handler is ended with a bare 401, and whoever lacks a scope with 403 everywhere.
   * @throws SegnoError `store_unavailable`
   * @example
   * const session = await auth.protect({ acr: "phr", maxAgeSeconds: 300 });
   */
  protect(options?: ProtectOptions): Promise<Authentication>;
  /**
   * The same for a route handler, with the full answer: problem+json, challenge (RFC 6750, RFC 9470), `no-store`. Never
   * a redirect. Takes bound access tokens.
   * @example
   * export const GET = auth.protect({ scope: "orders:read" }, (request, session) => Response.json({ for: session.subject }));
   */
  protect<Context = unknown>(options: ProtectOptions, handler: ProtectedHandler<Context>): RouteHandler<Context>;
}

/** True inside the render of a page: only there does React remember. */
const mark = cache((): object => ({}));
const isRendering = (): boolean => mark() === mark();

export function createAuth(engine: EngineSource, site: { readonly signInUrl: string }): Auth {
  const lookUp = async (fresh: boolean): Promise<AuthState> => {
    const incoming = await headers();
    return engine().authenticate({ headers: incoming, fresh });
  };
  const lookUpOnce = cache(() => lookUp(false));

  async function stateOf(request: Request | undefined, fresh: boolean): Promise<AuthState> {
    if (request === undefined) return fresh ? lookUp(true) : lookUpOnce();
    const segno = engine();
    const { method, headers: incoming } = request;
    const input = { headers: incoming, method, url: publicUrl(segno, request), fresh };
    return segno.authenticate(input);
  }

  async function check(options: ProtectOptions, request?: Request): Promise<Authentication> {
    const state = await stateOf(request, options.fresh === true);
    return assertAccess(state, options, (engine().clock ?? systemClock).nowMs() / 1000);
  }

  async function protectPlace(options: ProtectOptions): Promise<Authentication> {
    try {
      return await check(options);
    } catch (error) {
      const signInUrl = options.signInUrl ?? site.signInUrl;
      throw await interrupt(error, { ...options, signInUrl, isRendering: isRendering() });
    }
  }

  function protectRoute<Context>(options: ProtectOptions, handler: ProtectedHandler<Context>): RouteHandler<Context> {
    return async (request, context) => {
      let session: Authentication;
      try {
        session = await check(options, request);
      } catch (error) {
        const known = SegnoError.from(error);
        if (known.code === "internal") throw error;
        return refusal(request, known, options);
      }
      return markPrivate(await handler(request, session, context));
    };
  }

  async function auth(request?: Request): Promise<Authentication | null> {
    const state = await stateOf(request, false);
    return state.status === "authenticated" ? state : null;
  }

  function protect(options?: ProtectOptions): Promise<Authentication>;
  function protect<Context>(options: ProtectOptions, handler: ProtectedHandler<Context>): RouteHandler<Context>;
  function protect<Context>(options: ProtectOptions = {}, handler?: ProtectedHandler<Context>) {
    checkOptions(options);
    return handler === undefined ? protectPlace(options) : protectRoute(options, handler);
  }

  return Object.assign(auth, { protect });
}

const known: readonly string[] = ["scope", "acr", "maxAgeSeconds", "fresh", "signInUrl", "returnTo"];

/** T-018: a condition that is misspelled or empty is a mistake, not a condition that always holds. */
function checkOptions(options: ProtectOptions): void {
  for (const [key, value] of Object.entries(options)) {
    if (!known.includes(key)) throw new TypeError(`Unknown condition "${key}".`);
    if (value === undefined || value === "" || Number.isNaN(value))
      throw new TypeError(`The condition "${key}" is empty.`);
  }
}

/** T-043: what was made for one caller is for no shared cache. */
function markPrivate(response: Response): Response {
  const headers = new Headers(response.headers);
  headers.set("Cache-Control", "no-store");
  headers.append("Vary", "Authorization, Cookie");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
