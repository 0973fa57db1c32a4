import { SegnoError } from "@segno/core";
import {
  isRefusal,
  attemptData,
  browserHashOf,
  type CompletedSignIn,
  completeSignIn,
  consumeAttempt,
  deliverSession,
  hashSecret,
  readAttemptByLink,
  type Refusal,
  runSignIn,
} from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { proveEmail } from "../../users/index.js";
import { codeOf, isLinkToken } from "./secrets.js";

export type RedeemedLink =
  | { readonly outcome: "signed_in"; readonly returnTo: string }
  /** Another browser: nothing was spent; `code` is what to type where it was started. */
  | { readonly outcome: "other_browser"; readonly code: string };

/**
 * Takes a link by POST. In the browser that asked it signs in; in any other it only tells the code (T-107), so that a
 * link somebody else asked for opens no session here.
 * @throws SegnoError `attempt_*`, `sign_up_closed`, `account_unavailable`
 */
export async function redeemLink(engine: Engine, context: RouteContext<unknown>, token: string): Promise<RedeemedLink> {
  const run = { method: "email_link", actor: context.actor } as const;
  const browserHash = browserHashOf(context);
  if (!isLinkToken(token)) throw new SegnoError("attempt_unknown");
  const found = await readAttemptByLink(engine.store.db, hashSecret(token));
  if (found !== undefined && found.browser_hash !== browserHash) {
    if (found.consumed_at !== null) throw new SegnoError("attempt_consumed");
    if (found.expires_at <= engine.clock.nowMs()) throw new SegnoError("attempt_expired");
    return { outcome: "other_browser", code: codeOf(token) };
  }
  const done = await runSignIn<CompletedSignIn & { returnTo: string }>(engine, run, async (trx) => {
    if (found === undefined) throw new SegnoError("attempt_unknown");
    const attempt = await consumeAttempt(engine, trx, { id: found.id, kind: "email_sign_in", browserHash });
    const proof = {
      email: attempt.identifier ?? "",
      method: run.method,
      displayName: attemptData(attempt, "displayName"),
    };
    const { user, isNewUser } = await proveEmail(engine, trx, proof, context.actor);
    const completed: CompletedSignIn | Refusal = await completeSignIn(engine, context, trx, {
      user,
      isNewUser,
      acr: "aal1",
      amr: ["link"],
      method: run.method,
      mode: "cookie",
    });
    return isRefusal(completed) ? completed : { ...completed, returnTo: attemptData(attempt, "returnTo") ?? "/" };
  });
  deliverSession(engine, context, done, "cookie");
  return { outcome: "signed_in", returnTo: done.returnTo };
}
