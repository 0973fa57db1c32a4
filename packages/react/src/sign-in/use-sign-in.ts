import { createSignIn, type SignInActions, type SignInOptions, type SignInState } from "@segno/signin";
import { useEffect, useState, useSyncExternalStore } from "react";
import { useSegno } from "../context.js";
import { useSession } from "../session/use-session.js";

/**
 * The sign-in flow for your own screen: `[state, actions]`. Starts when the component appears, ends when it goes.
 * @throws TypeError without a `<SegnoProvider>` above
 * @example
 * const [state, actions] = useSignIn({ returnTo: "/account" });
 * const button = <button onClick={() => void actions.signInWithPasskey()}>{state.status}</button>;
 */
export function useSignIn(options?: SignInOptions): readonly [SignInState, SignInActions] {
  const { client } = useSegno();
  const [flow] = useState(() => createSignIn(client, options));
  const state = useSyncExternalStore(flow.subscribe, flow.getState, flow.getState);
  const { status } = useSession();
  useEffect(() => {
    if (status !== "signed_in") void flow.actions.start();
    // Nobody is asked for a passkey who is signed in already: not by autofill in the background either.
    else if (/idle|choosing/.test(flow.getState().status)) flow.actions.stop();
  }, [flow, status]);
  useEffect(() => flow.actions.stop, [flow]);
  return [state, flow.actions];
}
