import type { ClientError, SegnoClient, SessionSnapshot } from "@segno/client";
import type { StepUpFlow } from "@segno/signin";
import { type Context, createContext, useContext } from "react";
import type { SecurityMessage } from "./messages/english-parts.js";
import type { Messages } from "./messages/messages.js";

export interface SegnoContextValue {
  readonly client: SegnoClient;
  /** What the server knew when it rendered the page; undefined when it did not say. */
  readonly initialSession: SessionSnapshot | null | undefined;
  /** Those of the security page only where the app brings its own: see `useSecurityMessages`. */
  readonly messages: Omit<Messages, SecurityMessage> & Partial<Messages>;
  readonly dir: "ltr" | "rtl" | undefined;
  readonly stepUp: StepUpFlow;
}

export const SegnoContext: Context<SegnoContextValue | null> = createContext<SegnoContextValue | null>(null);

/** The nearest provider's value. */
export function useSegno(): SegnoContextValue {
  const value = useContext(SegnoContext);
  if (!value) throw new TypeError("Segno hooks and components need a <SegnoProvider> above them.");
  return value;
}

/** The text for an error in the language of the catalogue. */
export function errorText(messages: Pick<Messages, "errors">, error: ClientError): string {
  return Object.hasOwn(messages.errors, error.code) ? (messages.errors[error.code] ?? error.title) : error.title;
}
