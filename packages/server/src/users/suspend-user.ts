import type { Actor, Db, Engine } from "../engine.js";
import { changeStatus, cutOff } from "./change-status.js";

/**
 * Stops an account from signing in and ends its sessions, refresh families and attempts, in one transaction.
 * @param reason a word for the event, such as `abuse`; no personal data
 * @throws SegnoError `not_found`, `conflict` when it is not active
 */
export async function suspendUser(engine: Engine, userId: string, actor: Actor, reason = "by_operator"): Promise<void> {
  await engine.store.transaction((trx) => suspendUserIn(engine, trx, { userId, reason }, actor));
  engine.events.nudge();
}

/** The same as part of a transaction of the caller. */
export async function suspendUserIn(
  engine: Engine,
  trx: Db,
  { userId, reason }: { readonly userId: string; readonly reason: string },
  actor: Actor,
): Promise<void> {
  await changeStatus(engine, trx, userId, "suspend");
  await cutOff(engine, trx, { userId, reason: "user_suspended" }, actor);
  await engine.events.append(trx, "user.suspended", { ...actor, subject: userId }, { reason });
}
