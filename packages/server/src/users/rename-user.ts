import { SegnoError } from "@segno/core";
import type { Actor, Engine } from "../engine.js";
import { type UserRow, updateUser } from "./store.js";

/** Sets or clears what an account is called. */
export async function renameUser(
  engine: Engine,
  input: { readonly userId: string; readonly displayName: string | null },
  actor: Actor,
): Promise<UserRow> {
  const row = await engine.store.transaction(async (trx) => {
    const changed = await updateUser(trx, input.userId, {
      display_name: input.displayName,
      updated_at: engine.clock.nowMs(),
    });
    if (changed === undefined) throw new SegnoError("not_found");
    await engine.events.append(trx, "user.updated", { ...actor, subject: input.userId }, { fields: ["displayName"] });
    return changed;
  });
  engine.events.nudge();
  return row;
}
