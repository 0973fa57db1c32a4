import type { Actor, Engine } from "../engine.js";
import { endConsent } from "./store.js";

/**
 * Takes a consent back: no token signed from now on holds its scopes. One that was signed before is good until its `exp`.
 * @returns false when there was nothing to take back
 */
export async function withdrawConsent(
  engine: Engine,
  input: { readonly userId: string; readonly purpose: string },
  actor: Actor,
): Promise<boolean> {
  const { userId, purpose } = input;
  const isEnded = await engine.store.transaction(async (trx) => {
    const version = await endConsent(trx, { userId, purpose, nowMs: engine.clock.nowMs() });
    if (version === undefined) return false;
    const scopes = engine.config.consents.get(purpose)?.scopes ?? [];
    const facts = { purpose, version, scopes };
    await engine.events.append(trx, "consent.withdrawn", { ...actor, subject: userId }, facts);
    return true;
  });
  engine.events.nudge();
  return isEnded;
}
