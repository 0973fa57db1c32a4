import { acrSatisfies, SegnoError } from "@segno/core";
import {
  announceFailure,
  browserHashOf,
  type CompletedSignIn,
  completeStepUp,
  consumeAttempt,
  deliverStepUp,
  type Refusal,
  runSignIn,
  type SignedIn,
} from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { findUserByEmail } from "../../users/index.js";
import { checkCode } from "./check-code.js";
import type { VerifyEmailCode } from "./verify-code.js";

/**
 * Raises the caller's session with a code mailed to an address they have proved before: the time of the proof becomes
 * now. A code reaches `aal1`, so it raises no session that a passkey opened: that would lower it.
 * @throws SegnoError `insufficient_user_authentication`, `wrong_code`, `wrong_browser`, `attempt_*`, `too_many_tries`, `rate_limited`, `account_unavailable`, `session_expired`
 */
export async function stepUpByEmailCode(
  engine: Engine,
  context: RouteContext<unknown>,
  input: VerifyEmailCode,
): Promise<SignedIn> {
  const caller = context.caller();
  const acr = "aal1";
  if (!acrSatisfies(acr, caller.acr)) {
    throw new SegnoError("insufficient_user_authentication", "A mailed code is weaker than what this session proved.", {
      detail: { acrValues: caller.acr, maxAgeSeconds: engine.config.session.recentSeconds },
    });
  }
  const run = { method: "email_code", actor: context.actor } as const;
  const key = { id: input.attemptId, kind: "email_sign_in", browserHash: browserHashOf(context) } as const;
  try {
    await checkCode(engine, context, { key, code: input.code });
  } catch (error) {
    await announceFailure(engine, run, error);
    throw error;
  }
  const done = await runSignIn<CompletedSignIn>(engine, run, async (trx): Promise<CompletedSignIn | Refusal> => {
    const attempt = await consumeAttempt(engine, trx, key);
    const owner = await findUserByEmail(engine, trx, attempt.identifier ?? "");
    // somebody else's mailbox proves nothing about the caller
    if (owner?.id !== caller.subject) return { refused: "attempt_unknown" };
    return completeStepUp(engine, context, trx, {
      user: owner,
      acr,
      amr: ["otp"],
      method: run.method,
      mode: input.mode,
    });
  });
  deliverStepUp(engine, context, done, input.mode);
  return done.signedIn;
}
