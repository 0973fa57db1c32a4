import { SegnoError } from "@segno/core";
import {
  isRefusal,
  browserHashOf,
  type CompletedSignIn,
  completeSignIn,
  consumeAttempt,
  deliverSession,
  type Refusal,
  runSignIn,
  type SignedIn,
  type SignInMode,
  startAttempt,
  tokenBinding,
} from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { readUser } from "../../users/index.js";
import { type AssertionResponse, type RequestOptions, requestOptions } from "./ceremony.js";
import { checkPasskey } from "./check-passkey.js";
import { loadVerifier } from "./load-verifier.js";
import { newChallenge, relyingParty } from "./passkey-config.js";

/** Options for signing in with whatever passkey the person picks, by button or by autofill. Names no account. */
export async function startSignIn(
  engine: Engine,
  context: RouteContext<unknown>,
  input: { readonly isAutofill?: boolean | undefined } = {},
): Promise<{ attemptId: string; publicKey: RequestOptions }> {
  const party = relyingParty(engine);
  const challenge = newChallenge(engine);
  const browser = context.cookies.browser();
  const attempt = await engine.store.transaction((trx) =>
    startAttempt(
      engine,
      trx,
      { kind: "passkey_sign_in", browser, challenge, isAutofill: input.isAutofill },
      context.actor,
    ),
  );
  return { attemptId: attempt.id, publicKey: requestOptions(party, { challenge, allow: [] }) };
}

/**
 * Signs in with a passkey: challenge spent, signature checked, use recorded, session opened, one commit.
 * @throws SegnoError `passkey_unknown`, `passkey_rejected`, `account_unavailable`, `wrong_browser`, `attempt_*`
 */
export async function finishSignIn(
  engine: Engine,
  context: RouteContext<unknown>,
  input: {
    readonly attemptId: string;
    readonly response: AssertionResponse;
    readonly mode: SignInMode;
  },
): Promise<SignedIn> {
  relyingParty(engine);
  await loadVerifier();
  const run = { method: "passkey", actor: context.actor, attemptId: input.attemptId } as const;
  const key = { id: input.attemptId, kind: "passkey_sign_in", browserHash: browserHashOf(context) } as const;
  const jkt = await tokenBinding(engine, context, input.mode);
  const completed = await runSignIn<CompletedSignIn>(engine, run, async (trx): Promise<CompletedSignIn | Refusal> => {
    const attempt = await consumeAttempt(engine, trx, key);
    const checked = await checkPasskey(engine, trx, { attempt, response: input.response }, context.actor);
    if (isRefusal(checked)) return checked;
    const user = await readUser(engine, trx, checked.passkey.user_id);
    if (user === undefined) throw new SegnoError("passkey_unknown");
    const { acr, amr } = checked.verified;
    const { mode } = input;
    return completeSignIn(engine, context, trx, { user, isNewUser: false, acr, amr, ...run, mode, jkt });
  });
  deliverSession(engine, context, completed, input.mode);
  return completed.signedIn;
}
