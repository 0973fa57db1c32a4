/** A flow that any view layer can drive: `getState` and `subscribe` fit `useSyncExternalStore`. */
export interface Flow<State, Actions> {
  /** The state now; the same object until it changes. */
  getState(): State;
  /** Calls back after each change. Returns the function that ends it. */
  subscribe(listener: () => void): () => void;
  readonly actions: Actions;
}

export interface Store<State> {
  getState(): State;
  subscribe(listener: () => void): () => void;
  set(next: State): void;
}

export function createStore<State>(initial: State): Store<State> {
  const listeners = new Set<() => void>();
  let state = initial;
  return {
    getState: () => state,
    subscribe: (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    set: (next) => {
      if (next === state) return;
      state = next;
      for (const listener of [...listeners]) listener();
    },
  };
}
