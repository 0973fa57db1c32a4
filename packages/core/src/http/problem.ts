import { isErrorCode, type RetryWhen, type SegnoError, type SegnoErrorCode } from "../errors.js";

/** One field that was not valid. */
export interface ProblemField {
  /** Where in the body, for example `email`. */
  readonly path: string;
  readonly message: string;
}

/** The body of an error response (RFC 9457), media type `application/problem+json`. */
export interface Problem {
  readonly type: string;
  /** Text for the end user. */
  readonly title: string;
  readonly status: number;
  readonly code: SegnoErrorCode;
  readonly requestId: string;
  readonly retry: { readonly when: RetryWhen; readonly afterSeconds?: number };
  readonly fields?: readonly ProblemField[];
}

/** The problem an error shows to the outside: built from the code table alone, never from message or detail. */
export function toProblem(error: SegnoError, requestId: string, fields?: readonly ProblemField[]): Problem {
  const { status, wireCode, title, retry } = error.info;
  const afterSeconds = error.retryAfterSeconds;
  return {
    type: `urn:segno:error:${wireCode}`,
    title,
    status: status === 0 ? 500 : status,
    code: wireCode,
    requestId,
    retry: afterSeconds === undefined ? { when: retry } : { when: retry, afterSeconds },
    ...(fields === undefined || fields.length === 0 ? {} : { fields }),
  };
}

const retryValues: readonly RetryWhen[] = [
  "never",
  "after_delay",
  "after_sign_in",
  "after_step_up",
  "after_correction",
  "new_attempt",
];

/** Reads a problem body; `undefined` for anything that is not one of ours, such as a proxy's error page. */
export function parseProblem(body: unknown): Problem | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  const { type, title, status, code, requestId, retry, fields } = body as Readonly<Record<string, unknown>>;
  if (!isErrorCode(code) || typeof title !== "string" || typeof status !== "number") return undefined;
  if (typeof type !== "string" || typeof requestId !== "string") return undefined;
  const when = typeof retry === "object" && retry !== null && "when" in retry ? retry.when : undefined;
  const known = retryValues.find((value) => value === when);
  if (known === undefined) return undefined;
  const after = typeof retry === "object" && retry !== null && "afterSeconds" in retry ? retry.afterSeconds : undefined;
  const list = Array.isArray(fields) ? fields.filter(isField) : [];
  return {
    type,
    title,
    status,
    code,
    requestId,
    retry: typeof after === "number" && after >= 0 ? { when: known, afterSeconds: after } : { when: known },
    ...(list.length === 0 ? {} : { fields: list }),
  };
}

function isField(value: unknown): value is ProblemField {
  if (typeof value !== "object" || value === null) return false;
  return "path" in value && typeof value.path === "string" && "message" in value && typeof value.message === "string";
}
