import { type AuthenticateInput, type AuthState, SegnoError, type SegnoEngine } from "@segno/core";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { inRender, inRoute } from "../test/render-scope.js";
import { createNextSegno, type NextSegnoOptions } from "./server.js";

vi.mock("next/headers.js", async () => ({ headers: (await import("../test/render-scope.js")).headers }));
vi.mock("react", async (original) => ({
  ...(await original<object>()),
  cache: (await import("../test/render-scope.js")).cache,
}));

const nowSeconds = 1_800_000_000;
const signedIn = {
  status: "authenticated",
  subject: "user-1",
  sessionId: "session-1",
  clientId: "segno",
  scopes: ["orders:read"],
  acr: "aal1",
  amr: ["otp"],
  authTime: nowSeconds - 100,
  expiresAt: nowSeconds + 1000,
  via: "session",
} as const satisfies AuthState;
const cookie = { cookie: "__Host-segno.sid=abc" };

let asked: AuthenticateInput[] = [];
let handled: { request: Request; peer: unknown }[] = [];
beforeEach(() => {
  asked = [];
  handled = [];
});

interface Fake {
  readonly state?: AuthState | (() => AuthState | Promise<AuthState>);
  readonly answer?: () => Response;
  readonly options?: NextSegnoOptions;
}

function setUp({
  state = signedIn,
  answer = () => Response.json({ session: null, user: { id: "user-1" } }),
  options,
}: Fake = {}) {
  const engine: SegnoEngine = {
    basePath: "/api/auth",
    issuer: "https://issuer.example.com/id",
    origin: "https://app.example.com",
    clock: { nowMs: () => nowSeconds * 1000 },
    authenticate: (input) => {
      asked.push(input);
      return typeof state === "function" ? state() : state;
    },
    handler: async (request, peer) => {
      handled.push({ request, peer });
      return answer();
    },
  };
  return createNextSegno(engine, options);
}

const nobody: AuthState = { status: "anonymous" };
const caught = (work: Promise<unknown>) =>
  work.then(
    () => expect.unreachable(),
    (error: unknown) => error as Error & { digest?: string },
  );

describe("auth", () => {
  it("tells who is asking, or null", async () => {
    expect(await inRender(cookie, () => setUp().auth())).toMatchObject({ subject: "user-1", acr: "aal1" });
    expect(await inRender({}, () => setUp({ state: nobody }).auth())).toBeNull();
    const invalid: AuthState = { status: "invalid", reason: "session_expired" };
    expect(await inRender(cookie, () => setUp({ state: invalid }).auth())).toBeNull();
    const stepUp: AuthState = { status: "step_up_required", authentication: signedIn, requirement: { acr: "phr" } };
    expect(await inRender(cookie, () => setUp({ state: stepUp }).auth())).toBeNull();
  });

  it("looks once per rendered page, and again for the next", async () => {
    const { auth } = setUp();
    const page = () =>
      inRender(cookie, () => Promise.all([auth(), auth(), auth.protect(), auth.protect({ scope: "orders:read" })]));
    await page();
    expect(asked).toHaveLength(1);
    await page();
    expect(asked).toHaveLength(2);
  });

  it("T-044: two people at once never see each other's session", async () => {
    const { auth } = setUp({
      state: async () => {
        const name = (asked.at(-1)?.headers as Headers).get("cookie") ?? "";
        await Promise.resolve();
        return { ...signedIn, subject: name };
      },
    });
    const both = await Promise.all(["a=1", "b=2"].map((name) => inRender({ cookie: name }, () => auth())));
    expect(both.map((session) => session?.subject)).toEqual(["a=1", "b=2"]);
  });

  it("T-019: a store that cannot be asked is an error, not a signed-out person", async () => {
    const { auth } = setUp({ state: () => Promise.reject(new SegnoError("store_unavailable")) });
    expect(await caught(inRender(cookie, () => auth()))).toMatchObject({ code: "store_unavailable" });
    expect(await caught(inRender(cookie, () => auth.protect()))).toMatchObject({ code: "store_unavailable" });
  });

  it("T-033: with a request it passes method and address, under the configured origin", async () => {
    const request = new Request("http://evil.example/api/orders?x=1", {
      method: "POST",
      headers: { authorization: "DPoP t" },
    });
    await setUp().auth(request);
    expect(asked[0]).toMatchObject({ method: "POST", url: "https://app.example.com/api/orders?x=1" });
  });

  it("makes the engine when the first request needs it, once", async () => {
    const make = vi.fn(
      (): SegnoEngine => ({
        basePath: "/api/auth",
        issuer: "https://app.example.com",
        authenticate: () => nobody,
        handler: async () => new Response(),
      }),
    );
    const { auth } = createNextSegno(make);
    expect(make).not.toHaveBeenCalled();
    await inRender({}, () => auth());
    await inRender({}, () => auth());
    expect(make).toHaveBeenCalledTimes(1);
  });
});

describe("auth.protect in a page", () => {
  const refused = (state: AuthState, options = {}, incoming: HeadersInit = {}) =>
    caught(inRender(incoming, () => setUp({ state }).auth.protect(options)));
  const target = (error: { digest?: string }) => error.digest?.split(";").slice(2, -2).join(";");

  it("goes on when every condition holds", async () => {
    const options = { scope: "orders:read", acr: "aal1", maxAgeSeconds: 100 };
    expect(await inRender(cookie, () => setUp().auth.protect(options))).toMatchObject({ subject: "user-1" });
  });

  it("sends to the sign-in page with the way back that the proxy told", async () => {
    const error = await refused(nobody, {}, { "x-segno-path": "/account?tab=2&_rsc=1" });
    expect(error.digest).toMatch(/^NEXT_REDIRECT;/);
    expect(target(error)).toBe("/sign-in?returnTo=%2Faccount%3Ftab%3D2");
    expect(target(await refused(nobody))).toBe("/sign-in?returnTo=%2F");
    expect(target(await refused(nobody, { returnTo: "/orders", signInUrl: "/login?brand=1" }))).toBe(
      "/login?brand=1&returnTo=%2Forders",
    );
    expect(target(await refused({ status: "invalid", reason: "session_expired" }))).toBe("/sign-in?returnTo=%2F");
  });

  it("RFC 9470: sends to step up with what is needed", async () => {
    expect(target(await refused(signedIn, { acr: "phr", maxAgeSeconds: 300 }))).toBe(
      "/sign-in?returnTo=%2F&acr_values=phr&max_age=300",
    );
  });

  it.each([
    "//evil.example",
    "/\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/a\r\nb",
    "/sign-in?returnTo=/x",
    "",
    `/${"a".repeat(3000)}`,
  ])("T-025: a hostile way back becomes /: %j", async (hostile) => {
    const incoming = new Headers();
    if (!hostile.includes("\r")) incoming.set("x-segno-path", hostile);
    if (hostile !== "") expect(target(await refused(nobody, { returnTo: hostile }))).toBe("/sign-in?returnTo=%2F");
    if (!hostile.startsWith("/sign-in"))
      expect(target(await refused(nobody, {}, incoming))).toBe("/sign-in?returnTo=%2F");
  });

  it("ends a loop at once with a readable error when it guards the sign-in page itself", async () => {
    const error = await refused(nobody, {}, { "x-segno-path": "/sign-in?returnTo=%2F" });
    expect(error.message).toContain("runs on the sign-in page /sign-in itself");
  });

  it("answers 403 to a missing scope", async () => {
    expect((await refused(signedIn, { scope: "orders:write" })).digest).toBe("NEXT_HTTP_ERROR_FALLBACK;403");
  });

  it.each([{ scopes: "a" }, { scope: undefined }, { scope: "" }, { acr: "" }, { maxAgeSeconds: Number.NaN }])(
    "T-018: refuses a condition that would be skipped: %j",
    (options) => {
      expect(() => setUp().auth.protect(options as object)).toThrow(TypeError);
    },
  );

  it("fresh asks the store again, whatever was remembered", async () => {
    const { auth } = setUp();
    await inRender(cookie, async () => [await auth(), await auth.protect({ fresh: true })]);
    expect(asked.map((one) => one.fresh)).toEqual([false, true]);
  });
});

describe("auth.protect outside a page", () => {
  it("ends a route handler with 401 or 403 and never redirects it", async () => {
    const browser = { accept: "text/html", "sec-fetch-mode": "navigate" };
    const unknown = await caught(inRoute(browser, () => setUp({ state: nobody }).auth.protect()));
    expect(unknown.digest).toBe("NEXT_HTTP_ERROR_FALLBACK;401");
    const scope = await caught(inRoute({}, () => setUp().auth.protect({ scope: "x" })));
    expect(scope.digest).toBe("NEXT_HTTP_ERROR_FALLBACK;403");
  });

  it("sends the page of a server action to sign in", async () => {
    const error = await caught(inRoute({ "next-action": "abc" }, () => setUp({ state: nobody }).auth.protect()));
    expect(error.digest).toMatch(/^NEXT_REDIRECT;/);
  });

  it("wraps a route handler: problem+json and a challenge, or the handler's own answer made private", async () => {
    const request = new Request("https://app.example.com/api/orders", { headers: { ...cookie, "x-segno-path": "/x" } });
    const wrapped = (state: AuthState) =>
      setUp({ state }).auth.protect({ scope: "orders:read", acr: "phr" }, (_request, session, { id }: { id: number }) =>
        Response.json({ for: session.subject, id }, { status: 201, headers: { "cache-control": "public" } }),
      );
    const good = await wrapped({ ...signedIn, acr: "phr" })(request, { id: 7 });
    expect([good.status, await good.json(), good.headers.get("cache-control")]).toEqual([
      201,
      { for: "user-1", id: 7 },
      "no-store",
    ]);
    const none = await wrapped(nobody)(request, { id: 7 });
    expect([none.status, none.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect([none.headers.get("content-type"), (await none.json()).code]).toEqual([
      "application/problem+json",
      "unauthenticated",
    ]);
    const weak = await wrapped(signedIn)(request, { id: 7 });
    expect(weak.headers.get("www-authenticate")).toBe(
      'Bearer error="insufficient_user_authentication", acr_values="phr"',
    );
  });

  it("T-019: a wrapped route answers 503 when the store cannot be asked", async () => {
    const { auth } = setUp({ state: () => Promise.reject(new SegnoError("store_unavailable")) });
    const response = await auth.protect({}, () => new Response("in"))(new Request("https://app.example.com/x"), {});
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "5"]);
  });
});

describe("getInitialSession and currentUser", () => {
  it("ask the engine in process, together once per page", async () => {
    const { getInitialSession, currentUser } = setUp();
    const [seed, user] = await inRender({ ...cookie, authorization: "Bearer x" }, () =>
      Promise.all([getInitialSession(), currentUser()]),
    );
    expect([seed, user]).toEqual([{ session: null, user: { id: "user-1" } }, { id: "user-1" }]);
    expect(handled.map(({ request }) => request.url)).toEqual(["https://app.example.com/api/auth/v1/session"]);
    expect(handled[0]?.request.headers.get("cookie")).toBe(cookie.cookie);
  });

  it("prefer the verb of an engine that has verbs", async () => {
    const getSession = vi.fn(async () => ({ session: { id: "s" }, user: { id: "u" } }));
    const engine = {
      basePath: "/api/auth",
      issuer: "https://a.example",
      authenticate: () => nobody,
      api: { getSession },
    };
    const { getInitialSession, currentUser } = createNextSegno({ ...engine, handler: () => expect.unreachable() });
    expect(await inRender(cookie, () => Promise.all([getInitialSession(), currentUser()]))).toEqual([
      { session: { id: "s" }, user: { id: "u" } },
      { id: "u" },
    ]);
    expect(getSession).toHaveBeenCalledTimes(1);
    getSession.mockResolvedValueOnce(null as never);
    expect(await inRender(cookie, () => getInitialSession())).toEqual({ session: null, user: null });
  });

  it("ask nobody without a cookie", async () => {
    const { getInitialSession, currentUser } = setUp();
    expect(await inRender({}, () => getInitialSession())).toEqual({ session: null, user: null });
    expect(await inRender({}, () => currentUser())).toBeNull();
    expect(handled).toEqual([]);
  });

  it("an outage shows nobody as signed out: the seed is unknown, and currentUser throws", async () => {
    const { getInitialSession, currentUser } = setUp({ answer: () => new Response("", { status: 503 }) });
    expect(await inRender(cookie, () => getInitialSession())).toBeUndefined();
    expect(await caught(inRender(cookie, () => currentUser()))).toBeInstanceOf(TypeError);
  });
});

describe("handlers", () => {
  it("T-033: hand everything to the engine under the configured origin", async () => {
    const { handlers } = setUp();
    const request = new Request("http://evil.example/api/auth/v1/email/start?a=1", {
      method: "POST",
      headers: { "content-type": "application/json", "x-real-ip": "203.0.113.9" },
      body: '{"email":"a@b.c"}',
    });
    expect((await handlers.POST(request)).status).toBe(200);
    const { request: seen, peer } = handled[0] ?? expect.unreachable();
    expect([seen.url, seen.method, await seen.text(), peer]).toEqual([
      "https://app.example.com/api/auth/v1/email/start?a=1",
      "POST",
      '{"email":"a@b.c"}',
      undefined,
    ]);
    expect(seen.headers.get("x-real-ip")).toBe("203.0.113.9");
  });

  it("T-030: leaves forwarded headers for the engine to judge", async () => {
    await setUp().handlers.GET(
      new Request("http://a/api/auth/v1/session", { headers: { "x-forwarded-for": "6.6.6.6" } }),
    );
    expect(handled[0]?.peer).toBeUndefined();
  });

  it("exist for every method the engine has", () => {
    expect(Object.keys(setUp().handlers).sort()).toEqual(["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]);
  });
});
