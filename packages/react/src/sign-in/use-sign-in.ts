import { createSignIn, type SignInActions, type SignInOptions, type SignInState } from "@segno/signin";
import { useEffect, useState, useSyncExternalStore } from "react";
import { useSegno } from "../provider.js";

/** The sign-in flow for your own screen: `[state, actions]`. Starts when the component appears, ends when it goes. */
export function useSignIn(options?: SignInOptions): readonly [SignInState, SignInActions] {
  const { client } = useSegno();
  const [flow] = useState(() => createSignIn(client, options));
  const state = useSyncExternalStore(flow.subscribe, flow.getState, flow.getState);
  useEffect(() => {
    void flow.actions.start();
    return flow.actions.stop;
  }, [flow]);
  return [state, flow.actions];
}
