import { createSoftwareAuthenticator, type SoftwareAuthenticator } from "../passkeys/software-authenticator.js";
import { type CookieJar, createCookieJar } from "./cookie-jar.js";

/** What a browser is opened with. */
export interface TestBrowserOptions {
  /** The page's origin. Default: the application's. Another one plays a foreign site: its cookies do not travel here. */
  readonly origin?: string;
  readonly userAgent?: string;
  /** The socket's address as the server sees it. Default `203.0.113.10`. */
  readonly remoteAddress?: string;
  /** The passkey device in this browser. Default: a synced, user-verifying one of its own. */
  readonly authenticator?: SoftwareAuthenticator;
}

/** A tiny user agent without a port: cookies, `Origin`, Fetch Metadata and a passkey device. Redirects are shown, not followed. */
export interface TestBrowser {
  /** `fetch` of a page of this origin; paths are resolved against the application's origin. */
  readonly fetch: typeof globalThis.fetch;
  readonly cookies: CookieJar;
  readonly authenticator: SoftwareAuthenticator;
  readonly origin: string;
  /** Sends JSON to a path below the base path (`/v1/...`) and reads the answer. GET without a body, else POST. */
  call<Body = Record<string, unknown>>(path: string, body?: unknown, init?: RequestInit): Promise<TestAnswer<Body>>;
}

/** An answer, read. */
export interface TestAnswer<Body> {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed JSON; `undefined` when the answer has none. The type is the caller's claim, not checked. */
  readonly body: Body;
}

/** What the browser talks to. */
export interface TestSite {
  /** The engine's `handler`, or any function of this shape. */
  readonly handler: (request: Request, peer?: { readonly remoteAddress?: string }) => Promise<Response>;
  readonly origin: string;
  readonly basePath: string;
  /** Milliseconds since the epoch: when cookies end. */
  readonly nowMs: () => number;
  /** Where the passkey device draws from. Default: the system's randomness. */
  readonly random?: {
    /** That many bytes. */
    bytes(length: number): Uint8Array;
  };
}

const defaultUserAgent =
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

/**
 * Opens a browser on a site that is only a function.
 * @example
 * const { handler, origin, basePath, clock } = segno;
 * const browser = openBrowser({ handler, origin, basePath, nowMs: clock.nowMs });
 * const { status } = await browser.call("/v1/session");
 */
export function openBrowser(site: TestSite, options: TestBrowserOptions = {}): TestBrowser {
  const origin = options.origin ?? site.origin;
  const cookies = createCookieJar(site.nowMs);
  const authenticator =
    options.authenticator ??
    createSoftwareAuthenticator({ origin, ...(site.random === undefined ? {} : { random: site.random }) });
  const peer = { remoteAddress: options.remoteAddress ?? "203.0.113.10" };

  const browserFetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input instanceof Request ? input : new URL(input, site.origin), init);
    const url = new URL(request.url);
    addBrowserHeaders(request, { origin, userAgent: options.userAgent ?? defaultUserAgent });
    const sendsCookies =
      request.credentials === "include" || (request.credentials === "same-origin" && url.origin === origin);
    const cookie = sendsCookies ? cookies.header(url) : undefined;
    if (cookie !== undefined) request.headers.set("cookie", cookie);
    const response = await site.handler(request, peer);
    if (sendsCookies) cookies.store(url, response.headers.getSetCookie());
    return response;
  };

  return {
    fetch: browserFetch,
    cookies,
    authenticator,
    origin,
    async call<Body>(path: string, body?: unknown, init: RequestInit = {}): Promise<TestAnswer<Body>> {
      const headers = new Headers(init.headers);
      if (body !== undefined) headers.set("content-type", "application/json");
      const response = await browserFetch(`${site.origin}${site.basePath}${path}`, {
        method: body === undefined ? "GET" : "POST",
        ...init,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const isJson = /[/+]json\b/.test(response.headers.get("content-type") ?? "");
      const parsed: unknown = isJson ? await response.json() : undefined;
      return { status: response.status, headers: response.headers, body: parsed as Body };
    },
  };
}

/** What a browser adds by itself and a page cannot change. A header given by the test wins: tests play attackers too. */
function addBrowserHeaders(request: Request, page: { origin: string; userAgent: string }): void {
  const setUnlessGiven = (name: string, value: string) => {
    if (!request.headers.has(name)) request.headers.set(name, value);
  };
  setUnlessGiven("user-agent", page.userAgent);
  setUnlessGiven("sec-fetch-site", new URL(request.url).origin === page.origin ? "same-origin" : "cross-site");
  setUnlessGiven("sec-fetch-mode", "cors");
  if (request.method !== "GET" && request.method !== "HEAD") setUnlessGiven("origin", page.origin);
}
