import type { SessionSnapshot, Tokens } from "@segno/client";
import type { Segno } from "@segno/server";
import { HttpResponse, http } from "msw";
import { openBrowser, type TestBrowser } from "../browser/test-browser.js";

/** One msw request handler. Fits `setupServer(...)` and `setupWorker(...)` of msw 3. */
export type MswHandler = ReturnType<typeof http.all>;

/** Options of `segnoHandlers`. */
export interface SegnoHandlersOptions {
  /** Whose cookies requests carry, for example a browser that is signed in. Default: a new one, shared by all requests. */
  readonly browser?: TestBrowser;
}

/**
 * msw handlers that answer the engine's routes with the engine itself, its keys and discovery document included.
 * HttpOnly cookies live in the browser's jar, because a page's own `fetch` in Node keeps none.
 *
 * In msw 3 the option for everything else is called `onUnhandledFrame`; `onUnhandledRequest` is ignored without a word.
 *
 * @example
 * const server = setupServer(...segnoHandlers(test.segno));
 * server.listen({ onUnhandledFrame: "error" });
 */
export function segnoHandlers(segno: Segno, options: SegnoHandlersOptions = {}): MswHandler[] {
  const browser = options.browser ?? openBrowser({ ...segno, nowMs: segno.clock.nowMs });
  const answer = ({ request }: { request: Request }) => browser.fetch(new Request(request, { credentials: "include" }));
  return [http.all(`${segno.origin}${segno.basePath}/*`, answer), http.all(`${segno.origin}/.well-known/*`, answer)];
}

/** Options of `mockSessionHandlers`. */
export interface MockSessionHandlersOptions {
  /** Default: any origin. */
  readonly origin?: string;
  /** Default `/api/auth`. */
  readonly basePath?: string;
}

/**
 * msw handlers for front-end tests without an engine: the session asked for, an access token that no verifier accepts,
 * and a sign-out that works. Every other route of the API answers 501, so that a test notices what it forgot.
 *
 * @example
 * const server = setupServer(...mockSessionHandlers(mockSession()));
 */
export function mockSessionHandlers(snapshot: SessionSnapshot, options: MockSessionHandlersOptions = {}): MswHandler[] {
  const base = `${options.origin ?? "*"}${options.basePath ?? "/api/auth"}`;
  const nobody: SessionSnapshot = { session: null, user: null };
  let current = snapshot;
  const tokens: Tokens = { accessToken: "mock.access.token", tokenType: "Bearer", expiresInSeconds: 300, scope: "" };
  const ifSignedIn = (body: () => object) =>
    current.session === null ? problem(401, "unauthenticated") : HttpResponse.json(body());
  return [
    http.get(`${base}/v1/session`, () => HttpResponse.json({ session: current.session, user: current.user })),
    http.post(`${base}/v1/session/token`, () => ifSignedIn(() => tokens)),
    http.get(`${base}/v1/user`, () => ifSignedIn(() => current.user ?? {})),
    http.get(`${base}/v1/sessions`, () => ifSignedIn(() => ({ sessions: [current.session] }))),
    http.get(`${base}/v1/passkeys`, () => ifSignedIn(() => ({ passkeys: [], rpId: "localhost", userHandle: "AAAA" }))),
    http.post(`${base}/v1/sign-out`, () => {
      current = nobody;
      return new HttpResponse(null, { status: 204 });
    }),
    http.post(`${base}/v1/events`, () => new HttpResponse(null, { status: 204 })),
    http.all(`${base}/*`, () => problem(501, "internal")),
  ];
}

function problem(status: number, code: string): Response {
  const body = {
    type: `urn:segno:error:${code}`,
    title: "Mocked.",
    status,
    code,
    requestId: "mock",
    retry: { when: "never" },
  };
  return HttpResponse.json(body, { status, headers: { "content-type": "application/problem+json" } });
}
