import type { SegnoClient, SessionState } from "@segno/client";

/** The scopes of the default access token, for deciding what to show. The API decides what is allowed. */
export interface ScopeStore {
  get(): readonly string[];
  subscribe(listener: () => void): () => void;
  /** Finds them out, once per session. */
  want(): void;
}

const stores = new WeakMap<SegnoClient, ScopeStore>();

export function scopesOf(client: SegnoClient): ScopeStore {
  const known = stores.get(client);
  if (known) return known;
  const store = createScopeStore(client);
  stores.set(client, store);
  return store;
}

const none: readonly string[] = [];

function createScopeStore(client: SegnoClient): ScopeStore {
  const listeners = new Set<() => void>();
  let session: SessionState["session"] = null;
  let scopes = none;
  const isCurrent = () => session !== null && session === client.session.get().session;
  return {
    get: () => (isCurrent() ? scopes : none),
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    want: () => {
      const asked = client.session.get().session;
      if (asked === null || asked === session) return;
      session = asked;
      scopes = none;
      void client.getToken().then(({ data }) => {
        if (session !== asked) return;
        if (data === null) session = null;
        else scopes = readScopes(data);
        for (const listener of [...listeners]) listener();
      });
    },
  };
}

function readScopes(accessToken: string): readonly string[] {
  try {
    const claims: unknown = JSON.parse(atob((accessToken.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/")));
    const scope = (claims as { readonly scope?: unknown }).scope;
    return typeof scope === "string" ? scope.split(" ") : none;
  } catch {
    return none;
  }
}
