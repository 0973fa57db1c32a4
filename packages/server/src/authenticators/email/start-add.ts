import { attemptSeconds, hashSecret, startAttempt } from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { normalizeEmail, withEmail } from "../../users/index.js";
import { demandRecent } from "../require-recent.js";
import { limitMails } from "./limit-mails.js";
import { pickLocale } from "./locale.js";
import { addAddressMail } from "./mails.js";
import { codeLength, codeOf, macOfCode, newLinkToken } from "./secrets.js";
import type { EmailChallenge } from "./start-sign-in.js";

/**
 * Mails a code to an address the caller wants as theirs. The answer does not tell whether it is taken.
 * @throws SegnoError `insufficient_user_authentication`, `invalid_input`, `rate_limited`
 */
export async function startEmailAdd(
  engine: Engine,
  context: RouteContext<unknown>,
  input: { readonly email: string; readonly locale?: string | undefined },
): Promise<EmailChallenge> {
  const caller = context.caller();
  const email = normalizeEmail(input.email);
  await demandRecent(engine, caller, context.actor);
  await limitMails(engine, context, email);
  const locale = pickLocale(input.locale, context.request.headers.get("accept-language"));
  const browser = context.cookies.browser();
  const secret = newLinkToken(engine);
  const code = codeOf(secret);
  const id = engine.newId();
  await engine.store.transaction(async (trx) => {
    await startAttempt(
      engine,
      trx,
      {
        id,
        kind: "email_add",
        browser,
        userId: caller.subject,
        sessionId: caller.sessionId,
        identifier: email,
        codeMac: macOfCode(engine, id, code),
        linkHash: hashSecret(secret),
      },
      context.actor,
    );
    await engine.mail.enqueue(trx, addAddressMail(engine, { to: email, locale, code }));
    const who = withEmail(context.actor, email);
    await engine.events.append(trx, "email.challenge_sent", who, { purpose: "add", attemptId: id });
  });
  engine.mail.nudge();
  engine.events.nudge();
  return { attemptId: id, expiresInSeconds: attemptSeconds, codeLength };
}
