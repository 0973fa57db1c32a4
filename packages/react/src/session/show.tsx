import type { AccessRequirement } from "@segno/core";
import type { ReactNode } from "react";
import { useAuth } from "./use-auth.js";

/** Props of `Show`. */
export interface ShowProps {
  readonly when: "signed-in" | "signed-out" | AccessRequirement;
  /** Shown when the condition is known not to hold. While it is unknown, nothing is shown. */
  readonly fallback?: ReactNode;
  readonly children?: ReactNode;
}

/**
 * Shows its children when the condition holds. Decides what is seen, not what is allowed: the server does that.
 * @example
 * const page = (
 *   <Show when={{ acr: "phr" }} fallback={<SignIn />}>
 *     Only after a passkey.
 *   </Show>
 * );
 */
export function Show({ when, fallback = null, children }: ShowProps): ReactNode {
  const { isLoaded, isSignedIn, has } = useAuth();
  if (!isLoaded) return null;
  const holds = when === "signed-in" ? isSignedIn : when === "signed-out" ? !isSignedIn : has(when);
  return holds ? children : fallback;
}
