import { challenges, type Prover } from "./dpop/prover.js";
import type { Result } from "./result.js";
import type { HeldToken } from "./tokens/held-token.js";

export interface BearerFetchOptions {
  readonly fetch: typeof fetch;
  readonly prover: Prover | undefined;
  /** Resolves a relative URL, and says whether its origin may see a token. */
  readonly resolve: (url: string) => URL;
  readonly isTrusted: (origin: string) => boolean;
  readonly token: (isForced: boolean) => Promise<Result<HeldToken>>;
}

/**
 * `fetch` with an access token. Adds `Authorization` and, for bound tokens, `DPoP` (RFC 9449 section 7.1); answers a
 * nonce request once; renews once a token the API calls invalid, or whose proof it refuses: the service's answer then
 * tells what time it is. Nobody signed in: sends the request without a token.
 * @throws TypeError when the origin is not listed in `apiOrigins`, or when no token can be had because the service is out of reach
 */
export function createBearerFetch(
  options: BearerFetchOptions,
): (input: string | URL, init?: RequestInit) => Promise<Response> {
  return async (input, init = {}) => {
    const url = options.resolve(String(input));
    if (!options.isTrusted(url.origin)) {
      throw new TypeError(`client.fetch would send an access token to ${url.origin}: list it in apiOrigins.`);
    }
    const attempt = async (isForced: boolean): Promise<Response> => {
      const token = await options.token(isForced);
      if (token.error && token.error.retry.when === "after_delay") {
        throw new TypeError("No access token can be had right now.", { cause: token.error });
      }
      const held = token.data;
      const headers = await authorize(options.prover, held, init, url);
      // A redirect could carry the token elsewhere: the caller has to ask for it.
      return options.fetch(url, { redirect: "error", ...init, headers });
    };
    const canRepeat = !(typeof ReadableStream !== "undefined" && init.body instanceof ReadableStream);
    let response = await attempt(false);
    if (options.prover?.learn(url.href, response) && canRepeat) response = await attempt(false);
    const isRefused = challenges(response, "invalid_token") || challenges(response, "invalid_dpop_proof");
    return response.status === 401 && isRefused && canRepeat ? attempt(true) : response;
  };
}

async function authorize(
  prover: Prover | undefined,
  held: HeldToken | null,
  init: RequestInit,
  url: URL,
): Promise<Headers> {
  const headers = new Headers(init.headers);
  if (!held) return headers;
  headers.set("authorization", `${held.tokenType} ${held.accessToken}`);
  if (prover && held.tokenType === "DPoP") {
    headers.set(
      "dpop",
      await prover.prove({ method: init.method ?? "GET", url: url.href, accessToken: held.accessToken }),
    );
  }
  return headers;
}
