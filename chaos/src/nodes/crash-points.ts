/** Places in a node's work after which the world differs from what its database says, or its caller knows. */
export const crashPointNames = ["started", "committed, not answered", "mail handed over", "event handed over"] as const;

export type CrashPointName = (typeof crashPointNames)[number];

export interface CrashPoint {
  readonly at: CrashPointName;
  /** Which pass of it: 1 is the first. */
  readonly pass: number;
}

/** What a node calls at every point; it does not come back from the chosen one. */
export function dieAt(crash: CrashPoint | undefined): (point: CrashPointName) => void {
  let passes = 0;
  return (point) => {
    if (point !== crash?.at) return;
    passes += 1;
    if (passes === crash.pass) process.kill(process.pid, "SIGKILL");
  };
}
