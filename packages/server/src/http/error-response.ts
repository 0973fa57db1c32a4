import { challengeHeader, type ProblemField, type SegnoError, toProblem } from "@segno/core";

export interface ErrorParts {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** How a route tells of errors. */
export type ErrorForm = "problem" | "oauth" | "html" | "secevent";

/** Built from the code table alone: two causes that share a row cannot be told apart from outside. */
export function errorParts(
  error: SegnoError,
  form: ErrorForm,
  context: {
    readonly requestId: string;
    readonly supportCode: string;
    readonly fields?: readonly ProblemField[] | undefined;
  },
): ErrorParts {
  const status = error.info.status === 0 ? 500 : error.info.status;
  const headers: Record<string, string> = {};
  const afterSeconds = retryAfterOf(error, status);
  if (afterSeconds !== undefined) headers["retry-after"] = String(afterSeconds);
  if (status === 401) headers["www-authenticate"] = challengeOf(error);
  if (form === "oauth") {
    headers["content-type"] = "application/json";
    return {
      status,
      headers,
      body: JSON.stringify({ error: error.info.oauthCode, error_description: error.info.title }),
    };
  }
  if (form === "secevent") {
    headers["content-type"] = "application/json";
    headers["content-language"] = "en";
    // what cannot be read as a token is one error, however it was noticed (RFC 8935 section 2.4)
    const isBody = status === 400 || status === 413 || status === 415;
    const err = isBody ? "invalid_request" : error.info.wireCode;
    return { status: isBody ? 400 : status, headers, body: JSON.stringify({ err, description: error.info.title }) };
  }
  if (form === "html") {
    headers["content-type"] = "text/html; charset=utf-8";
    return { status, headers, body: errorPage(error.info.title, context.supportCode) };
  }
  headers["content-type"] = "application/problem+json";
  const problem = toProblem(error, context.requestId, context.fields);
  const retry = afterSeconds === undefined ? problem.retry : { ...problem.retry, afterSeconds };
  return { status, headers, body: JSON.stringify({ ...problem, supportCode: context.supportCode, retry }) };
}

function retryAfterOf(error: SegnoError, status: number): number | undefined {
  if (status !== 429 && status !== 503) return undefined;
  return Math.max(1, Math.ceil(error.retryAfterSeconds ?? 5));
}

/** `detail.acrValues` and `detail.maxAgeSeconds` of an `insufficient_user_authentication` are told to the client (RFC 9470). */
function challengeOf(error: SegnoError): string {
  const { code, detail } = error;
  if (code === "invalid_client") return 'Basic realm="segno"';
  const isProof = code === "invalid_dpop_proof" || code === "use_dpop_nonce";
  const isStepUp = code === "insufficient_user_authentication";
  return challengeHeader({
    scheme: isProof ? "DPoP" : "Bearer",
    code: error.info.wireCode,
    ...(isStepUp && typeof detail.acrValues === "string" ? { acrValues: detail.acrValues } : {}),
    ...(isStepUp && typeof detail.maxAgeSeconds === "number" ? { maxAgeSeconds: detail.maxAgeSeconds } : {}),
  });
}

function errorPage(title: string, supportCode: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escapeHtml(title)}</title><style>:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem}small{opacity:.75}</style></head><body><main><h1>${escapeHtml(title)}</h1><p><small>Support code: ${escapeHtml(supportCode)}</small></p></main></body></html>`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
