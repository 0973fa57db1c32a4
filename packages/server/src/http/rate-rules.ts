import type { LeasedRule } from "./rate-limiter.js";
import type { Route } from "./route.js";

/** Limits per client address. Limits per account and address of mail are the business of the verbs. */
const rules = {
  read: { name: "ip.read", limit: 1_200, windowSeconds: 60, leaseSize: 20, isCountedAnywhere: true },
  write: { name: "ip.write", limit: 240, windowSeconds: 60 },
  /** What a page tells of its screens: a few reports a visit. */
  report: { name: "ip.report", limit: 60, windowSeconds: 60 },
  /** Everything that starts or answers a sign-in. */
  attempt: { name: "ip.attempt", limit: 120, windowSeconds: 60 },
  /** Refresh, revocation, introspection: many users behind one address renew every few minutes. */
  token: { name: "ip.token", limit: 600, windowSeconds: 60, leaseSize: 5 },
} as const satisfies Record<string, LeasedRule>;

export function rateRuleOf(route: Route): LeasedRule | undefined {
  const rate = route.rate ?? defaultRate(route);
  return rate === "none" ? undefined : rules[rate];
}

function defaultRate(route: Route): keyof typeof rules {
  if (route.method === "GET") return "read";
  if (route.path.startsWith("/oauth2/")) return "token";
  return route.access === "public" ? "attempt" : "write";
}
