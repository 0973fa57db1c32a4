import type { StepUpActions, StepUpState } from "@segno/signin";
import { useSyncExternalStore } from "react";
import { useSegno } from "../context.js";

/**
 * Runs calls that may need a step-up: `run(() => client.passkeys.remove(id))`. When the service asks, the dialog opens;
 * once the person has confirmed, the call runs again. Works for client calls and for `fetch` responses.
 * @throws TypeError without a `<SegnoProvider>` above
 * @example
 * const { run } = useStepUp();
 * const response = await run(() => fetch("/transfer", { method: "POST" }));
 */
export function useStepUp(): { readonly state: StepUpState } & StepUpActions {
  const { stepUp } = useSegno();
  const state = useSyncExternalStore(stepUp.subscribe, stepUp.getState, stepUp.getState);
  return { state, ...stepUp.actions };
}
