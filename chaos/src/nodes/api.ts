import { createIntrospection, createRemoteKeySet, createStatusList } from "@segno/core";
import { getAuth, requireAccessToken } from "@segno/express";
import { type ClockOptions, createNodeClock } from "./clock.ts";
import type { HostContext, Hosted } from "./host.ts";
import { introspector, origin } from "./site.ts";

export interface ApiNodeOptions {
  /** Where the issuer listens. What tokens call it is one name for all nodes. */
  readonly issuerPort: number;
  readonly clock?: ClockOptions;
  /** Makes everything it knows of the issuer anew for every token, as an API without a cache would. */
  readonly forgets?: boolean;
  /** How long it goes on by the last status list it got. Default: that of the SDK, 30 s. */
  readonly maxStaleSeconds?: number;
  /** How often it wants the status list. Default: that of the SDK, 3 s. */
  readonly maxAgeSeconds?: number;
  /** A cache on the way that answers with the same key set for so long, whatever it is asked. */
  readonly keySetCacheSeconds?: number;
  /** How long it goes on by a key set before it asks for a newer one, and the least time between two requests. */
  readonly refreshSeconds?: number;
  readonly cooldownSeconds?: number;
}

/** An API in a process of its own that checks tokens offline, revocation included. */
export async function start(options: ApiNodeOptions, _context: HostContext): Promise<Hosted> {
  const clock = createNodeClock(options.clock);
  let { issuerPort } = options;
  const fetchFromIssuer: typeof fetch = (input, init) =>
    fetch(`${input as string}`.replace(origin, `http://127.0.0.1:${issuerPort}`), init);
  const cacheMs = (options.keySetCacheSeconds ?? 0) * 1_000;
  let cached: { readonly text: string; readonly atMs: number } | undefined;
  const fetchKeySet: typeof fetch = async (input, init) => {
    if (cacheMs === 0) return await fetchFromIssuer(input, init);
    if (cached === undefined || clock.nowMs() - cached.atMs > cacheMs) {
      cached = { text: await (await fetchFromIssuer(input)).text(), atMs: clock.nowMs() };
    }
    return new Response(cached.text, { headers: { "content-type": "application/jwk-set+json" } });
  };
  const guardOf = () => {
    const { refreshSeconds, cooldownSeconds, maxStaleSeconds, maxAgeSeconds } = options;
    const common = { clock, fetch: fetchFromIssuer };
    const keys = createRemoteKeySet({
      url: `${origin}/.well-known/jwks.json`,
      clock,
      fetch: fetchKeySet,
      ...(refreshSeconds === undefined ? {} : { refreshSeconds }),
      ...(cooldownSeconds === undefined ? {} : { cooldownSeconds }),
    });
    const statusList = createStatusList({
      issuer: origin,
      keys,
      ...common,
      ...(maxStaleSeconds === undefined ? {} : { maxStaleSeconds }),
      ...(maxAgeSeconds === undefined ? {} : { maxAgeSeconds }),
    });
    return requireAccessToken({ issuer: origin, audience: origin, keys, statusList, clock });
  };
  const kept = guardOf();
  // the first fetch of a process loads what fetches: that is no part of any fault
  await (await fetch(`http://127.0.0.1:${issuerPort}/api/auth/health/live`)).text();
  const introspection = createIntrospection({
    url: `${origin}/api/auth/oauth2/introspect`,
    clientId: introspector.id,
    clientSecret: introspector.secret,
    clock,
    fetch: fetchFromIssuer,
    ...(options.forgets === true ? { cacheSeconds: 0 } : {}),
  });
  return {
    listener(req, res) {
      if (req.url === "/asking") {
        const token = req.headers.authorization?.slice("Bearer ".length) ?? "";
        const answer = (status: number) => res.writeHead(status).end();
        return void introspection.introspect(token).then(
          (claims) => answer(claims === undefined ? 401 : 200),
          () => answer(503),
        );
      }
      const guard = options.forgets === true ? guardOf() : kept;
      guard(req, res, () => {
        const auth = getAuth(req);
        res.setHeader("Content-Type", "application/json");
        res.end(JSON.stringify({ for: auth.status === "authenticated" ? auth.subject : "nobody" }));
      });
    },
    asks: {
      advance: (ms: number) => clock.advance(ms),
      now: () => clock.nowMs(),
      issuerAt: (port: number) => {
        issuerPort = port;
      },
    },
  };
}
