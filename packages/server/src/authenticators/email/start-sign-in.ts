import { attemptSeconds, hashSecret, startAttempt } from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import { invalidFields, type RouteContext, safeReturnPath } from "../../http/index.js";
import { normalizeEmail } from "../../users/index.js";
import { limitMails } from "./limit-mails.js";
import { pickLocale } from "./locale.js";
import { noAccountMail, signInMail } from "./mails.js";
import { codeLength, codeOf, macOfCode, newLinkToken } from "./secrets.js";

export interface StartEmailSignIn {
  readonly email: string;
  readonly displayName?: string | undefined;
  readonly returnTo?: string | undefined;
  readonly locale?: string | undefined;
  /** The link raises the caller's session, in the browser that asked. */
  readonly stepUp?: boolean | undefined;
}
/** The answer to every address alike. */
export interface EmailChallenge {
  readonly attemptId: string;
  readonly expiresInSeconds: number;
  /** 0 when codes are switched off: there is nothing to type. */
  readonly codeLength: number;
}

/**
 * Opens an attempt for an address and puts one mail with link and code into the queue. Known, unknown, suspended and
 * refused addresses take the same statements and get the same answer (T-115): nobody looks who it is before the mail leaves.
 * @throws SegnoError `invalid_input`, `rate_limited`, `unauthenticated` for a step-up without a session
 */
export async function startEmailSignIn(
  engine: Engine,
  context: RouteContext<unknown>,
  input: StartEmailSignIn,
): Promise<EmailChallenge> {
  const caller = input.stepUp === true ? context.caller() : undefined;
  const email = normalizeEmail(input.email);
  const returnTo = returnPath(engine, input.returnTo);
  const locale = pickLocale(input.locale, context.request.headers.get("accept-language"));
  await limitMails(engine, context, email);
  const browser = context.cookies.browser();
  const linkToken = newLinkToken(engine);
  const code = codeOf(linkToken);
  const id = engine.newId();
  await engine.store.transaction(async (trx) => {
    await startAttempt(
      engine,
      trx,
      {
        id,
        kind: "email_sign_in",
        browser,
        userId: caller?.subject,
        sessionId: caller?.sessionId,
        identifier: email,
        codeMac: macOfCode(engine, id, code),
        linkHash: hashSecret(linkToken),
        data: { returnTo, displayName: input.displayName ?? null },
      },
      context.actor,
    );
    const to = { to: email, locale };
    const otherwise = engine.config.signIn.signUp ? undefined : noAccountMail(engine, to);
    await engine.mail.enqueue(trx, signInMail(engine, { ...to, linkToken, code }), otherwise);
    await engine.events.append(trx, "email.challenge_sent", context.actor, { purpose: "sign_in", attemptId: id });
  });
  engine.mail.nudge();
  engine.events.nudge();
  return {
    attemptId: id,
    expiresInSeconds: attemptSeconds,
    codeLength: engine.config.signIn.emailCode ? codeLength : 0,
  };
}

function returnPath(engine: Engine, asked: string | undefined): string {
  const path = safeReturnPath(asked ?? "/", [engine.config.origin]);
  if (path === undefined) throw invalidFields([{ path: "returnTo", message: "Must be a path of this application." }]);
  return path;
}
