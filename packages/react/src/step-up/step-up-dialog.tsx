import { type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { fill } from "../messages/messages.js";
import { Button, Live, Problem } from "../parts.js";
import { useSegno } from "../context.js";
import { CodeForm } from "../sign-in/code-form.js";
import { useLinkElsewhere } from "../sign-in/use-link-elsewhere.js";
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
  return useStepUp().state.status !== "idle" && <OpenDialog />;
}

function OpenDialog(): ReactNode {
  const { messages, dir } = useSegno();
  const { state, cancel, confirmWithPasskey, sendEmail, submitCode } = useStepUp();
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  useLinkElsewhere(state);
  useLayoutEffect(() => {
    const opened = dialog.current;
    opened?.showModal?.();
    // While it is still in the page: a dialog that is taken out gives no focus back.
    return () => opened?.close?.();
  }, []);
  if (state.status === "idle") return null;
  const isAwaiting = state.status === "awaiting_passkey";
  const isNew = state.methods[0] === "new_passkey";
  const isBusy = isAwaiting || state.status === "sending_email";
  return (
    <dialog ref={dialog} data-segno="step-up" dir={dir} aria-labelledby={titleId} onCancel={cancel}>
      <h2 id={titleId} data-part="title">
        {messages.stepUpTitle}
      </h2>
      <p>{isNew ? messages.stepUpNoPasskey : messages.stepUpText}</p>
      <Live>
        {isAwaiting
          ? messages.waitingForPasskey
          : isBusy
            ? messages.sendingEmail
            : state.status === "awaiting_code" && fill(messages.codeNeeded, { length: String(state.codeLength) })}
      </Live>
      {state.status === "awaiting_code" ? (
        <CodeForm {...state} onCode={(code) => void submitCode(code)} />
      ) : (
        <>
          <Problem error={state.error} />
          <Button part="primary" isBusy={isBusy} autoFocus onClick={() => void confirmWithPasskey()}>
            {isNew ? messages.addPasskey : messages.confirmWithPasskey}
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
