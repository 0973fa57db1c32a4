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
    const timer = setTimeout(() => {
      isLate = true;
      reject(late());
    }, ms);
    work.then(
      (result) => {
        clearTimeout(timer);
        if (isLate) abandoned?.(result);
        else resolve(result);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error instanceof Error ? error : new Error("The call failed.", { cause: error }));
      },
    );
  });
}
