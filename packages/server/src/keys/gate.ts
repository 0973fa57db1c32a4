/** Lets a limited number through at the same time; a limited number waits. */
export interface Gate {
  /**
   * Waits for a place. Resolves to what gives it back, undefined when `signal` aborted first, `"full"` at once when too
   * many wait already.
   */
  enter(signal: AbortSignal): Promise<(() => void) | "full" | undefined>;
}

export function createGate(limits: { readonly inFlight: number; readonly waiting: number }): Gate {
  const queue = new Set<() => void>();
  let inFlight = 0;

  function leave(): void {
    inFlight -= 1;
    const [next] = queue;
    if (next === undefined) return;
    queue.delete(next);
    next();
  }

  function take(): () => void {
    inFlight += 1;
    let isHeld = true;
    return () => {
      if (isHeld) leave();
      isHeld = false;
    };
  }

  return {
    async enter(signal) {
      if (signal.aborted) return undefined;
      if (inFlight < limits.inFlight) return take();
      if (queue.size >= limits.waiting) return "full";
      return await new Promise((resolve) => {
        const turn = () => {
          signal.removeEventListener("abort", giveUp);
          resolve(take());
        };
        const giveUp = () => {
          queue.delete(turn);
          resolve(undefined);
        };
        queue.add(turn);
        signal.addEventListener("abort", giveUp, { once: true });
      });
    },
  };
}
