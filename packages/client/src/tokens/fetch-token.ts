import type { Prover } from "../dpop/prover.js";
import { isObject, localError } from "../parse-error.js";
import type { Clock } from "../ports.js";
import { failure, type Result, success } from "../result.js";
import type { RequestSpec, Send } from "../transport.js";
import type { Tokens } from "../wire.js";
import type { GrantStore } from "./grant-store.js";
import { type HeldToken, peekToken } from "./held-token.js";
import type { FetchToken } from "./token-source.js";

/** The parts of a request that carry a proof of possession, when there is a prover. */
export function provenBy(
  prover: Prover | undefined,
  url: (path: string) => string,
  path: string,
): Partial<RequestSpec> {
  if (!prover) return {};
  return {
    headers: async (method, target) => ({ DPoP: await prover.prove({ method, url: target }) }),
    onResponse: (response) => prover.learnFromService(url(path), response),
  };
}

/**
 * Turns an answer that just came into a held token. Its life is counted from before the request was sent, on the elapsed
 * clock; its `iat` tells the prover what the service's clock shows.
 */
export function holdToken(tokens: Tokens, sentAtMs: number, prover: Prover | undefined): HeldToken {
  const { accessToken, tokenType, expiresInSeconds } = tokens;
  const claims = peekToken(accessToken);
  if (claims.issuedAt > 0) prover?.setTime(claims.issuedAt * 1000);
  return { accessToken, tokenType, ...claims, expiresAtMs: sentAtMs + expiresInSeconds * 1000 };
}

interface Sources {
  readonly send: Send;
  readonly clock: Clock;
  readonly prover: Prover | undefined;
  readonly url: (path: string) => string;
}

/** Cookie mode: the session cookie buys an access token. */
export function fetchByCookie({ send, clock, prover, url }: Sources): FetchToken {
  const path = "/v1/session/token";
  return async (_holder, { audience, scope }) => {
    const sentAtMs = clock.nowMs();
    const body = { ...(audience === undefined ? {} : { audience }), ...(scope === undefined ? {} : { scope }) };
    const result = await send<Tokens>({
      method: "POST",
      path,
      body,
      isIdempotent: true,
      ...provenBy(prover, url, path),
    });
    return hold(result, sentAtMs, prover);
  };
}

/** Token mode: the refresh token buys the next pair. Sending the same one again is safe: the successor is the same. */
export function fetchByRefreshToken(
  { send, clock, prover, url }: Sources,
  grants: GrantStore,
  clientId: string,
): FetchToken {
  const path = "/oauth2/token";
  const redeem = async (refreshToken: string, scope: string | undefined) => {
    const form = {
      grant_type: "refresh_token",
      refresh_token: refreshToken,
      client_id: clientId,
      ...(scope === undefined ? {} : { scope }),
    };
    return readOAuth(
      await send<unknown>({ method: "POST", path, form, isIdempotent: true, ...provenBy(prover, url, path) }),
    );
  };
  return async (holder, { scope }) => {
    for (let previous: string | undefined; ; ) {
      const grant = await grants.read();
      if (grant?.holder !== holder) return failure(localError("unauthenticated"));
      // Refused although nobody has rotated it meanwhile: the grant is gone.
      if (grant.refreshToken === previous) return failure(localError("invalid_grant", 400));
      const sentAtMs = clock.nowMs();
      const result = await redeem(grant.refreshToken, scope);
      if (result.error?.code === "invalid_grant") {
        previous = grant.refreshToken;
        continue;
      }
      if (result.error !== null) return result;
      const { refreshToken } = result.data;
      // Only while the same person is signed in: a sign-out during the request must not be undone.
      const isStillOurs = (await grants.read())?.holder === holder;
      if (refreshToken !== undefined && isStillOurs) await grants.write({ refreshToken, holder });
      return hold(result, sentAtMs, prover);
    }
  };
}

function hold(result: Result<Tokens>, sentAtMs: number, prover: Prover | undefined): Result<HeldToken> {
  if (result.error !== null) return result;
  const { accessToken, expiresInSeconds } = result.data;
  const isUsable = typeof accessToken === "string" && typeof expiresInSeconds === "number";
  return isUsable ? success(holdToken(result.data, sentAtMs, prover)) : failure(localError("unexpected_response"));
}

/** RFC 6749 section 5.1 in our spelling. */
function readOAuth(result: Result<unknown>): Result<Tokens> {
  if (result.error !== null) return result;
  const body = isObject(result.data) ? result.data : {};
  const { access_token, token_type, expires_in, refresh_token, scope } = body;
  if (typeof access_token !== "string" || typeof expires_in !== "number")
    return failure(localError("unexpected_response"));
  return success({
    accessToken: access_token,
    tokenType: token_type === "DPoP" ? "DPoP" : "Bearer",
    expiresInSeconds: expires_in,
    scope: typeof scope === "string" ? scope : "",
    ...(typeof refresh_token === "string" ? { refreshToken: refresh_token } : {}),
  });
}
