import { isLocked } from "./faults.js";

const patienceMs = 5_000;

/**
 * Runs what may meet another connection's write lock, and tries again for up to five seconds. It waits without blocking
 * the thread: the lock may be held by another engine in this very process, which must get on to let go.
 */
export async function whenFree<Result>(run: () => Result): Promise<Result> {
  const startedMs = performance.now();
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 20)) {
    try {
      return run();
    } catch (error) {
      if (!isLocked(error) || performance.now() - startedMs > patienceMs) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
