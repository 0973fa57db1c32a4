import {
  attemptData,
  browserHashOf,
  type CompletedSignIn,
  completeSignIn,
  consumeAttempt,
  deliverSession,
  type Refusal,
  runSignIn,
  tellRefused,
  type SignedIn,
  type SignInMode,
  tokenBinding,
} from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { proveEmail } from "../../users/index.js";
import { checkCode } from "./check-code.js";

export interface VerifyEmailCode {
  readonly attemptId: string;
  /** Digits only. */
  readonly code: string;
  readonly mode: SignInMode;
}

/**
 * Signs in with a mailed code, in the browser that asked for it.
 * @throws SegnoError `wrong_code`, `wrong_browser`, `attempt_*`, `too_many_tries`, `rate_limited`, `sign_up_closed`, `account_unavailable`
 */
export async function verifyEmailCode(
  engine: Engine,
  context: RouteContext<unknown>,
  input: VerifyEmailCode,
): Promise<SignedIn> {
  const run = { method: "email_code", actor: context.actor, attemptId: input.attemptId } as const;
  const key = { id: input.attemptId, kind: "email_sign_in", browserHash: browserHashOf(context) } as const;
  await checkCode(engine, context, { key, code: input.code }).catch(async (error: unknown) => {
    await tellRefused(engine, run, error);
    throw error;
  });
  const jkt = await tokenBinding(engine, context, input.mode);
  const completed = await runSignIn<CompletedSignIn>(engine, run, async (trx): Promise<CompletedSignIn | Refusal> => {
    const attempt = await consumeAttempt(engine, trx, key);
    const displayName = attemptData(attempt, "displayName");
    const proof = { email: attempt.identifier ?? "", method: run.method, displayName };
    const { user, isNewUser } = await proveEmail(engine, trx, proof, context.actor);
    const { mode } = input;
    return completeSignIn(engine, context, trx, {
      user,
      isNewUser,
      acr: "aal1",
      amr: ["otp"],
      method: run.method,
      attemptId: attempt.id,
      mode,
      jkt,
    });
  });
  deliverSession(engine, context, completed, input.mode);
  return completed.signedIn;
}
