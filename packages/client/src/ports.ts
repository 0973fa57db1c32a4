/** Elapsed time in milliseconds. Only differences matter; it must never run backwards. */
export interface Clock {
  /** Milliseconds since any fixed moment. */
  nowMs(): number;
}

/** Where token mode keeps its refresh token. Browser default: memory, so a reload signs out. Native apps pass their keychain. */
export interface TokenStorage {
  /** The value, or null. */
  get(key: string): string | null | Promise<string | null>;
  /** Keeps a value; resolves once it is safe. */
  set(key: string, value: string): void | Promise<void>;
  /** Drops a value. */
  remove(key: string): void | Promise<void>;
  /** Whether other tabs or processes see the same values. */
  readonly isShared?: boolean;
}

/** Runs one task at a time per name in the whole browser. */
export interface Locks {
  /** Waits for the lock, runs the task, gives the lock back. `hadToWait`: another holder may have done the work meanwhile. */
  run<T>(name: string, task: (lock: { readonly hadToWait: boolean }) => Promise<T>): Promise<T>;
}

/** The part of `BroadcastChannel` that tabs need to talk. */
export interface TabChannel {
  /** Sends to every other tab, not to this one. */
  postMessage(message: unknown): void;
  /** Ends listening. */
  close(): void;
  /** Called with what another tab sent. */
  onmessage: ((event: { readonly data: unknown }) => void) | null;
}

/** Makes a proof of possession for one request (RFC 9449). */
export interface ProofInput {
  readonly method: string;
  readonly url: string;
  readonly accessToken?: string;
  readonly nonce?: string;
}

/** Milliseconds that never run backwards and keep counting while the machine sleeps, whatever the wall clock shows. */
export function createElapsedClock(): Clock {
  let monotonic = performance.now();
  let wall = Date.now();
  let elapsed = 0;
  return {
    nowMs() {
      const nowMonotonic = performance.now();
      const nowWall = Date.now();
      // performance.now() stops during sleep on some systems: the larger step is the safe one.
      elapsed += Math.max(nowMonotonic - monotonic, nowWall - wall, 0);
      monotonic = nowMonotonic;
      wall = nowWall;
      return elapsed;
    },
  };
}

/** The wall clock. Not `systemClock` of core: what a page downloads first holds nothing of core. */
export function wallMs(): number {
  return Date.now();
}

/** Jitter and names that need not be secret, 0 to 1. */
export function randomNumber(): number {
  return Math.random();
}

/**
 * Keeps values in this page only.
 * @example
 * const app = createSegnoClient({ mode: "token", storage: createMemoryStorage() });
 */
export function createMemoryStorage(): TokenStorage {
  const values = new Map<string, string>();
  return {
    get: (key) => values.get(key) ?? null,
    set: (key, value) => void values.set(key, value),
    remove: (key) => void values.delete(key),
  };
}

/**
 * Keeps values in `localStorage`, so that a reload and other tabs stay signed in. Any script of the page can read
 * them: use it with `dpop: true`, which makes a stolen refresh token useless elsewhere.
 * @example
 * const app = createSegnoClient({ mode: "token", dpop: true, storage: createLocalStorage() });
 */
export function createLocalStorage(): TokenStorage {
  return {
    isShared: true,
    get: (key) => localStorage.getItem(key),
    set: (key, value) => localStorage.setItem(key, value),
    remove: (key) => localStorage.removeItem(key),
  };
}
