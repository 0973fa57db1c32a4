import { type AccessRequirement, challengeHeader, SegnoError, toProblem } from "@segno/core";

/**
 * The problem+json answer (RFC 9457) to a refused request, built from the code table alone. A 401 and an
 * `insufficient_scope` carry a challenge (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3).
 */
export function refusal(request: Request, caught: SegnoError, requirement: AccessRequirement = {}): Response {
  const error = withRetryAfter(caught);
  const requestId = crypto.randomUUID();
  const problem = toProblem(error, requestId);
  const headers = new Headers({
    "Content-Type": "application/problem+json",
    "Cache-Control": "no-store",
    Vary: "Authorization, Cookie",
    "X-Request-Id": requestId,
  });
  if (problem.status === 401 || error.code === "insufficient_scope") {
    headers.set("WWW-Authenticate", challengeOf(request, error, requirement));
  }
  if (error.retryAfterSeconds !== undefined) headers.set("Retry-After", String(error.retryAfterSeconds));
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

/** A 503 or 429 always says when to come back. */
function withRetryAfter(error: SegnoError): SegnoError {
  const { status } = error.info;
  if (error.retryAfterSeconds !== undefined || (status !== 503 && status !== 429)) return error;
  return new SegnoError(error.code, error.message, { cause: error, retryAfterSeconds: 5 });
}

function challengeOf(request: Request, error: SegnoError, requirement: AccessRequirement): string {
  const isAboutProof = error.code === "invalid_dpop_proof" || error.code === "use_dpop_nonce";
  const isStepUp = error.code === "insufficient_user_authentication";
  return challengeHeader({
    scheme: isAboutProof || /^dpop /i.test(request.headers.get("authorization") ?? "") ? "DPoP" : "Bearer",
    code: error.info.wireCode,
    ...(error.code === "insufficient_scope" && requirement.scope !== undefined ? { scope: requirement.scope } : {}),
    ...(isStepUp && requirement.acr !== undefined ? { acrValues: requirement.acr } : {}),
    ...(isStepUp && requirement.maxAgeSeconds !== undefined ? { maxAgeSeconds: requirement.maxAgeSeconds } : {}),
  });
}
