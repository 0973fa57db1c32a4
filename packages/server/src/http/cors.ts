import type { Incoming } from "./incoming.js";
import type { Route } from "./route.js";

export interface CorsOptions {
  readonly trustedOrigins: readonly string[];
}

/** Documents that hold nothing personal may be read from anywhere. */
function isPublicDocument(route: Route): boolean {
  return route.method === "GET" && (route.path.startsWith("/.well-known/") || route.path === "/openapi.json");
}

/** What a response tells a page of another origin: nothing, unless its origin is listed. Pages are never shared. */
export function corsHeaders(
  route: Route | undefined,
  origin: string | null,
  options: CorsOptions,
): Record<string, string> {
  if (route !== undefined && isPublicDocument(route)) return { "access-control-allow-origin": "*" };
  if (options.trustedOrigins.length === 0 || route?.errors === "html") return {};
  if (origin === null || !options.trustedOrigins.includes(origin)) return { vary: "Origin" };
  return {
    vary: "Origin",
    "access-control-allow-origin": origin,
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "X-Request-Id, Retry-After, WWW-Authenticate, DPoP-Nonce, Date, Segno-Browser",
  };
}

/** The answer to a preflight from a listed origin; `undefined` when the method is not one of the path's. */
export function preflightHeaders(
  routes: readonly Route[],
  request: Incoming,
  options: CorsOptions,
): Record<string, string> | undefined {
  const wanted = request.headers.get("access-control-request-method");
  const route = routes.find(({ method }) => method === wanted);
  if (route === undefined) return undefined;
  const shared = corsHeaders(route, request.headers.get("origin"), options);
  if (shared["access-control-allow-origin"] === undefined) return undefined;
  return {
    ...shared,
    "access-control-allow-methods": route.method,
    "access-control-allow-headers": "Content-Type, Authorization, DPoP, Segno-Browser, Traceparent",
    "access-control-max-age": "600",
  };
}
