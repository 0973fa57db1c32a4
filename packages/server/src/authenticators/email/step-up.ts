import { acrSatisfies, type SignInMethod, SegnoError } from "@segno/core";
import {
  type AttemptRow,
  browserHashOf,
  type CompletedSignIn,
  completeStepUp,
  consumeAttempt,
  deliverStepUp,
  type Refusal,
  runSignIn,
  tellRefused,
  type SignedIn,
  type SignInMode,
} from "../../attempts/index.js";
import type { Db, Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { findUserByEmail } from "../../users/index.js";
import { checkCode } from "./check-code.js";
import type { VerifyEmailCode } from "./verify-code.js";

const acr = "aal1";

/**
 * Raises the caller's session with a code mailed to an address they have proved before: the time of the proof becomes
 * now.
 * @throws SegnoError `insufficient_user_authentication`, `wrong_code`, `wrong_browser`, `attempt_*`, `too_many_tries`, `rate_limited`, `account_unavailable`, `session_expired`
 */
export async function stepUpByEmailCode(
  engine: Engine,
  context: RouteContext<unknown>,
  input: VerifyEmailCode,
): Promise<SignedIn> {
  refuseLowering(engine, context);
  const run = { method: "email_code", actor: context.actor, attemptId: input.attemptId } as const;
  const key = { id: input.attemptId, kind: "email_sign_in", browserHash: browserHashOf(context) } as const;
  await checkCode(engine, context, { key, code: input.code }).catch(async (error: unknown) => {
    await tellRefused(engine, run, error);
    throw error;
  });
  const done = await runSignIn<CompletedSignIn>(engine, run, async (trx) => {
    const attempt = await consumeAttempt(engine, trx, key);
    return raiseByMailbox(engine, context, trx, { attempt, amr: ["otp"], method: run.method, mode: input.mode });
  });
  deliverStepUp(engine, context, done, input.mode);
  return done.signedIn;
}

/**
 * A proof of a mailbox reaches `aal1`, so it raises no session that a passkey opened: that would lower it.
 * @throws SegnoError `insufficient_user_authentication`
 */
export function refuseLowering(engine: Engine, context: RouteContext<unknown>): void {
  const caller = context.caller();
  if (acrSatisfies(acr, caller.acr)) return;
  throw new SegnoError("insufficient_user_authentication", "A mailbox is weaker than what this session proved.", {
    detail: { acrValues: caller.acr, maxAgeSeconds: engine.config.session.recentSeconds },
  });
}

/** Raises the caller's session, in the transaction that consumed the attempt: somebody else's mailbox proves nothing about them. */
export async function raiseByMailbox(
  engine: Engine,
  context: RouteContext<unknown>,
  trx: Db,
  input: {
    readonly attempt: AttemptRow;
    readonly amr: readonly string[];
    readonly method: SignInMethod;
    readonly mode: SignInMode;
  },
): Promise<CompletedSignIn | Refusal> {
  const { attempt, amr, method, mode } = input;
  const owner = await findUserByEmail(engine, trx, attempt.identifier ?? "");
  if (owner?.id !== context.caller().subject) return { refused: "attempt_unknown" };
  return completeStepUp(engine, context, trx, { user: owner, acr, amr, method, mode, attemptId: attempt.id });
}
