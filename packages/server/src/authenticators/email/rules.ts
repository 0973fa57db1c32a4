import type { RateRule } from "../../engine.js";

/** Sending: mails to one address, asked for from one place, and in all (T-108). */
export const startRules: Readonly<Record<"address" | "ip" | "all", RateRule>> = {
  address: { name: "email.start.address", limit: 5, windowSeconds: 600 },
  ip: { name: "email.start.ip", limit: 30, windowSeconds: 600 },
  all: { name: "email.start.all", limit: 5000, windowSeconds: 3600 },
};

/**
 * Guessing: codes tried for one address over all its attempts (T-095), from one place, and in all. At 20 an hour a code of
 * six digits, new with each attempt, is guessed once in 5.7 years of trying. Links and passkeys are not held up by it.
 */
export const verifyRules: Readonly<Record<"address" | "ip" | "all", RateRule>> = {
  address: { name: "email.verify.address", limit: 20, windowSeconds: 3600 },
  ip: { name: "email.verify.ip", limit: 60, windowSeconds: 600 },
  all: { name: "email.verify.all", limit: 20000, windowSeconds: 3600 },
};
