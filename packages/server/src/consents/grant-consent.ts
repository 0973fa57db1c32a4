import { SegnoError } from "@segno/core";
import type { Actor, Engine } from "../engine.js";
import { putConsent } from "./store.js";

/**
 * Writes down that a person agreed to a purpose. The version is the one they were shown: an answer to an older text is no
 * answer to the present one. Saying it again changes nothing and tells nothing.
 * @throws SegnoError `not_found` for a purpose that is not configured, `conflict` for another version than the configured one
 */
export async function grantConsent(
  engine: Engine,
  input: { readonly userId: string; readonly purpose: string; readonly version: number },
  actor: Actor,
): Promise<void> {
  const { userId, purpose, version } = input;
  const rule = engine.config.consents.get(purpose);
  if (rule === undefined) throw new SegnoError("not_found", "There is no such purpose.");
  if (rule.version !== version) throw new SegnoError("conflict", "Another version of this purpose is in force.");
  await engine.store.transaction(async (trx) => {
    const nowMs = engine.clock.nowMs();
    if (!(await putConsent(trx, { userId, purpose, version, nowMs }))) return;
    const facts = { purpose, version, scopes: rule.scopes };
    await engine.events.append(trx, "consent.granted", { ...actor, subject: userId }, facts);
  });
  engine.events.nudge();
}
