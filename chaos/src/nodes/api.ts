import { getAuth, requireAccessToken } from "@segno/express";
import { type ClockOptions, createNodeClock } from "./clock.ts";
import type { HostContext, Hosted } from "./host.ts";
import { origin } from "./site.ts";

export interface ApiNodeOptions {
  readonly jwksUrl: string;
  readonly clock?: ClockOptions;
  /** Asks the issuer about its keys for every token, as an API without a cache would. */
  readonly forgetsKeys?: boolean;
}

/** An API in a process of its own that checks tokens offline. */
export async function start(options: ApiNodeOptions, _context: HostContext): Promise<Hosted> {
  const clock = createNodeClock(options.clock);
  const guardOf = () => requireAccessToken({ issuer: origin, audience: origin, jwksUrl: options.jwksUrl, clock });
  const kept = guardOf();
  return {
    listener(req, res) {
      const guard = options.forgetsKeys === true ? guardOf() : kept;
      guard(req, res, () => {
        const auth = getAuth(req);
        res.setHeader("Content-Type", "application/json");
        res.end(JSON.stringify({ for: auth.status === "authenticated" ? auth.subject : "nobody" }));
      });
    },
    asks: { advance: (ms: number) => clock.advance(ms) },
  };
}
