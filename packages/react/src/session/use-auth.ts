import type { Result, SegnoClient } from "@segno/client";
import { type AccessRequirement, acrSatisfies, scopeList, systemClock } from "@segno/core";
import { useMemo, useSyncExternalStore } from "react";
import { useSegno } from "../context.js";
import { scopesOf } from "./scopes.js";
import { useSession } from "./use-session.js";

/** What `useAuth` tells and does. */
export interface Auth {
  /** False until it is known whether somebody is signed in. */
  readonly isLoaded: boolean;
  readonly isSignedIn: boolean;
  readonly userId: string | null;
  readonly sessionId: string | null;
  /** Always a fresh access token. */
  readonly getToken: SegnoClient["getToken"];
  /**
   * Whether the session meets a requirement, for deciding what to show: the server decides what is allowed. What is
   * not known (yet) counts as not met; scopes become known a moment after they are first asked for.
   */
  readonly has: (requirement: Omit<AccessRequirement, "caller">) => boolean;
  /** Ends the session here and in the other tabs. On an error the session still exists. */
  readonly signOut: () => Promise<Result<void>>;
}

const noScopes: readonly string[] = [];

/**
 * Who is signed in, for deciding what to show: ids, `has(requirement)`, a fresh access token, sign-out.
 *
 * Not checked: anything on the server. What `has` hides is not protected by it.
 * @throws TypeError without a `<SegnoProvider>` above
 * @example
 * const { isSignedIn, has, signOut } = useAuth();
 * const canPay = has({ acr: "phr", maxAgeSeconds: 300 });
 */
export function useAuth(): Auth {
  const { client } = useSegno();
  const { status, session } = useSession();
  const store = scopesOf(client);
  const scopes = useSyncExternalStore(store.subscribe, store.get, () => noScopes);
  return useMemo(
    () => ({
      isLoaded: status !== "loading",
      isSignedIn: status === "signed_in",
      userId: session?.userId ?? null,
      sessionId: session?.id ?? null,
      getToken: client.getToken,
      signOut: client.signOut,
      has: ({ acr, maxAgeSeconds, scope }) => {
        if (session === null) return false;
        if (acr !== undefined && !acrSatisfies(session.acr, acr)) return false;
        if (maxAgeSeconds !== undefined && !(ageSeconds(session.authTime) <= maxAgeSeconds)) return false;
        const needed = scopeList(scope);
        if (needed.length > 0) queueMicrotask(store.want);
        return needed.every((one) => scopes.includes(one));
      },
    }),
    [client, status, session, store, scopes],
  );
}

function ageSeconds(authTime: string | number): number {
  const atMs = typeof authTime === "number" ? authTime * 1000 : Date.parse(authTime);
  return (systemClock.nowMs() - atMs) / 1000;
}
