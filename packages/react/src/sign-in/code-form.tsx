import type { ClientError } from "@segno/client";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { fill } from "../messages/messages.js";
import { Button, Field, Problem, SupportCode, submit } from "../parts.js";
import { errorText, useSegno } from "../context.js";

interface CodeFormProps {
  readonly codeLength: number;
  readonly isVerifying: boolean;
  readonly error: ClientError | null;
  readonly onCode: (code: string) => void;
}

/** One field for the mailed code; takes the focus when it appears and after a wrong code. */
export function CodeForm({ codeLength, isVerifying, error, onCode }: CodeFormProps): ReactNode {
  const { messages } = useSegno();
  const input = useRef<HTMLInputElement>(null);
  const [isIncomplete, setIncomplete] = useState(false);
  useEffect(() => {
    if (isVerifying) return;
    input.current?.focus();
    if (error) input.current?.select();
  }, [isVerifying, error]);
  // What came of the network or of a limit is no fault of the code.
  const isWrong = error?.retry.when === "after_correction";
  const problem = isIncomplete
    ? fill(messages.codeNeeded, { length: String(codeLength) })
    : isWrong && errorText(messages, error);
  return (
    <form
      noValidate
      onSubmit={submit(() => {
        const code = (input.current?.value ?? "").replace(/[\s-]/g, "");
        setIncomplete(code.length < codeLength);
        if (code.length >= codeLength) onCode(code);
        else input.current?.focus();
      })}
    >
      <Field
        ref={input}
        label={messages.code}
        name="code"
        inputMode="numeric"
        autoComplete="one-time-code"
        problem={problem || null}
      />
      {!isIncomplete && (isWrong ? <SupportCode error={error} /> : error && <Problem error={error} />)}
      <Button part="primary" type="submit" isBusy={isVerifying}>
        {messages.continue}
      </Button>
    </form>
  );
}
