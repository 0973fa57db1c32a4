import type { Actor, Db, Engine } from "../../engine.js";
import { clearPending, destroyKey, selectKeys } from "./store.js";

/**
 * Makes what the audit log knows of a person unreadable for ever: destroys the subject's data key, wipes what still waits
 * beside events of theirs, and says so in the log (`subject.erased`, with the key's id). Call it last in the transaction that
 * deletes the account. Leaves stay as they are, and so do their hashes and proofs.
 */
export async function eraseSubject(engine: Engine, trx: Db, subject: string, actor: Actor): Promise<void> {
  // with no log kept now, one may have been kept before
  if (engine.config.audit === undefined && (await selectKeys(trx, [subject])).length === 0) return;
  const nowMs = engine.clock.nowMs();
  const keyId = await destroyKey(trx, { subject, idIfNone: engine.newId(), nowMs });
  if (keyId !== undefined) {
    const { personal: _, ...who } = actor;
    await engine.events.append(trx, "subject.erased", { ...who, subject }, { keyId });
  }
  await clearPending(trx, subject);
}
