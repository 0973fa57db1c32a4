import { SegnoError } from "@segno/core";
import { type NextRequest, NextResponse } from "next/server.js";
import { breakLoop } from "./loop-breaker.js";
import { normalizePagePath } from "./page-path.js";
import { refusal } from "./refusal.js";
import { pathHeader, safeReturnTo } from "./return-to.js";

export { allExcept } from "./page-path.js";

/** Options of `createSegnoProxy`. */
export interface SegnoProxyOptions {
  /** Path of the page with `<SignIn/>`; default `/sign-in`. It is never protected. */
  readonly signInUrl?: string;
  /**
   * Which pages want a session, by their path; default: none. Deny by default with `allExcept(["/", "/about"])`. Paths
   * come without Next's own forms (`.rsc`, segments, `_next/data`).
   */
  readonly protect?: (pathname: string) => boolean;
  /** Where the engine is mounted; default `/api/auth`. Left alone, as is `/.well-known`. */
  readonly basePath?: string;
}

/**
 * An early, optimistic look for `proxy.ts`: whoever has no session cookie is sent to the sign-in page before anything is
 * rendered; an API call is answered 401 and never redirected. It also tells `auth.protect()` which page it is on, and
 * ends redirect loops with a page that says what to do.
 *
 * Not checked: whether the session is any good. Pages, route handlers and server actions check for themselves with
 * `auth.protect()`; without this proxy they are as safe.
 *
 * @example
 * // proxy.ts
 * export const proxy = createSegnoProxy({ protect: allExcept(["/", "/docs/*"]) });
 * export const config = { matcher: ["/((?!_next/static|_next/image|favicon.ico).*)"] };
 */
export function createSegnoProxy(options: SegnoProxyOptions = {}): (request: NextRequest) => NextResponse {
  const { signInUrl = "/sign-in", basePath = "/api/auth", protect = () => false } = options;
  const signInPath = new URL(signInUrl, "http://segno.invalid").pathname;
  return (request) => {
    const { pathname, search } = request.nextUrl;
    const page = normalizePagePath(pathname);
    const forwarded = withoutInternalHeaders(request.headers);
    forwarded.set(pathHeader, safeReturnTo(page + search, ""));
    const pass = () => NextResponse.next({ request: { headers: forwarded } });
    if (page === basePath || page.startsWith(`${basePath}/`) || page.startsWith("/.well-known/")) return pass();
    if (page === signInPath) return isNavigation(request) ? breakLoop(request, signInUrl, pass) : pass();
    if (!protect(page) || hasCredential(request.headers)) return pass();
    if (isNavigation(request) || isRouterFetch(request)) {
      const target = new URL(signInUrl, request.nextUrl);
      target.searchParams.set("returnTo", safeReturnTo(page + search, signInPath));
      return NextResponse.redirect(target, 303);
    }
    // a server action checks for itself, and can send its page to sign in
    if (request.headers.has("next-action")) return pass();
    const refused = refusal(request, new SegnoError("unauthenticated"));
    return new NextResponse(refused.body, { status: refused.status, headers: refused.headers });
  };
}

/** T-025: nobody outside speaks in the proxy's name. */
function withoutInternalHeaders(headers: Headers): Headers {
  const forwarded = new Headers(headers);
  for (const name of headers.keys()) if (/^x[-_]segno[-_]/i.test(name)) forwarded.delete(name);
  return forwarded;
}

/** T-046: names byte for byte, split at `;` alone. */
function hasCredential(headers: Headers): boolean {
  if (headers.has("authorization")) return true;
  const names = (headers.get("cookie") ?? "")
    .split(";")
    .map((pair) => pair.slice(0, pair.indexOf("=")).replace(/^ /, ""));
  return names.includes("__Host-segno.sid") || names.includes("segno.sid");
}

/** Next's own router fetching a page: it follows a redirect to where the person should go. */
function isRouterFetch({ method, headers }: NextRequest): boolean {
  return method === "GET" && headers.has("next-url");
}

/** A person opening a page, as against a script calling an API. */
function isNavigation(request: NextRequest): boolean {
  if (request.method !== "GET" && request.method !== "HEAD") return false;
  const mode = request.headers.get("sec-fetch-mode");
  return mode === null ? (request.headers.get("accept") ?? "").includes("text/html") : mode === "navigate";
}
