import { SegnoError } from "@segno/core";
import { type AttemptKey, type AttemptRow, countTry, maxTries } from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { limitByAll, limitByIp } from "../limits.js";
import { limitGuesses } from "./limit-mails.js";
import { pickLocale } from "./locale.js";
import { wrongCodesMail } from "./mails.js";
import { verifyRules } from "./rules.js";
import { isRightCode } from "./secrets.js";

/**
 * Compares a typed code. Order matters: the budgets of the place and of everybody, then the attempt's own counter (one
 * statement), then the budget of the address over all attempts (T-095, T-096), and only then the comparison.
 * The attempt is not spent here.
 * @throws SegnoError `wrong_code`, `rate_limited` and the codes of `countTry`
 */
export async function checkCode(
  engine: Engine,
  context: RouteContext<unknown>,
  input: { readonly key: AttemptKey; readonly code: string },
): Promise<AttemptRow> {
  await limitByIp(engine, context, verifyRules.ip);
  await limitByAll(engine, verifyRules.all);
  const attempt = await countTry(engine, engine.store.db, input.key);
  await limitGuesses(engine, context, attempt.identifier ?? attempt.id);
  if (isRightCode(engine, attempt, input.code)) return attempt;
  if (attempt.tries >= maxTries) await alertGuessing(engine, context, attempt);
  throw new SegnoError("wrong_code");
}

/** Every try of an attempt was wrong: an alert for operators, a mail for whoever reads the mailbox. */
async function alertGuessing(engine: Engine, context: RouteContext<unknown>, attempt: AttemptRow): Promise<void> {
  const locale = pickLocale(context.request.headers.get("accept-language"));
  const alert = { kind: "code_guessing", detail: "every try of an attempt was wrong" };
  await engine.store.transaction(async (trx) => {
    await engine.events.append(trx, "risk.alert", context.actor, alert);
    if (attempt.identifier !== null) {
      await engine.mail.enqueue(trx, wrongCodesMail(engine, { to: attempt.identifier, locale }));
    }
  });
  engine.events.nudge();
  engine.mail.nudge();
}
