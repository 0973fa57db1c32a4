import type { StepUpRequirement, User } from "@segno/client";
import { acrSatisfies } from "@segno/core";
import type { SignInActions, SignInOptions, SignInState } from "@segno/signin";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { fill } from "../messages/messages.js";
import { Button, Field, Live, Problem, submit } from "../parts.js";
import { type SegnoContextValue, useSegno } from "../context.js";
import { useSession } from "../session/use-session.js";
import { CodeForm } from "./code-form.js";
import { useLinkElsewhere } from "./use-link-elsewhere.js";
import { useSignIn } from "./use-sign-in.js";

/** Props of `SignIn`. */
export interface SignInProps extends Pick<SignInOptions, "autofill" | "returnTo" | "locale"> {
  /** Called once somebody is signed in, also when it happened by the mailed link in another tab. */
  readonly onSignedIn?: (user: User) => void;
  /**
   * What the place asks for that sent the person here. Somebody who is signed in already confirms that it is them, in
   * the same session; `onSignedIn` is called then.
   */
  readonly requirement?: StepUpRequirement | undefined;
}

/**
 * The sign-in screen: passkey by autofill or button, sign-up, and email as the fallback in the same place. Import
 * `@segno/react/styles.css` for its looks, or style its `data-part` attributes.
 * @example
 * const page = <SignIn returnTo="/account" onSignedIn={(user) => console.log(user.id)} />;
 */
export function SignIn({ onSignedIn, requirement, ...options }: SignInProps): ReactNode {
  const { client, messages, dir } = useSegno();
  const { user } = useSession();
  const isEnough = useIsEnough(requirement);
  const [state, actions] = useSignIn(options);
  const [isNew, setNew] = useState(false);
  const [hasReturned, setReturned] = useState(false);
  const report = useRef(onSignedIn);
  report.current = onSignedIn;
  const userId = user?.id;
  useEffect(() => {
    const now = client.session.get().user;
    if (isEnough && userId !== undefined && now) report.current?.(now);
  }, [userId, isEnough, client]);
  const seen = useRef(userId);
  seen.current = requirement ? "" : userId;
  useEffect(
    () => () => {
      // An app that shows this to nobody who is signed in takes it away before the effect above can run.
      const { user: now } = client.session.get();
      if (now && seen.current === undefined) report.current?.(now);
    },
    [client],
  );
  useLinkElsewhere(state);
  return (
    <section data-segno="sign-in" dir={dir} aria-label={isNew ? messages.signUpTitle : messages.signInTitle}>
      <h2 data-part="title">{isNew ? messages.signUpTitle : messages.signInTitle}</h2>
      <Live>{announcement(state, messages)}</Live>
      {user ? (
        <SignedInAs user={user} takesFocus={state.status === "signed_in"} requirement={!isEnough && requirement} />
      ) : (
        <Step
          state={state}
          actions={actions}
          isNew={isNew}
          onSwitch={() => setNew(!isNew)}
          takesFocus={hasReturned}
          onBack={() => {
            setReturned(true);
            void actions.back();
          }}
        />
      )}
    </section>
  );
}

function Step(props: StepProps): ReactNode {
  const { messages } = useSegno();
  const { state, actions, onBack } = props;
  if (state.status === "failed") {
    return (
      <>
        <Problem error={state.error} />
        <Button part="primary" onClick={onBack}>
          {messages.startAgain}
        </Button>
      </>
    );
  }
  if (state.status === "awaiting_code") {
    return (
      <>
        <CodeForm {...state} onCode={(code) => void actions.submitCode(code)} />
        <Button part="link" onClick={() => void actions.sendEmail()}>
          {messages.sendAgain}
        </Button>
        <Button part="link" onClick={onBack}>
          {messages.back}
        </Button>
      </>
    );
  }
  return <Choice {...props} />;
}

interface StepProps {
  readonly state: SignInState;
  readonly actions: SignInActions;
  readonly isNew: boolean;
  readonly onSwitch: () => void;
  readonly onBack: () => void;
  /** The person came back to the choice: the focus goes with them. */
  readonly takesFocus: boolean;
}

function Choice({ state, actions, isNew, onSwitch, onBack, takesFocus }: StepProps): ReactNode {
  const { messages } = useSegno();
  const email = useRef<HTMLInputElement>(null);
  const [isMissing, setMissing] = useState(false);
  const isBusy = state.status === "awaiting_passkey" || state.status === "sending_email";
  const offersEmail = state.status === "choosing" && state.offersEmail;
  useEffect(() => {
    // The passkey did not work out: email is next.
    if (offersEmail || takesFocus) email.current?.focus();
  }, [offersEmail, takesFocus]);
  const hasPasskeys = state.canUsePasskey !== false;
  return (
    <>
      <Problem error={state.error} />
      {!hasPasskeys && <p data-part="note">{messages.noPasskeyHere}</p>}
      <form
        noValidate
        onSubmit={submit(() => {
          const isGood = email.current?.validity.valid === true;
          setMissing(!isGood);
          if (isGood) void actions.sendEmail();
          else email.current?.focus();
        })}
      >
        <Field
          ref={email}
          label={messages.email}
          type="email"
          name="email"
          autoComplete="username webauthn"
          required
          value={state.input.email}
          onChange={(event) => actions.edit({ email: event.target.value })}
          problem={isMissing ? messages.emailNeeded : null}
        />
        {isNew && (
          <Field
            label={`${messages.displayName} (${messages.optional})`}
            name="name"
            autoComplete="name"
            value={state.input.displayName}
            onChange={(event) => actions.edit({ displayName: event.target.value })}
          />
        )}
        <Button part={hasPasskeys && !offersEmail ? "secondary" : "primary"} type="submit" isBusy={isBusy}>
          {messages.continueWithEmail}
        </Button>
      </form>
      {hasPasskeys && (
        <>
          <p data-part="or">{messages.or}</p>
          <Button
            part={offersEmail ? "secondary" : "primary"}
            isBusy={isBusy}
            onClick={() => void (isNew ? actions.signUpWithPasskey() : actions.signInWithPasskey())}
          >
            {isNew ? messages.signUpWithPasskey : messages.signInWithPasskey}
          </Button>
        </>
      )}
      {isBusy ? (
        <Button part="link" onClick={onBack}>
          {messages.cancel}
        </Button>
      ) : (
        <Button part="link" onClick={onSwitch}>
          {isNew ? messages.haveAccount : messages.newHere}
        </Button>
      )}
    </>
  );
}

/** Whether this session will do. The proof the page opened with was refused just now: only a newer one can. */
function useIsEnough(requirement: StepUpRequirement | undefined): boolean {
  const { status, session } = useSession();
  const proof = status !== "loading" && String(session?.authTime);
  const [refused, setRefused] = useState(proof);
  if (!refused && proof) setRefused(proof);
  return !requirement || (proof !== refused && !!session && acrSatisfies(session.acr, requirement.acr ?? session.acr));
}

interface SignedInAsProps {
  readonly user: User;
  readonly takesFocus: boolean;
  /** Still to be met, by a step-up. */
  readonly requirement: StepUpRequirement | false | undefined;
}

function SignedInAs({ user, takesFocus, requirement }: SignedInAsProps): ReactNode {
  const { client, messages, stepUp } = useSegno();
  const text = useRef<HTMLParagraphElement>(null);
  const [tries, setTries] = useState(0);
  useEffect(() => {
    if (takesFocus) text.current?.focus();
  }, [takesFocus]);
  useEffect(() => {
    if (!requirement) return;
    void stepUp.actions.ask(requirement);
    return stepUp.actions.cancel;
    // A requirement is the same one as long as it asks for the same.
  }, [!requirement, tries]);
  return (
    <>
      <p ref={text} tabIndex={-1}>
        {fill(messages.signedInAs, { name: user.displayName ?? user.email ?? user.id })}
      </p>
      {requirement && (
        <Button part="primary" onClick={() => setTries(tries + 1)}>
          {messages.stepUpTitle}
        </Button>
      )}
      <Button part="secondary" onClick={() => void client.signOut()}>
        {messages.signOut}
      </Button>
    </>
  );
}

function announcement(state: SignInState, messages: SegnoContextValue["messages"]): string {
  if (state.status === "awaiting_passkey") return state.isVerifying ? messages.checking : messages.waitingForPasskey;
  if (state.status === "sending_email") return messages.sendingEmail;
  if (state.status !== "awaiting_code") return "";
  if (state.isVerifying) return messages.checking;
  const sent = fill(messages.codeSent, { email: state.input.email.trim() });
  return state.mailsSent > 1 ? `${sent} ${messages.sentAgain}` : sent;
}
