import type { JsonObject, PasskeyAnswer, PasskeyAttempt, Result } from "@segno/client";
import type { PasskeyBrowser } from "./browser-port.js";
import { passkeyErrorOf } from "./passkey-error.js";

/** Options from the service, the browser's prompt, the answer back to the service: one ceremony. */
export async function runCeremony<T>(steps: {
  readonly options: () => Promise<Result<PasskeyAttempt>>;
  readonly prompt: (publicKey: JsonObject) => Promise<JsonObject>;
  readonly verify: (answer: PasskeyAnswer) => Promise<Result<T>>;
  /** False once the caller has moved on: then nothing is sent any more. */
  readonly isWanted?: () => boolean;
  /** The prompt is over, the service is being asked. */
  readonly onAnswered?: (response: JsonObject) => void;
}): Promise<Result<T>> {
  const attempt = await steps.options();
  if (attempt.error !== null) return attempt;
  let response: JsonObject;
  try {
    if (steps.isWanted?.() === false) throw new DOMException("", "AbortError");
    response = await steps.prompt(attempt.data.publicKey);
    if (steps.isWanted?.() === false) throw new DOMException("", "AbortError");
  } catch (caught) {
    return { data: null, error: passkeyErrorOf(caught) };
  }
  steps.onAnswered?.(response);
  return await steps.verify({ attemptId: attempt.data.attemptId, response });
}

export interface CeremonyOptions {
  readonly browser?: PasskeyBrowser;
}
