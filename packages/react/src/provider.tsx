import type { SegnoClient, SessionSnapshot } from "@segno/client";
import { createStepUp } from "@segno/signin";
import { type ReactNode, useMemo, useState } from "react";
import { SegnoContext, type SegnoContextValue } from "./context.js";
import { englishCore } from "./messages/english-parts.js";
import type { Messages } from "./messages/messages.js";
import { StepUpDialog } from "./step-up/step-up-dialog.js";

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

/**
 * Gives the hooks and components their client. Put it once around the app.
 * @example
 * const page = (
 *   <SegnoProvider client={createSegnoClient()}>
 *     <SignIn />
 *   </SegnoProvider>
 * );
 */
export function SegnoProvider(props: SegnoProviderProps): ReactNode {
  const { client, initialSession, messages, dir, stepUpDialog = true, children } = props;
  useState(() => {
    // A server renders for many people with one client: only a browser may keep the session in it.
    if (typeof window !== "undefined" && initialSession !== undefined) client.session.seed(initialSession);
  });
  const stepUp = useMemo(() => createStepUp(client), [client]);
  const value = useMemo<SegnoContextValue>(
    () => ({ client, initialSession, messages: { ...englishCore, ...messages }, dir, stepUp }),
    [client, initialSession, messages, dir, stepUp],
  );
  return (
    <SegnoContext value={value}>
      {children}
      {stepUpDialog && <StepUpDialog />}
    </SegnoContext>
  );
}
