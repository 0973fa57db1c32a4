/** Stops asking a server that does not answer, and finds out by single attempts when it does again. */
export interface Breaker {
  /** Whether to try now. While it rests, one attempt a rest gets through. */
  allows(): boolean;
  succeeded(): void;
  failed(): void;
  /** Whether the last attempts failed. */
  readonly isOpen: boolean;
}

/**
 * Opens after so many failures in a row.
 * @param options.restMs between two attempts while it is open
 */
export function createBreaker(options: {
  readonly failures: number;
  readonly restMs: number;
  readonly nowMs?: () => number;
}): Breaker {
  const nowMs = options.nowMs ?? (() => performance.now());
  let failures = 0;
  let nextAttemptMs = 0;
  return {
    allows() {
      if (failures < options.failures) return true;
      const now = nowMs();
      if (now < nextAttemptMs) return false;
      // whoever asks next waits for the outcome of this attempt, or for another rest
      nextAttemptMs = now + options.restMs;
      return true;
    },
    succeeded() {
      failures = 0;
    },
    failed() {
      failures += 1;
      nextAttemptMs = nowMs() + options.restMs;
    },
    get isOpen() {
      return failures >= options.failures;
    },
  };
}
