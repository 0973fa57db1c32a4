// Just enough of a test runner to run anywhere.

export interface Case<T> {
  readonly name: string;
  run(library: T): Promise<void>;
}

export interface CaseResult {
  readonly name: string;
  readonly error?: string;
}

export async function runCases<T>(cases: readonly Case<T>[], library: T): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for (const { name, run } of cases) {
    try {
      await run(library);
      results.push({ name });
    } catch (error) {
      results.push({ name, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
  return results;
}

/** Prints the results on one line for run.ts to read. */
export function print(results: readonly CaseResult[]): void {
  console.log(`results ${JSON.stringify(results)}`);
}

export function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`expected: ${what}`);
}

export function equal(actual: unknown, expected: unknown): void {
  check(Object.is(actual, expected), `${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}

export async function refuses(work: () => Promise<unknown>, isExpected: (error: unknown) => boolean): Promise<void> {
  let error: unknown;
  try {
    await work();
  } catch (caught) {
    error = caught;
  }
  check(error !== undefined, "a refusal");
  check(isExpected(error), `the expected error, got ${String(error)}`);
}
