import { SegnoError } from "@segno/core";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { readUser } from "../../users/index.js";
import { noticeFactor } from "../email/notice-factor.js";
import { demandRecent } from "../require-recent.js";
import { relyingParty } from "./passkey-config.js";
import { type PasskeyView, presentPasskey } from "./present-passkey.js";
import { deleteUnlessLast, lockUser, renamePasskeyRow, selectPasskeys, voidCeremonies } from "./store.js";

/** The caller's passkeys, and what a page needs to tell authenticators which of them are still good (signal API). */
export async function listPasskeys(
  engine: Engine,
  context: RouteContext<unknown>,
): Promise<{ passkeys: PasskeyView[]; rpId: string; userHandle: string }> {
  const { rpId } = relyingParty(engine);
  const user = await readUser(engine, engine.store.db, context.caller().subject);
  if (user === undefined) throw new SegnoError("unauthenticated");
  const rows = await selectPasskeys(engine.store.db, user.id);
  return { passkeys: rows.map(presentPasskey), rpId, userHandle: user.user_handle };
}

/** @throws SegnoError `not_found` for a passkey that is not the caller's */
export async function renamePasskey(
  engine: Engine,
  context: RouteContext<unknown>,
  name: string,
): Promise<PasskeyView> {
  const input = { id: context.params.id ?? "", userId: context.caller().subject, name };
  const row = await engine.store.transaction(async (trx) => {
    const renamed = await renamePasskeyRow(trx, input);
    if (renamed === undefined) throw new SegnoError("not_found");
    await engine.events.append(trx, "passkey.renamed", context.actor, { passkeyId: renamed.id });
    return renamed;
  });
  engine.events.nudge();
  return presentPasskey(row);
}

/**
 * Removes one of the caller's passkeys, never the last way to sign in, and tells the owner by mail.
 * @throws SegnoError `insufficient_user_authentication`, `not_found`, `last_factor`
 */
export async function removePasskey(engine: Engine, context: RouteContext<unknown>): Promise<void> {
  const caller = context.caller();
  const { request, actor } = context;
  await demandRecent(engine, caller, actor);
  const { emailLink, emailCode } = engine.config.signIn;
  const input = { id: context.params.id ?? "", userId: caller.subject, countsEmail: emailLink || emailCode };
  await engine.store.transaction(async (trx) => {
    const nowMs = engine.clock.nowMs();
    await lockUser(trx, caller.subject, nowMs);
    const removed = await deleteUnlessLast(trx, input);
    if (removed === undefined) {
      const own = await selectPasskeys(trx, caller.subject);
      throw new SegnoError(own.some(({ id }) => id === input.id) ? "last_factor" : "not_found");
    }
    await voidCeremonies(trx, caller.subject, nowMs);
    await engine.events.append(trx, "passkey.removed", actor, { passkeyId: removed.id });
    await noticeFactor(engine, trx, { userId: caller.subject, what: "passkey_removed", name: removed.name, request });
  });
  engine.events.nudge();
  engine.mail.nudge();
}
