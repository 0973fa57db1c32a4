import type { ResolvedConfig, SessionOptions } from "../config.js";
import { checkSeconds, day, minute } from "./seconds.js";

export function readSession(given: SessionOptions, faults: string[]): ResolvedConfig["session"] {
  const session = {
    idleSeconds: 14 * day,
    absoluteSeconds: 90 * day,
    recentSeconds: 10 * minute,
    cacheSeconds: 0,
    ...given,
  };
  checkSeconds("session", session, faults, ["cacheSeconds"]);
  if (session.cacheSeconds > 5)
    faults.push("session.cacheSeconds: must be 5 at most; a revocation on another node waits for it");
  if (session.idleSeconds > session.absoluteSeconds)
    faults.push("session.idleSeconds: must not exceed absoluteSeconds");
  return session;
}
