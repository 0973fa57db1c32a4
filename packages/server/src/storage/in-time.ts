/**
 * The outcome of `work`, or the error of `late` once the time is over.
 * @param abandoned gets what came after all, to give it back
 */
export function inTime<Result>(
  ms: number,
  work: Promise<Result>,
  late: () => Error,
  abandoned?: (result: Result) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    let isLate = false;
    let isSettled = false;
    const giveUp = () => {
      if (isSettled) return;
      isLate = true;
      reject(late());
    };
    // a thread that was busy finds the time over first: what has arrived meanwhile is not late
    const timer = setTimeout(() => setImmediate(giveUp), ms);
    work.then(
      (result) => {
        clearTimeout(timer);
        isSettled = true;
        if (isLate) abandoned?.(result);
        else resolve(result);
      },
      (error: unknown) => {
        clearTimeout(timer);
        isSettled = true;
        reject(error instanceof Error ? error : new Error("The call failed.", { cause: error }));
      },
    );
  });
}
