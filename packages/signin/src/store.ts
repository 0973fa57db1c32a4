/** A flow that any view layer can drive: `getState` and `subscribe` fit `useSyncExternalStore`. */
export interface Flow<State, Actions> {
  getState(): State;
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
