import type { SignInMethod } from "@segno/core";
import type { Db, Engine } from "../engine.js";
import type { RouteContext } from "../http/route.js";
import { presentSession, raiseSession, sessionCookieSeconds } from "../sessions/index.js";
import type { Schema } from "../storage/schema.js";
import { issueTokens } from "../tokens/index.js";
import { presentUser } from "../users/index.js";
import { type CompletedSignIn, deliverSession, type SignInMode } from "./complete-sign-in.js";
import type { Refusal } from "./run-sign-in.js";

export interface CompleteStepUp {
  readonly user: Schema["segno_users"] | undefined;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly method: SignInMethod;
  /** The attempt that was spent. */
  readonly attemptId: string;
  readonly mode: SignInMode;
}

/**
 * The last step of every step-up: the caller's own session is raised to what was just proved, its cookie replaced, in
 * the transaction of the proof. No second session, no new refresh family.
 * @returns a refusal (`account_unavailable`) for an account that is suspended or gone, so that the proof stays spent
 * @throws SegnoError `session_expired`
 */
export async function completeStepUp(
  engine: Engine,
  context: RouteContext<unknown>,
  trx: Db,
  input: CompleteStepUp,
): Promise<CompletedSignIn | Refusal> {
  const { user, acr, amr, method } = input;
  if (user?.status !== "active") return { refused: "account_unavailable" };
  const caller = context.caller();
  const raised = await raiseSession(
    engine,
    trx,
    { sessionId: caller.sessionId, acr, amr, method, attemptId: input.attemptId },
    context.actor,
  );
  const { session } = raised;
  // the request's own proof was spent when it was authenticated
  const jkt = caller.claims?.cnf?.jkt;
  const tokens =
    input.mode === "token"
      ? await issueTokens(
          engine,
          trx,
          { session, withRefresh: false, ...(jkt === undefined ? {} : { jkt }) },
          context.actor,
        )
      : undefined;
  return {
    signedIn: {
      status: "signed_in",
      isNewUser: false,
      user: await presentUser(engine, trx, user),
      session: presentSession(session, session.id),
      ...(tokens === undefined ? {} : { tokens }),
    },
    sessionToken: raised.token,
    cookieSeconds: sessionCookieSeconds(session, engine.clock.nowMs()),
  };
}

/** After commit. A session held by cookie gets its new cookie also where tokens were asked for: the old one is dead. */
export function deliverStepUp(
  engine: Engine,
  context: RouteContext<unknown>,
  completed: CompletedSignIn,
  mode: SignInMode,
): void {
  deliverSession(engine, context, completed, context.caller().via === "session" ? "cookie" : mode);
}

/** Where a step-up is answered to: as the caller came, unless they ask otherwise. */
export function stepUpMode(context: RouteContext<unknown>, asked: SignInMode | undefined): SignInMode {
  return asked ?? (context.caller().via === "session" ? "cookie" : "token");
}
