import type { RetryWhen, SegnoError, SegnoErrorCode } from "../errors.js";

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

/**
 * The problem an error shows to the outside: built from the code table alone, never from message or detail.
 * @param requestId quoted to support; finds the request in logs
 * @param fields what was not valid, for `invalid_input`
 * @example
 * const problem = toProblem(new SegnoError("not_found"), "a-request-id");
 * const response = new Response(JSON.stringify(problem), { status: problem.status });
 */
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
