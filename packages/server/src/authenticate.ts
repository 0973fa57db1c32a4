import { type AuthenticateInput, type AuthState, isSegnoError } from "@segno/core";
import type { Engine } from "./engine.js";
import { ambiguous, type CertificateResolver, readCookie, readHeader, thumbprintOf } from "./http/index.js";
import { authenticateSession } from "./sessions/index.js";
import { authenticateAccessToken } from "./tokens/index.js";

const anonymous: AuthState = Object.freeze({ status: "anonymous" });
const refusedSession: AuthState = Object.freeze({ status: "invalid", reason: "session_expired" });
const malformedToken: AuthState = Object.freeze({ status: "invalid", reason: "token_malformed" });

/**
 * Who sent these headers. An access token in `Authorization` decides alone; else the session cookie by its exact name.
 * Schemes other than Bearer and DPoP are somebody else's business. Answers without a promise where the store does.
 */
export function authenticateRequest(
  engine: Engine,
  how: { readonly sessionCookie: string; readonly certificateOf: CertificateResolver },
  input: AuthenticateInput & { readonly withAccount?: boolean },
): AuthState | Promise<AuthState> {
  const authorization = readHeader(input.headers, "authorization");
  if (authorization !== null) {
    const { certificateOf } = how;
    // the usual spelling, without a pattern over the whole token: what the token holds is the verifier's to judge
    if (authorization.startsWith("Bearer ") && authorization.indexOf(" ", 7) === -1 && authorization.length > 7) {
      return authenticateToken(engine, { input, token: authorization.slice(7), scheme: "Bearer", certificateOf });
    }
    const scheme = /^(bearer|dpop)(?:[ \t]|$)/i.exec(authorization)?.[1]?.toLowerCase();
    if (scheme !== undefined) {
      // RFC 6750 section 2.1: one b64token, nothing behind it
      const token = /^\w+ +([A-Za-z0-9\-._~+/]+=*) *$/.exec(authorization)?.[1];
      if (token === undefined) return malformedToken;
      const named = scheme === "dpop" ? "DPoP" : "Bearer";
      return authenticateToken(engine, { input, token, scheme: named, certificateOf });
    }
  }
  const token = readCookie(readHeader(input.headers, "cookie"), how.sessionCookie);
  if (token === undefined || token === "") return anonymous;
  if (token === ambiguous) return refusedSession;
  return authenticateSession(engine, token, input);
}

interface PresentedToken {
  readonly input: AuthenticateInput;
  readonly token: string;
  readonly scheme: "Bearer" | "DPoP";
  readonly certificateOf: CertificateResolver;
}

function authenticateToken(
  engine: Engine,
  { input, token, scheme, certificateOf }: PresentedToken,
): AuthState | Promise<AuthState> {
  try {
    const state = authenticateAccessToken(engine, {
      scheme,
      token,
      proof: readHeader(input.headers, "dpop"),
      method: input.method ?? "",
      url: input.url ?? "",
      thumbprint: () => thumbprintOf(certificateOf(input.headers, input.peer)),
      ...(input.fresh === true ? { fresh: true } : {}),
    });
    return state instanceof Promise ? state.catch(refuse) : state;
  } catch (error) {
    return refuse(error);
  }
}

/** What is wrong with the token is an answer; what is wrong with us is not. */
function refuse(error: unknown): AuthState {
  if (isSegnoError(error) && error.info.status < 500) return { status: "invalid", reason: error.code };
  throw error;
}
