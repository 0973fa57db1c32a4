import { isRetryable } from "./faults.js";

const maxTries = 10;

/** Runs again what the database rolled back because of another transaction, waiting a little longer each time. */
export async function retrying<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await run();
    } catch (error) {
      if (!isRetryable(error) || tries >= maxTries) throw error;
      // oxlint-disable-next-line no-restricted-properties -- jitter between retries: neither a secret nor an outcome
      await new Promise((resolve) => setTimeout(resolve, Math.random() * Math.min(200, 2 ** tries)));
    }
  }
}
