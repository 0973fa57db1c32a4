import type { Actor, Engine } from "../engine.js";
import { forgetClientStatuses, leaveClientStatus } from "../status-lists/index.js";
import { deleteEndedClients, endClient, endExpiredClients } from "./store.js";

/**
 * Ends a service account: it is `invalid_client` from now on, its tokens are refused by this engine and by introspection
 * on every node at once, and by verifiers that read the status list within their bound.
 * @returns false when there was no such account, or it had ended before
 */
export async function revokeServiceAccount(engine: Engine, clientId: string, actor: Actor): Promise<boolean> {
  const isEnded = await engine.store.transaction(async (trx) => {
    const nowMs = engine.clock.nowMs();
    const ended = await endClient(trx, { id: clientId, nowMs, reason: "by_operator" });
    if (ended === undefined) return false;
    await leaveClientStatus(engine, trx, { clientId, endsAtMs: ended.expires_at });
    await engine.events.append(trx, "client.revoked", { ...actor, clientId }, { reason: "by_operator" });
    return true;
  });
  engine.events.nudge();
  return isEnded;
}

/**
 * Closes accounts whose time has passed, with an event each: a clock that is set back does not open them again. They
 * were refused since their end, whether or not this has run. Call now and then.
 */
export async function endExpiredServiceAccounts(engine: Engine): Promise<void> {
  await engine.store.transaction(async (trx) => {
    const nowMs = engine.clock.nowMs();
    for (const clientId of await endExpiredClients(trx, { nowMs, reason: "expired" })) {
      const actor = { requestId: engine.newId(), clientId };
      await engine.events.append(trx, "client.revoked", actor, { reason: "expired" });
    }
    await forgetClientStatuses(trx, await deleteEndedClients(trx, nowMs));
  });
  engine.events.nudge();
}
