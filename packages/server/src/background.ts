import type { Logger } from "./engine.js";

/** One recurring duty. */
export interface Duty {
  readonly name: string;
  readonly everyMs: number;
  readonly run: () => Promise<unknown>;
}

/** Work that recurs while the process lives and never keeps it alive. */
export interface Background {
  start(): void;
  /** Starts nothing more and waits for what is under way. */
  stop(): Promise<void>;
}

/** Runs each duty on its own timer, one run at a time; a duty that fails is told of and tried again at its next turn. */
export function createBackground(duties: readonly Duty[], log: Logger): Background {
  const timers = new Set<ReturnType<typeof setInterval>>();
  const underWay = new Map<string, Promise<void>>();

  const run = (duty: Duty): void => {
    if (underWay.has(duty.name)) return;
    const done = duty
      .run()
      .then(
        () => undefined,
        (error: unknown) =>
          log.warn("background work failed", { duty: duty.name, error: error instanceof Error ? error.name : "" }),
      )
      .finally(() => underWay.delete(duty.name));
    underWay.set(duty.name, done);
  };

  return {
    start() {
      for (const duty of duties) {
        const timer = setInterval(() => run(duty), duty.everyMs);
        timer.unref?.();
        timers.add(timer);
      }
    },
    async stop() {
      for (const timer of timers) clearInterval(timer);
      timers.clear();
      await Promise.all(underWay.values());
    },
  };
}
