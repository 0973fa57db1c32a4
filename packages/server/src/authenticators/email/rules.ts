import type { RateRule } from "../../engine.js";

const daySeconds = 86_400;

/**
 * Sending (T-108): mails asked for from one place; to one address, asked for by one known browser or network; to one
 * address, asked for by all browsers that are not known to it; by all that are; and in all.
 */
export const startRules: Readonly<
  Record<"ip" | "asker" | "networkDay" | "browserDay" | "address" | "known" | "all", RateRule>
> = {
  asker: { name: "email.start.asker", limit: 5, windowSeconds: 600 },
  networkDay: { name: "email.start.network.day", limit: 12, windowSeconds: daySeconds },
  browserDay: { name: "email.start.browser.day", limit: 24, windowSeconds: daySeconds },
  address: { name: "email.start.address", limit: 40, windowSeconds: daySeconds },
  known: { name: "email.start.known", limit: 40, windowSeconds: daySeconds },
  ip: { name: "email.start.ip", limit: 30, windowSeconds: 600 },
  all: { name: "email.start.all", limit: 5000, windowSeconds: 3600 },
};

/**
 * Guessing: codes tried for one address over all its attempts (T-095), from one place, and in all. A known browser of the
 * address has a budget of its own, so that a stranger's guesses do not use up the owner's (T-098). At 20 an hour a code of
 * six digits, new with each attempt, is guessed once in 5.7 years of trying. Links and passkeys are not held up by it.
 */
export const verifyRules: Readonly<Record<"address" | "ip" | "all", RateRule>> = {
  address: { name: "email.verify.address", limit: 20, windowSeconds: 3600 },
  ip: { name: "email.verify.ip", limit: 60, windowSeconds: 600 },
  all: { name: "email.verify.all", limit: 20000, windowSeconds: 3600 },
};
