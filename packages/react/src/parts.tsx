import type { ClientError } from "@segno/client";
import { type ComponentProps, type FormEvent, type ReactNode, useId } from "react";
import { errorText, useSegno } from "./context.js";
import { fill } from "./messages/messages.js";

/** A button that stays focusable while its action runs; the flow itself ignores the second click. */
export function Button({
  part,
  isBusy,
  ...props
}: ComponentProps<"button"> & { part: string; isBusy?: boolean }): ReactNode {
  return <button type="button" data-part={part} aria-disabled={isBusy || undefined} {...props} />;
}

interface FieldProps extends ComponentProps<"input"> {
  readonly label: ReactNode;
  /** Says what is wrong and what to do. */
  readonly problem?: string | null;
}

export function Field({ label, problem, ...props }: FieldProps): ReactNode {
  const id = useId();
  const { messages } = useSegno();
  return (
    <div data-part="field">
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        {...props}
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? `${id}p` : undefined}
      />
      {problem && (
        <p id={`${id}p`} role="alert" data-part="error">
          <b>{messages.errorLabel}</b> {problem}
        </p>
      )}
    </div>
  );
}

export function Problem({ error }: { readonly error: ClientError | null }): ReactNode {
  const { messages } = useSegno();
  return (
    <div role="alert">
      {error && (
        <p data-part="error">
          <b>{messages.errorLabel}</b> {errorText(messages, error)}
        </p>
      )}
      <SupportCode error={error} />
    </div>
  );
}

/** What a person can read out to support. */
export function SupportCode({ error }: { readonly error: ClientError | null }): ReactNode {
  const { messages } = useSegno();
  return (
    error?.supportCode && (
      <p data-part="support-code">
        <small>{fill(messages.supportCode, { code: error.supportCode })}</small>
      </p>
    )
  );
}

/** Read out by assistive technology when it changes. Always present, or the first text would be missed. */
export function Live({ children }: { readonly children: ReactNode }): ReactNode {
  return (
    <p role="status" data-part="status">
      {children}
    </p>
  );
}

/** Handles a form without leaving the page. */
export function submit(action: (form: HTMLFormElement) => void): (event: FormEvent<HTMLFormElement>) => void {
  return (event) => {
    event.preventDefault();
    action(event.currentTarget);
  };
}
