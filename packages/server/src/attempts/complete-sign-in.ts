import type { SignInMethod } from "@segno/core";
import type { Db, Engine } from "../engine.js";
import type { RouteContext } from "../http/route.js";
import {
  createSession,
  deviceNameOf,
  presentSession,
  revokeSession,
  type SessionView,
  sessionCookieSeconds,
} from "../sessions/index.js";
import { issueTokens, type Tokens } from "../tokens/index.js";
import type { Schema } from "../storage/schema.js";
import { presentUser, type User } from "../users/index.js";
import { rememberBrowser } from "./known-browser.js";
import type { Refusal } from "./run-sign-in.js";

/** `cookie`: the browser gets a session cookie. `token`: no cookie, tokens in the body (native and cross-origin apps). */
export type SignInMode = "cookie" | "token";

export interface SignedIn {
  readonly status: "signed_in";
  readonly isNewUser: boolean;
  readonly user: User;
  readonly session: SessionView;
  readonly tokens?: Tokens;
}

export interface CompleteSignIn {
  readonly user: Schema["segno_users"];
  readonly isNewUser: boolean;
  readonly acr: string;
  readonly amr: readonly string[];
  readonly method: SignInMethod;
  /** The attempt that was spent. */
  readonly attemptId: string;
  readonly mode: SignInMode;
  /** Thumbprint of the key that tokens are bound to, from a checked DPoP proof. */
  readonly jkt?: string | undefined;
}

/** A sign-in that still has to be committed and then delivered. */
export interface CompletedSignIn {
  readonly signedIn: SignedIn;
  readonly sessionToken: string;
  readonly cookieSeconds: number;
}

const clientId = "segno";

/**
 * The last step of every way to sign in: the session, its tokens and `login.success`, in the transaction of the proof.
 * A session this browser held before ends: a new proof never continues an old session (T-015).
 * @returns a refusal (`account_unavailable`) for a suspended account, so that the proof stays spent
 */
export async function completeSignIn(
  engine: Engine,
  context: RouteContext<unknown>,
  trx: Db,
  input: CompleteSignIn,
): Promise<CompletedSignIn | Refusal> {
  const { user, acr, amr, method } = input;
  if (user.status !== "active") return { refused: "account_unavailable" };
  if (input.mode === "cookie") await endPrevious(engine, context, trx);
  const { token, session } = await createSession(
    engine,
    trx,
    {
      userId: user.id,
      clientId,
      acr,
      amr,
      method,
      deviceName: deviceNameOf(context.request.headers.get("user-agent")),
    },
    context.actor,
  );
  const actor = { ...context.actor, subject: user.id, sessionId: session.id, clientId };
  const { isNewUser, attemptId } = input;
  await engine.events.append(trx, "login.success", actor, { method, acr, amr, isNewUser, attemptId });
  const tokens =
    input.mode === "token"
      ? await issueTokens(
          engine,
          trx,
          { session, withRefresh: true, ...(input.jkt === undefined ? {} : { jkt: input.jkt }) },
          actor,
        )
      : undefined;
  return {
    signedIn: {
      status: "signed_in",
      isNewUser: input.isNewUser,
      user: await presentUser(engine, trx, user),
      session: presentSession(session, session.id),
      ...(tokens === undefined ? {} : { tokens }),
    },
    sessionToken: token,
    cookieSeconds: sessionCookieSeconds(session, engine.clock.nowMs()),
  };
}

/** After commit: the cookies, unless tokens were asked for. */
export function deliverSession(
  engine: Engine,
  context: RouteContext<unknown>,
  completed: CompletedSignIn,
  mode: SignInMode,
): void {
  if (mode !== "cookie") return;
  context.cookies.setSession(completed.sessionToken, completed.cookieSeconds);
  const { email, emailVerified } = completed.signedIn.user;
  if (email !== null && emailVerified) rememberBrowser(engine, context, email);
}

async function endPrevious(engine: Engine, context: RouteContext<unknown>, trx: Db): Promise<void> {
  const { auth } = context;
  if (auth.status !== "authenticated" || auth.via !== "session") return;
  const input = { sessionId: auth.sessionId, userId: auth.subject, reason: "replaced" };
  await revokeSession(engine, trx, input, context.actor);
}
