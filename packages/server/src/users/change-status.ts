import { SegnoError } from "@segno/core";
import { eraseConsents } from "../consents/index.js";
import type { Actor, Db, Engine } from "../engine.js";
import { revokeSessionsOfUser } from "../sessions/index.js";
import {
  deleteAttemptsOfAddresses,
  deleteAuthenticators,
  deleteClaims,
  moveUser,
  selectIdentifiers,
  selectUser,
  type UserRow,
  updateUser,
} from "./store.js";
import { type UserTransition, userTransition } from "./user-status.js";

/**
 * Takes an account through one transition of its state machine, by one conditional statement.
 * @throws SegnoError `not_found` (unknown or deleted), `conflict` (not allowed from the present state)
 */
export async function changeStatus(engine: Engine, trx: Db, userId: string, verb: UserTransition): Promise<UserRow> {
  const { from, to } = userTransition(verb);
  const row = await moveUser(trx, { userId, from, to, nowMs: engine.clock.nowMs() });
  if (row !== undefined) return row;
  const present = await selectUser(trx, userId);
  throw new SegnoError(
    present === undefined ? "not_found" : "conflict",
    "The account is not in a state that allows this.",
  );
}

/** Ends what is under way: sessions with their refresh families, and every open attempt by account or address. */
export async function cutOff(
  engine: Engine,
  trx: Db,
  input: { userId: string; reason: string },
  actor: Actor,
): Promise<void> {
  const held = await selectIdentifiers(trx, input.userId);
  await trx.deleteFrom("segno_attempts").where("user_id", "=", input.userId).execute();
  await deleteAttemptsOfAddresses(
    trx,
    held.flatMap((identifier) => (identifier.verified_at === null ? [] : [identifier.value])),
  );
  await revokeSessionsOfUser(engine, trx, input, actor);
}

/** What is left of a deleted account: its id, so that it is never used again. */
export async function erase(engine: Engine, trx: Db, userId: string): Promise<void> {
  await deleteAuthenticators(trx, userId);
  await deleteClaims(trx, { userId });
  await eraseConsents(trx, userId);
  await updateUser(trx, userId, {
    display_name: null,
    user_handle: `deleted:${userId}`,
    updated_at: engine.clock.nowMs(),
  });
}
