import { SegnoError } from "@segno/core";
import { browserHashOf, consumeAttempt, rememberBrowser, requireOwnAttempt } from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { isUniqueViolation } from "../../storage/index.js";
import { presentUser, proveEmail, type User } from "../../users/index.js";
import { checkCode } from "./check-code.js";
import { pickLocale } from "./locale.js";
import { factorNotice } from "./mails.js";

/**
 * Makes a proved address the caller's address. It replaces the one before, whose owner is told.
 * @throws SegnoError `wrong_code`, `attempt_*`, `too_many_tries`, `rate_limited`, `email_taken`
 */
export async function verifyEmailAdd(
  engine: Engine,
  context: RouteContext<unknown>,
  input: { readonly attemptId: string; readonly code: string },
): Promise<User> {
  const caller = context.caller();
  const key = { id: input.attemptId, kind: "email_add", browserHash: browserHashOf(context) } as const;
  requireOwnAttempt(caller, await checkCode(engine, context, { key, code: input.code }));
  const locale = pickLocale(context.request.headers.get("accept-language"));
  const user = await engine.store
    .transaction(async (trx): Promise<User> => {
      const attempt = await consumeAttempt(engine, trx, key);
      requireOwnAttempt(caller, attempt);
      const proof = { email: attempt.identifier ?? "", method: "email_code", sessionUserId: caller.subject } as const;
      const result = await proveEmail(engine, trx, proof, context.actor);
      if (result.replaced !== undefined) {
        await engine.mail.enqueue(trx, factorNotice(engine, { to: result.replaced, locale, what: "email_changed" }));
      }
      // read before the commit: after it nothing may turn a change that was made into a failure
      return presentUser(engine, trx, result.user);
    })
    .catch((error: unknown) => {
      if (isUniqueViolation(error)) throw new SegnoError("email_taken");
      throw error;
    });
  engine.mail.nudge();
  engine.events.nudge();
  if (caller.via === "session" && user.email !== null) rememberBrowser(engine, context, user.email);
  return user;
}
