import { knownBrowserOf } from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import { networkOf, type RouteContext } from "../../http/index.js";
import { limitByAddress, limitByAll, limitByIp } from "../limits.js";
import { startRules, verifyRules } from "./rules.js";

/**
 * Takes a mail to the address from every budget that counts it. The budget of whoever asks comes before the one that
 * all strangers share, so that a refused stranger uses up nobody else's; a browser that signed in to the address before
 * shares nothing with strangers (docs/decisions/020). No budget depends on whether the address has an account (T-115).
 * @throws SegnoError `rate_limited`
 */
export async function limitMails(engine: Engine, context: RouteContext<unknown>, email: string): Promise<void> {
  const known = knownBrowserOf(engine, context, email);
  const asker = `${email}\n${known ?? networkOf(context.clientIp)}`;
  await limitByIp(engine, context, startRules.ip);
  await limitByAddress(engine, asker, startRules.asker);
  // as many takes for a known browser as for a stranger: the time does not tell which addresses a browser is known to
  await limitByAddress(engine, asker, known === undefined ? startRules.networkDay : startRules.browserDay);
  await limitByAddress(engine, email, known === undefined ? startRules.address : startRules.known);
  await limitByAll(engine, startRules.all);
}

/**
 * Takes a guess at a code for the address from the budget of its known browser, else from the one of all strangers.
 * @throws SegnoError `rate_limited`
 */
export async function limitGuesses(engine: Engine, context: RouteContext<unknown>, identifier: string): Promise<void> {
  const known = knownBrowserOf(engine, context, identifier);
  await limitByAddress(engine, known === undefined ? identifier : `${identifier}\n${known}`, verifyRules.address);
}
