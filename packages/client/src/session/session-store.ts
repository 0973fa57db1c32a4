import type { ClientError, Result } from "../result.js";
import type { SessionSnapshot, SessionView, User } from "../wire.js";

/** Who is signed in. `loading` also while the service has never been reached: `error` then says why. */
export type SessionState =
  | { readonly status: "loading"; readonly session: null; readonly user: null; readonly error: ClientError | null }
  | { readonly status: "signed_in"; readonly session: SessionView; readonly user: User; readonly error: null }
  | { readonly status: "signed_out"; readonly session: null; readonly user: null; readonly error: null };

/** A store that `useSyncExternalStore` understands. The first subscriber starts the one session request of a page load. */
export interface SessionStore {
  /** The state as it is known now; the same object until it changes. */
  get(): SessionState;
  /** Calls back after each change. Returns the function that ends it. */
  subscribe(listener: () => void): () => void;
  /** Resolves when the state is known, or could not be found out (then `status` is still `loading`). */
  ready(): Promise<SessionState>;
  /** Asks the service again. A reply that is older than a sign-in or sign-out is dropped. */
  refresh(): Promise<Result<SessionSnapshot>>;
  /** Hands over what a server-rendered page already knows. Ignored once the state is known. */
  seed(snapshot: SessionSnapshot | null): void;
}

export interface InternalSessionStore extends SessionStore {
  /** Grows with every change of who is signed in; a reply begun under an older number is stale. */
  epoch(): number;
  set(snapshot: SessionSnapshot | null): void;
}

const loading: SessionState = { status: "loading", session: null, user: null, error: null };
const signedOut: SessionState = { status: "signed_out", session: null, user: null, error: null };

/**
 * The state that a snapshot describes; null means nobody is signed in.
 * @example
 * sessionStateOf(null).status; // "signed_out"
 */
export function sessionStateOf(snapshot: SessionSnapshot | null): SessionState {
  return snapshot?.session && snapshot.user
    ? { status: "signed_in", session: snapshot.session, user: snapshot.user, error: null }
    : signedOut;
}

/** Names the holder of a state: tokens and requests in flight of one holder never serve another. */
export function holderOf(state: SessionState): string | null {
  return state.session && state.user ? `${state.user.id}|${state.session.id}` : null;
}

export interface SessionStoreOptions {
  readonly load: () => Promise<Result<SessionSnapshot>>;
  /** Before the first answer is needed: open the channel to the other tabs. */
  readonly onUse: () => void;
  /** Before the listeners hear of it. */
  readonly onChange: (previous: SessionState, next: SessionState) => void;
}

export function createSessionStore({ load, onUse, onChange }: SessionStoreOptions): InternalSessionStore {
  const listeners = new Set<() => void>();
  let state: SessionState = loading;
  let epoch = 0;
  let flight: { readonly epoch: number; readonly reply: Promise<Result<SessionSnapshot>> } | undefined;

  const change = (next: SessionState) => {
    if (
      next.status === state.status &&
      next.session === state.session &&
      next.user === state.user &&
      next.error === state.error
    )
      return;
    onChange(state, next);
    state = next;
    for (const listener of [...listeners]) listener();
  };

  const set = (snapshot: SessionSnapshot | null) => {
    epoch += 1;
    change(sessionStateOf(snapshot));
  };

  const refresh = (): Promise<Result<SessionSnapshot>> => {
    if (flight?.epoch === epoch) return flight.reply;
    const begunAt = epoch;
    const reply = load().then((result) => {
      if (flight?.reply === reply) flight = undefined;
      if (epoch !== begunAt) return result;
      if (result.error === null) set(result.data);
      else if (result.error.code === "unauthenticated" || result.error.code === "invalid_grant") set(null);
      else if (state.status === "loading")
        change({ status: "loading", session: null, user: null, error: result.error });
      return result;
    });
    flight = { epoch: begunAt, reply };
    return reply;
  };

  const ready = async (): Promise<SessionState> => {
    onUse();
    while (state.status === "loading") {
      const begunAt = epoch;
      await refresh();
      if (epoch === begunAt) break;
    }
    return state;
  };

  return {
    get: () => state,
    epoch: () => epoch,
    set,
    refresh,
    ready,
    seed: (snapshot) => {
      if (state.status === "loading") set(snapshot);
    },
    subscribe: (listener) => {
      listeners.add(listener);
      onUse();
      if (state.status === "loading" && state.error === null) void refresh();
      return () => void listeners.delete(listener);
    },
  };
}
