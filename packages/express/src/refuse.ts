import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type AccessRequirement, challengeHeader, SegnoError, toProblem } from "@segno/core";

/**
 * Answers with problem+json (RFC 9457) built from the code table alone, so that causes that must look equal do.
 * A 401 and an `insufficient_scope` carry a challenge (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3).
 */
export function refuse(
  req: IncomingMessage,
  res: ServerResponse,
  caught: SegnoError,
  requirement: AccessRequirement = {},
): void {
  if (res.headersSent || res.destroyed) return;
  const error = withRetryAfter(caught);
  const { status } = error.info;
  if (status === 401 || error.code === "insufficient_scope") {
    res.setHeader("WWW-Authenticate", challengeOf(req, error, requirement));
  }
  if (error.retryAfterSeconds !== undefined) res.setHeader("Retry-After", String(error.retryAfterSeconds));
  markPrivate(res);
  res.setHeader("Content-Type", "application/problem+json");
  const problem = toProblem(error, requestIdOf(res));
  res.statusCode = problem.status;
  res.end(JSON.stringify(problem));
}

/** T-043: no shared cache may keep what depends on a credential. */
export function markPrivate(res: ServerResponse): void {
  if (res.headersSent) return;
  res.setHeader("Cache-Control", "no-store");
  const before = res.getHeader("Vary");
  if (before === undefined) res.setHeader("Vary", vary);
  else if (!String(before).includes(vary)) res.setHeader("Vary", `${String(before)}, ${vary}`);
}

const vary = "Authorization, Cookie";

function requestIdOf(res: ServerResponse): string {
  const known = res.getHeader("X-Request-Id");
  if (typeof known === "string") return known;
  const requestId = randomUUID();
  res.setHeader("X-Request-Id", requestId);
  return requestId;
}

/** A 503 or 429 always says when to come back. */
function withRetryAfter(error: SegnoError): SegnoError {
  const { status } = error.info;
  if (error.retryAfterSeconds !== undefined || (status !== 503 && status !== 429)) return error;
  return new SegnoError(error.code, error.message, { cause: error, retryAfterSeconds: 5 });
}

function challengeOf(req: IncomingMessage, error: SegnoError, requirement: AccessRequirement): string {
  const isAboutProof = error.code === "invalid_dpop_proof" || error.code === "use_dpop_nonce";
  const isStepUp = error.code === "insufficient_user_authentication";
  return challengeHeader({
    scheme: isAboutProof || /^dpop /i.test(req.headers.authorization ?? "") ? "DPoP" : "Bearer",
    code: error.info.wireCode,
    ...(error.code === "insufficient_scope" && requirement.scope !== undefined ? { scope: requirement.scope } : {}),
    ...(isStepUp && requirement.acr !== undefined ? { acrValues: requirement.acr } : {}),
    ...(isStepUp && requirement.maxAgeSeconds !== undefined ? { maxAgeSeconds: requirement.maxAgeSeconds } : {}),
  });
}
