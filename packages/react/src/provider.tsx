import type { ClientError, SegnoClient, SessionSnapshot } from "@segno/client";
import { createStepUp, type StepUpFlow } from "@segno/signin";
import { createContext, type ReactNode, useContext, useMemo, useState } from "react";
import { englishMessages } from "./messages/english.js";
import type { Messages } from "./messages/messages.js";
import { StepUpDialog } from "./step-up/step-up-dialog.js";

export interface SegnoContextValue {
  readonly client: SegnoClient;
  /** What the server knew when it rendered the page; undefined when it did not say. */
  readonly initialSession: SessionSnapshot | null | undefined;
  readonly messages: Messages;
  readonly dir: "ltr" | "rtl" | undefined;
  readonly stepUp: StepUpFlow;
}

const SegnoContext = createContext<SegnoContextValue | null>(null);

/** Props of `SegnoProvider`. */
export interface SegnoProviderProps {
  readonly client: SegnoClient;
  /** From the server, so that the page needs no session request; null means nobody is signed in. */
  readonly initialSession?: SessionSnapshot | null | undefined;
  /** Replaces some or all strings. `englishMessages` and `germanMessages` come from `@segno/react/messages`. */
  readonly messages?: Partial<Messages>;
  /** Text direction of the components; default: the page's. */
  readonly dir?: "ltr" | "rtl";
  /** Set to false to draw your own step-up screen with `useStepUp`. */
  readonly stepUpDialog?: boolean;
  readonly children?: ReactNode;
}

/** Gives the hooks and components their client. Put it once around the app. */
export function SegnoProvider(props: SegnoProviderProps): ReactNode {
  const { client, initialSession, messages, dir, stepUpDialog = true, children } = props;
  useState(() => {
    // A server renders for many people with one client: only a browser may keep the session in it.
    if (typeof window !== "undefined" && initialSession !== undefined) client.session.seed(initialSession);
  });
  const stepUp = useMemo(() => createStepUp(client), [client]);
  const value = useMemo<SegnoContextValue>(
    () => ({ client, initialSession, messages: { ...englishMessages, ...messages }, dir, stepUp }),
    [client, initialSession, messages, dir, stepUp],
  );
  return (
    <SegnoContext value={value}>
      {children}
      {stepUpDialog && <StepUpDialog />}
    </SegnoContext>
  );
}

/** The nearest provider's value. */
export function useSegno(): SegnoContextValue {
  const value = useContext(SegnoContext);
  if (!value) throw new TypeError("Segno hooks and components need a <SegnoProvider> above them.");
  return value;
}

/** The text for an error in the language of the catalogue. */
export function errorText(messages: Messages, error: ClientError): string {
  return Object.hasOwn(messages.errors, error.code) ? (messages.errors[error.code] ?? error.title) : error.title;
}
