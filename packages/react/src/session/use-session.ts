import { type SessionState, sessionStateOf, type User } from "@segno/client";
import { useMemo, useSyncExternalStore } from "react";
import { useSegno } from "../context.js";

const unknown: SessionState = { status: "loading", session: null, user: null, error: null };

/**
 * Who is signed in: `status`, `session`, `user`, and `error` while the service cannot be reached.
 * @throws TypeError without a `<SegnoProvider>` above
 * @example
 * const { status, session, user } = useSession();
 */
export function useSession(): SessionState {
  const { client, initialSession } = useSegno();
  const rendered = useMemo(
    () => (initialSession === undefined ? unknown : sessionStateOf(initialSession)),
    [initialSession],
  );
  return useSyncExternalStore(client.session.subscribe, client.session.get, () => rendered);
}

/**
 * The person who is signed in, or null.
 * @throws TypeError without a `<SegnoProvider>` above
 * @example
 * const user = useUser();
 * const greeting = user === null ? "Hello" : `Hello ${user.displayName}`;
 */
export function useUser(): User | null {
  return useSession().user;
}
