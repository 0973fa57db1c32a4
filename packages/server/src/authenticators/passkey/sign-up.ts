import { SegnoError } from "@segno/core";
import {
  isRefusal,
  attemptData,
  browserHashOf,
  type CompletedSignIn,
  completeSignIn,
  consumeAttempt,
  deliverSession,
  type Refusal,
  runSignIn,
  type SignedIn,
  type SignInMode,
  startAttempt,
  tokenBinding,
} from "../../attempts/index.js";
import type { Engine } from "../../engine.js";
import type { RouteContext } from "../../http/route.js";
import { deviceNameOf } from "../../sessions/index.js";
import { claimEmail, createUser, newUserHandle, normalizeEmail } from "../../users/index.js";
import { addCredential } from "./add-credential.js";
import { type CreationOptions, creationOptions, type RegistrationResponse } from "./ceremony.js";
import { asRefusal } from "./as-refusal.js";
import { loadVerifier } from "./load-verifier.js";
import { expectationOf, newChallenge, relyingParty } from "./passkey-config.js";
import { assuranceOf } from "./verify-assertion.js";
import { verifyRegistration } from "./verify-registration.js";

/**
 * Options for a first passkey of a new account. The account begins only when the passkey is verified.
 * An address is a claim: nothing is looked up, and whoever proves the mailbox later owns it.
 * @throws SegnoError `sign_up_closed`, `invalid_input`
 */
export async function startSignUp(
  engine: Engine,
  context: RouteContext<unknown>,
  input: { readonly displayName?: string | undefined; readonly email?: string | undefined },
): Promise<{ attemptId: string; publicKey: CreationOptions }> {
  const party = relyingParty(engine);
  if (!engine.config.signIn.signUp) throw new SegnoError("sign_up_closed");
  const email = input.email === undefined ? null : normalizeEmail(input.email);
  const displayName = input.displayName ?? null;
  const challenge = newChallenge(engine);
  const userHandle = newUserHandle(engine);
  const browser = context.cookies.browser();
  const attempt = await engine.store.transaction((trx) =>
    startAttempt(
      engine,
      trx,
      { kind: "passkey_sign_up", browser, challenge, data: { userHandle, displayName, email } },
      context.actor,
    ),
  );
  const name = email ?? displayName ?? party.rpName;
  const user = { id: userHandle, name, displayName: displayName ?? name };
  return { attemptId: attempt.id, publicKey: creationOptions(party, { challenge, user, exclude: [] }) };
}

/**
 * Creates the account, its passkey and its session in one transaction. The challenge is spent first, whatever follows.
 * @throws SegnoError `passkey_rejected`, `passkey_exists`, `wrong_browser`, `attempt_*`
 */
export async function finishSignUp(
  engine: Engine,
  context: RouteContext<unknown>,
  input: {
    readonly attemptId: string;
    readonly response: RegistrationResponse;
    readonly mode: SignInMode;
  },
): Promise<SignedIn> {
  relyingParty(engine);
  await loadVerifier();
  const run = { method: "passkey", actor: context.actor, attemptId: input.attemptId } as const;
  const key = { id: input.attemptId, kind: "passkey_sign_up", browserHash: browserHashOf(context) } as const;
  const jkt = await tokenBinding(engine, context, input.mode);
  const completed = await runSignIn<CompletedSignIn>(engine, run, async (trx): Promise<CompletedSignIn | Refusal> => {
    const attempt = await consumeAttempt(engine, trx, key);
    const credential = await asRefusal(verifyRegistration(input.response, expectationOf(engine, attempt)));
    if (isRefusal(credential)) return credential;
    const displayName = attemptData(attempt, "displayName");
    const userHandle = attemptData(attempt, "userHandle");
    const user = await createUser(engine, trx, { method: run.method, displayName, userHandle }, context.actor);
    const email = attemptData(attempt, "email");
    if (email !== undefined) await claimEmail(engine, trx, { userId: user.id, email });
    const name = deviceNameOf(context.request.headers.get("user-agent"));
    await addCredential(engine, trx, { userId: user.id, name, credential }, context.actor);
    return completeSignIn(engine, context, trx, {
      user,
      isNewUser: true,
      ...assuranceOf(credential.isBackupEligible),
      method: run.method,
      attemptId: run.attemptId,
      mode: input.mode,
      jkt,
    });
  });
  deliverSession(engine, context, completed, input.mode);
  return completed.signedIn;
}
