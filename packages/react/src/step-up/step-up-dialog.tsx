import { type ReactNode, useEffect, useId, useRef } from "react";
import { Button, Live, Problem } from "../parts.js";
import { useSegno } from "../context.js";
import { CodeForm } from "../sign-in/code-form.js";
import { useStepUp } from "./use-step-up.js";

/**
 * Opens when a call needs a step-up. The browser's own modal dialog keeps the focus inside and gives it back.
 * @example
 * const page = (
 *   <SegnoProvider client={client} stepUpDialog={false}>
 *     <StepUpDialog />
 *   </SegnoProvider>
 * );
 */
export function StepUpDialog(): ReactNode {
  const { messages, dir } = useSegno();
  const { state, cancel, confirmWithPasskey, sendEmail, submitCode } = useStepUp();
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const isOpen = state.status !== "idle";
  useEffect(() => {
    if (isOpen) dialog.current?.showModal?.();
    else dialog.current?.close?.();
  }, [isOpen]);
  if (state.status === "idle") return null;
  const isBusy = state.status === "awaiting_passkey" || state.status === "sending_email";
  return (
    <dialog ref={dialog} data-segno="step-up" dir={dir} aria-labelledby={titleId} onCancel={cancel}>
      <h2 id={titleId} data-part="title">
        {messages.stepUpTitle}
      </h2>
      <p>{messages.stepUpText}</p>
      <Live>
        {state.status === "awaiting_passkey" ? messages.waitingForPasskey : isBusy ? messages.sendingEmail : ""}
      </Live>
      {state.status === "awaiting_code" ? (
        <CodeForm {...state} onCode={(code) => void submitCode(code)} />
      ) : (
        <>
          <Problem error={state.error} />
          <Button part="primary" isBusy={isBusy} autoFocus onClick={() => void confirmWithPasskey()}>
            {messages.confirmWithPasskey}
          </Button>
          {state.methods.includes("email") && (
            <Button part="secondary" isBusy={isBusy} onClick={() => void sendEmail()}>
              {messages.confirmWithEmail}
            </Button>
          )}
        </>
      )}
      <Button part="link" onClick={cancel}>
        {messages.cancel}
      </Button>
    </dialog>
  );
}
