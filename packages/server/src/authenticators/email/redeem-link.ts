import { SegnoError } from "@segno/core";
import {
  attemptData,
  type AttemptRow,
  browserHashOf,
  type CompletedSignIn,
  completeSignIn,
  consumeAttempt,
  deliverSession,
  deliverStepUp,
  hashSecret,
  isRefusal,
  readAttemptByLink,
  type Refusal,
  runSignIn,
} from "../../attempts/index.js";
import type { Db, Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { proveEmail } from "../../users/index.js";
import { codeOf, isLinkToken } from "./secrets.js";
import { raiseByMailbox, refuseLowering } from "./step-up.js";

export type RedeemedLink =
  | { readonly outcome: "signed_in"; readonly returnTo: string }
  /** Another browser: nothing was spent; `code` is what to type where it was started. */
  | { readonly outcome: "other_browser"; readonly code: string };

/**
 * Takes a link by POST. In the browser that asked it signs in, or raises the session that asked for a step-up; in any other it only tells the code (T-107), so that a
 * link somebody else asked for opens no session here.
 * @throws SegnoError `attempt_*`, `sign_up_closed`, `account_unavailable`, `insufficient_user_authentication`, `session_expired`
 */
export async function redeemLink(engine: Engine, context: RouteContext<unknown>, token: string): Promise<RedeemedLink> {
  const browserHash = browserHashOf(context);
  if (!isLinkToken(token)) throw new SegnoError("attempt_unknown");
  const found = await readAttemptByLink(engine.store.db, hashSecret(token));
  if (found !== undefined && found.browser_hash !== browserHash) {
    if (found.consumed_at !== null) throw new SegnoError("attempt_consumed");
    if (found.expires_at <= engine.clock.nowMs()) throw new SegnoError("attempt_expired");
    return { outcome: "other_browser", code: codeOf(token) };
  }
  const run = { method: "email_link", actor: context.actor, ...(found && { attemptId: found.id }) } as const;
  const isStepUp = found !== undefined && isOwnSession(context, found);
  if (isStepUp) refuseLowering(engine, context);
  const done = await runSignIn<CompletedSignIn & { returnTo: string }>(engine, run, async (trx) => {
    if (found === undefined) throw new SegnoError("attempt_unknown");
    const attempt = await consumeAttempt(engine, trx, { id: found.id, kind: "email_sign_in", browserHash });
    const proof = { attempt, amr: ["link"], method: run.method, mode: "cookie" } as const;
    const completed = isStepUp
      ? await raiseByMailbox(engine, context, trx, proof)
      : await signInByMailbox(engine, context, trx, proof);
    return isRefusal(completed) ? completed : { ...completed, returnTo: attemptData(attempt, "returnTo") ?? "/" };
  });
  if (isStepUp) deliverStepUp(engine, context, done, "cookie");
  else deliverSession(engine, context, done, "cookie");
  return { outcome: "signed_in", returnTo: done.returnTo };
}

/** Asked for as a step-up, in the session that the browser still has. Else the link signs in like any other. */
function isOwnSession({ auth }: RouteContext<unknown>, attempt: AttemptRow): boolean {
  return auth.status === "authenticated" && auth.via === "session" && auth.sessionId === attempt.session_id;
}

async function signInByMailbox(
  engine: Engine,
  context: RouteContext<unknown>,
  trx: Db,
  input: {
    readonly attempt: AttemptRow;
    readonly amr: readonly string[];
    readonly method: "email_link";
    readonly mode: "cookie";
  },
): Promise<CompletedSignIn | Refusal> {
  const { attempt, amr, method, mode } = input;
  const proof = { email: attempt.identifier ?? "", method, displayName: attemptData(attempt, "displayName") };
  const { user, isNewUser } = await proveEmail(engine, trx, proof, context.actor);
  return completeSignIn(engine, context, trx, {
    user,
    isNewUser,
    acr: "aal1",
    amr,
    method,
    mode,
    attemptId: attempt.id,
  });
}
