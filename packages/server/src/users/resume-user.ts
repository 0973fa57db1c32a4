import type { Actor, Db, Engine } from "../engine.js";
import { changeStatus } from "./change-status.js";

/**
 * Lets a suspended account sign in again. Sessions from before stay ended.
 * @param reason a word for the event; no personal data
 * @throws SegnoError `not_found`, `conflict` when it is not suspended
 */
export async function resumeUser(engine: Engine, userId: string, actor: Actor, reason = "by_operator"): Promise<void> {
  await engine.store.transaction((trx) => resumeUserIn(engine, trx, { userId, reason }, actor));
  engine.events.nudge();
}

/** The same as part of a transaction of the caller. */
export async function resumeUserIn(
  engine: Engine,
  trx: Db,
  { userId, reason }: { readonly userId: string; readonly reason: string },
  actor: Actor,
): Promise<void> {
  await changeStatus(engine, trx, userId, "resume");
  await engine.events.append(trx, "user.resumed", { ...actor, subject: userId }, { reason });
}
