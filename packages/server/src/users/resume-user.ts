import type { Actor, Engine } from "../engine.js";
import { changeStatus } from "./change-status.js";

/**
 * Lets a suspended account sign in again. Sessions from before stay ended.
 * @throws SegnoError `not_found`, `conflict` when it is not suspended
 */
export async function resumeUser(engine: Engine, userId: string, actor: Actor): Promise<void> {
  await engine.store.transaction(async (trx) => {
    await changeStatus(engine, trx, userId, "resume");
    await engine.events.append(trx, "user.updated", { ...actor, subject: userId }, { fields: ["status"] });
  });
  engine.events.nudge();
}
