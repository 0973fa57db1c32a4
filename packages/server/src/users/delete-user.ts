import { eraseSubject } from "../audit/index.js";
import type { Actor, Engine } from "../engine.js";
import { changeStatus, cutOff, erase } from "./change-status.js";

/**
 * Deletes an account for ever: sessions, refresh families, passkeys, attempts, addresses and the name die in one
 * transaction, and what the audit log knows of the person cannot be read any more. The id stays, so that it is never given to
 * somebody else. The address may open a new account later.
 * @param reason a word for the event, such as `by_user`; no personal data
 * @throws SegnoError `not_found`
 */
export async function deleteUser(engine: Engine, userId: string, actor: Actor, reason = "by_operator"): Promise<void> {
  await engine.store.transaction(async (trx) => {
    await cutOff(engine, trx, { userId, reason: "user_deleted" }, actor);
    await erase(engine, trx, userId);
    await changeStatus(engine, trx, userId, "delete");
    await engine.events.append(trx, "user.deleted", { ...actor, subject: userId }, { reason });
    await eraseSubject(engine, trx, userId, actor);
  });
  engine.events.nudge();
}
