import { SegnoError } from "@segno/core";
import {
  browserHashOf,
  consumeAttempt,
  isRefusal,
  type Refusal,
  refusalError,
  requireOwnAttempt,
  startAttempt,
} from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { deviceNameOf } from "../../sessions/index.js";
import { presentUser, readUser } from "../../users/index.js";
import { noticeFactor } from "../email/notice-factor.js";
import { demandRecent } from "../require-recent.js";
import { addCredential } from "./add-credential.js";
import { asRefusal } from "./as-refusal.js";
import { type CreationOptions, creationOptions, type RegistrationResponse } from "./ceremony.js";
import { loadVerifier } from "./load-verifier.js";
import { expectationOf, newChallenge, relyingParty } from "./passkey-config.js";
import { type PasskeyView, presentPasskey } from "./present-passkey.js";
import { lockUser, type PasskeyRow, selectPasskeys, voidCeremonies } from "./store.js";
import { verifyRegistration } from "./verify-registration.js";

/** More would only be a way to fill the store. */
const mostPasskeys = 50;

/**
 * Options for a further passkey of the caller.
 * @throws SegnoError `insufficient_user_authentication`, `conflict` from 50 passkeys on
 */
export async function startAdd(
  engine: Engine,
  context: RouteContext<unknown>,
): Promise<{ attemptId: string; publicKey: CreationOptions }> {
  const party = relyingParty(engine);
  const caller = context.caller();
  await demandRecent(engine, caller, context.actor);
  const challenge = newChallenge(engine);
  const browser = context.cookies.browser();
  return engine.store.transaction(async (trx) => {
    const row = await readUser(engine, trx, caller.subject);
    if (row === undefined) throw new SegnoError("unauthenticated");
    const exclude = await selectPasskeys(trx, row.id);
    if (exclude.length >= mostPasskeys)
      throw new SegnoError("conflict", "The account has as many passkeys as it may have.");
    const { subject: userId, sessionId } = caller;
    const wanted = { kind: "passkey_add", browser, challenge, userId, sessionId } as const;
    const attempt = await startAttempt(engine, trx, wanted, context.actor);
    const view = await presentUser(engine, trx, row);
    const name = view.email ?? view.displayName ?? party.rpName;
    const user = { id: row.user_handle, name, displayName: view.displayName ?? name };
    return { attemptId: attempt.id, publicKey: creationOptions(party, { challenge, user, exclude }) };
  });
}

/**
 * Adds the passkey, tells the account's owner by mail, and voids ceremonies that were under way.
 * @throws SegnoError `passkey_rejected`, `passkey_exists`, `wrong_browser`, `attempt_*`
 */
export async function finishAdd(
  engine: Engine,
  context: RouteContext<unknown>,
  input: { readonly attemptId: string; readonly response: RegistrationResponse; readonly name?: string | undefined },
): Promise<PasskeyView> {
  relyingParty(engine);
  await loadVerifier();
  const caller = context.caller();
  const key = { id: input.attemptId, kind: "passkey_add", browserHash: browserHashOf(context) } as const;
  const name = input.name ?? deviceNameOf(context.request.headers.get("user-agent"));
  const result = await engine.store.transaction(async (trx): Promise<PasskeyRow | Refusal> => {
    const attempt = await consumeAttempt(engine, trx, key);
    requireOwnAttempt(caller, attempt);
    const credential = await asRefusal(verifyRegistration(input.response, expectationOf(engine, attempt)));
    if (isRefusal(credential)) return credential;
    const nowMs = engine.clock.nowMs();
    await lockUser(trx, caller.subject, nowMs);
    const row = await addCredential(engine, trx, { userId: caller.subject, name, credential }, context.actor);
    await voidCeremonies(trx, caller.subject, nowMs);
    await noticeFactor(engine, trx, { userId: caller.subject, what: "passkey_added", name, request: context.request });
    return row;
  });
  engine.events.nudge();
  engine.mail.nudge();
  if (isRefusal(result)) throw refusalError(result);
  return presentPasskey(result);
}
