import type { Engine, RateRule } from "../engine.js";
import type { RouteContext } from "../http/route.js";

/** Takes one from the caller's address bucket, where the address is known. */
export async function limitByIp(engine: Engine, context: RouteContext<unknown>, rule: RateRule): Promise<void> {
  if (context.clientIp === "unknown" && !engine.config.production) return;
  await engine.limiter.take(rule, context.clientIp);
}

/** Takes one from the bucket of an account identifier. The table shows no addresses: the key is a MAC. */
export async function limitByAddress(engine: Engine, email: string, rule: RateRule): Promise<void> {
  await engine.limiter.take(rule, engine.secrets.mac("rate.address", email));
}

/** Takes one from the bucket everybody shares. */
export async function limitByAll(engine: Engine, rule: RateRule): Promise<void> {
  await engine.limiter.take(rule, "all");
}
