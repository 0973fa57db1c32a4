import type { ClientError, EmailAttempt, Result, User } from "@segno/client";
import { type ReactNode, useState } from "react";
import { fill } from "../messages/messages.js";
import { Button, Field, Live, Problem, submit } from "../parts.js";
import { useSegno } from "../context.js";
import { CodeForm } from "../sign-in/code-form.js";
import { useSecurityMessages } from "./use-security-messages.js";

/** Details that are still missing: asked for one by one, when there is a reason to. */
export function ProfileSection({ user }: { readonly user: User }): ReactNode {
  const { client, stepUp } = useSegno();
  const messages = useSecurityMessages();
  const [error, setError] = useState<ClientError | null>(null);
  const [notice, setNotice] = useState("");
  const [email, setEmail] = useState(user.email ?? "");
  const [attempt, setAttempt] = useState<EmailAttempt | null>(null);
  const [isVerifying, setVerifying] = useState(false);
  const attend = async <T,>(call: () => Promise<Result<T>>, next: (data: T) => void) => {
    const result = await stepUp.actions.run(call);
    setError(result.error);
    if (result.error === null) next(result.data);
  };
  const needsName = user.missing.includes("displayName");
  const needsEmail = user.missing.includes("email") || !user.emailVerified;
  if (!needsName && !needsEmail) return <Live>{notice}</Live>;
  return (
    <section aria-label={messages.profile}>
      <h3>{messages.profile}</h3>
      <Live>{notice}</Live>
      {!attempt && <Problem error={error} />}
      {needsName && (
        <form
          onSubmit={submit((form) => {
            const displayName = String(new FormData(form).get("displayName")).trim();
            if (displayName)
              void attend(
                () => client.user.update({ displayName }),
                () => setNotice(messages.done),
              );
          })}
        >
          <Field label={messages.displayName} name="displayName" autoComplete="name" required />
          <Button part="primary" type="submit">
            {messages.save}
          </Button>
        </form>
      )}
      {needsEmail && !attempt && (
        <form onSubmit={submit(() => void attend(() => client.user.startEmail({ email }), setAttempt))}>
          <Field
            label={messages.email}
            type="email"
            name="email"
            autoComplete="email"
            required
            value={email}
            onChange={(event) => setEmail(event.target.value)}
          />
          <Button part="primary" type="submit">
            {messages.verifyEmail}
          </Button>
        </form>
      )}
      {attempt && (
        <>
          <p>{fill(messages.codeSent, { email })}</p>
          <CodeForm
            codeLength={attempt.codeLength}
            isVerifying={isVerifying}
            error={error}
            onCode={async (code) => {
              setVerifying(true);
              await attend(
                () => client.user.verifyEmail({ attemptId: attempt.attemptId, code }),
                () => {
                  setAttempt(null);
                  setNotice(messages.done);
                },
              );
              setVerifying(false);
            }}
          />
          <Button part="link" onClick={() => setAttempt(null)}>
            {messages.back}
          </Button>
        </>
      )}
    </section>
  );
}
