import { SegnoError } from "@segno/core";
import {
  isRefusal,
  browserHashOf,
  type CompletedSignIn,
  completeStepUp,
  consumeAttempt,
  deliverStepUp,
  type Refusal,
  requireOwnAttempt,
  runSignIn,
  type SignedIn,
  type SignInMode,
  startAttempt,
} from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { readUser } from "../../users/index.js";
import { type AssertionResponse, type RequestOptions, requestOptions } from "./ceremony.js";
import { checkPasskey } from "./check-passkey.js";
import { loadVerifier } from "./load-verifier.js";
import { newChallenge, relyingParty } from "./passkey-config.js";
import { selectPasskeys } from "./store.js";

/**
 * Options for proving again who the caller is, with one of their own passkeys.
 * @throws SegnoError `passkey_unknown` when they have none
 */
export async function startStepUp(
  engine: Engine,
  context: RouteContext<unknown>,
): Promise<{ attemptId: string; publicKey: RequestOptions }> {
  const party = relyingParty(engine);
  const caller = context.caller();
  const challenge = newChallenge(engine);
  const browser = context.cookies.browser();
  const { attempt, passkeys } = await engine.store.transaction(async (trx) => {
    const own = await selectPasskeys(trx, caller.subject);
    if (own.length === 0) throw new SegnoError("passkey_unknown");
    const { subject: userId, sessionId } = caller;
    const wanted = { kind: "passkey_step_up", browser, challenge, userId, sessionId } as const;
    const opened = await startAttempt(engine, trx, wanted, context.actor);
    return { attempt: opened, passkeys: own };
  });
  return { attemptId: attempt.id, publicKey: requestOptions(party, { challenge, allow: passkeys }) };
}

/**
 * Raises the caller's session: assurance and time of the new proof, and a new token in place of the old one.
 * @throws SegnoError `passkey_unknown`, `passkey_rejected`, `wrong_browser`, `attempt_*`, `session_expired`
 */
export async function finishStepUp(
  engine: Engine,
  context: RouteContext<unknown>,
  input: { readonly attemptId: string; readonly response: AssertionResponse; readonly mode: SignInMode },
): Promise<SignedIn> {
  relyingParty(engine);
  await loadVerifier();
  const caller = context.caller();
  const run = { method: "passkey", actor: context.actor, attemptId: input.attemptId } as const;
  const key = { id: input.attemptId, kind: "passkey_step_up", browserHash: browserHashOf(context) } as const;
  const done = await runSignIn<CompletedSignIn>(engine, run, async (trx): Promise<CompletedSignIn | Refusal> => {
    const attempt = await consumeAttempt(engine, trx, key);
    requireOwnAttempt(caller, attempt);
    const request = { attempt, response: input.response, ownerId: caller.subject };
    const checked = await checkPasskey(engine, trx, request, context.actor);
    if (isRefusal(checked)) return checked;
    const user = await readUser(engine, trx, caller.subject);
    const { acr, amr } = checked.verified;
    return completeStepUp(engine, context, trx, { user, acr, amr, ...run, mode: input.mode });
  });
  deliverStepUp(engine, context, done, input.mode);
  return done.signedIn;
}
