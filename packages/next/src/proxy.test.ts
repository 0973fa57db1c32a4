import fc from "fast-check";
import { NextRequest } from "next/server.js";
import { describe, expect, it } from "vitest";
import { allExcept, createSegnoProxy } from "./proxy.js";

const proxy = createSegnoProxy({ protect: allExcept(["/", "/about", "/docs/*"]) });
const page = { "sec-fetch-mode": "navigate", "sec-fetch-dest": "document", accept: "text/html" };
const cookie = "__Host-segno.sid=abc";

function go(path: string, headers: Record<string, string> = page, method = "GET") {
  const response = proxy(new NextRequest(`http://localhost:3000${path}`, { method, headers }));
  const passed = response.headers.get("x-middleware-next") === "1";
  return { response, passed, told: response.headers.get("x-middleware-request-x-segno-path") };
}

describe("createSegnoProxy", () => {
  it("sends a page without a cookie to sign in, with the way back", () => {
    const { response } = go("/account?tab=2");
    expect(response.status).toBe(303);
    expect(response.headers.get("location")).toBe("http://localhost:3000/sign-in?returnTo=%2Faccount%3Ftab%3D2");
  });

  it("passes public pages, pages with a cookie, and the engine's own routes", () => {
    for (const path of ["/", "/about", "/docs/a/b", "/sign-in", "/api/auth/v1/session", "/.well-known/jwks.json"]) {
      expect([path, go(path).passed]).toEqual([path, true]);
    }
    expect(go("/account", { ...page, cookie }).passed).toBe(true);
    expect(go("/account", { ...page, cookie: "a=1; segno.sid=abc" }).passed).toBe(true);
  });

  it("protects nothing unless told: pages guard themselves", () => {
    const open = createSegnoProxy()(new NextRequest("http://localhost:3000/account", { headers: page }));
    expect(open.headers.get("x-middleware-next")).toBe("1");
  });

  it("answers an API call 401 instead of redirecting it, and leaves bearer tokens to the route", async () => {
    const { response } = go("/api/orders", { accept: "application/json" });
    expect([response.status, response.headers.get("location"), (await response.json()).code]).toEqual([
      401,
      null,
      "unauthenticated",
    ]);
    expect(go("/api/orders", page, "POST").response.status).toBe(401);
    expect(go("/api/orders", { authorization: "Bearer x" }).passed).toBe(true);
    expect(go("/account", { "next-action": "abc" }, "POST").passed).toBe(true);
  });

  it("sends Next's own router to sign in, too", () => {
    const { response } = go("/account", { accept: "*/*", "sec-fetch-mode": "cors", "next-url": "/" });
    expect([response.status, response.headers.get("location")]).toEqual([
      303,
      "http://localhost:3000/sign-in?returnTo=%2Faccount",
    ]);
  });

  it("T-025: tells the page where it is, in words nobody outside can speak", () => {
    const spoofed = {
      ...page,
      cookie,
      "x-segno-path": "/evil",
      x_segno_path: "/evil",
      "x-middleware-subrequest": "proxy:proxy",
    };
    const { response, told } = go("/account?a=1", spoofed);
    expect(told).toBe("/account?a=1");
    expect(response.headers.get("x-middleware-override-headers")).not.toContain("x_segno_path");
    expect(
      go("/account", { ...page, "x-middleware-subrequest": "proxy:proxy:proxy:proxy:proxy" }).response.status,
    ).toBe(303);
  });

  it.each([
    "/account.rsc",
    "/account.segments/_tree.segment.rsc",
    "/account.segments/account/__PAGE__.segment.rsc",
    "/_next/data/build-1/account.json",
    "/_next/data/build-1/account/settings.json",
    "/account/",
    "/Account",
  ])("T-026: a protected page is protected as %s", (path) => {
    expect(go(path).response.status).toBe(303);
    expect(go(path, { accept: "*/*" }).response.status).toBe(401);
  });

  it.each([
    "//about",
    "/about//",
    "/docs//../account",
    "/docs/%2e%2e/account",
    "/docs/..%2faccount",
    "/%61bout",
    "/about;x",
    "/docs/a;/../b",
    "/docs/",
    "/aboutx",
    "/about/x",
    "/ABOUT",
    "/docs%2fa",
    "/docs/a%00",
    "/docs/a\u2028",
  ])("T-027, T-028: %s is not mistaken for a public page", (path) => {
    expect(allExcept(["/", "/about", "/docs/*"])(path)).toBe(true);
  });

  it("T-027: whatever allExcept calls public, a URL parser and a decoder read as the same public path", () => {
    const isProtected = allExcept(["/", "/docs/*"]);
    const part = fc.oneof(
      fc.constantFrom("docs", "account", "..", ".", "%2e", "%2f", "%5c", "\\", ";", "/", "//", " ", "\t", "?", "#"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
        const path = `/${parts.join("/")}`;
        if (isProtected(path)) return;
        expect(new URL(path, "http://a").pathname).toBe(path);
        expect(decodeURIComponent(path)).toBe(path);
        expect(path === "/" || path.startsWith("/docs/")).toBe(true);
      }),
      { seed: 7, numRuns: 2000 },
    );
  });

  it("refuses a public path that is not plain", () => {
    expect(() => allExcept(["about"])).toThrow(TypeError);
    expect(() => allExcept(["/a/*/b"])).toThrow(TypeError);
  });

  it("T-046: a cookie that merely looks like ours is none", () => {
    for (const fake of [
      "\u00a0segno.sid=1",
      "xsegno.sid=1",
      "__Host-segno.sid.x=1",
      "segno.sid",
      "SEGNO.SID=1",
      "a=segno.sid=1",
    ]) {
      expect([fake, go("/account", { ...page, cookie: fake }).response.status]).toEqual([fake, 303]);
    }
  });

  it("T-042: hostile headers and paths never throw", () => {
    const line = fc.string({ maxLength: 30 }).map((text) => text.replaceAll(/[^\x20-\x7e]/g, ""));
    fc.assert(
      fc.property(line, line, line, (path, cookies, accept) => {
        const url = URL.parse(`http://localhost:3000/${path}`);
        if (url === null || url.host !== "localhost:3000") return;
        expect(go(url.pathname + url.search, { cookie: cookies, accept }).response.status).toBeLessThan(500);
      }),
      { seed: 3, numRuns: 300 },
    );
  });
});

describe("the loop breaker", () => {
  it("ends in a page that says what to do, then starts over", async () => {
    let jar = "";
    const hop = () => {
      const { response } = go("/sign-in?returnTo=%2Faccount", jar === "" ? page : { ...page, cookie: jar });
      const set = response.cookies.get("segno.hops");
      jar = set === undefined || set.maxAge === 0 ? "" : `segno.hops=${set.value}`;
      return response;
    };
    for (let count = 1; count <= 5; count += 1) expect(hop().headers.get("x-middleware-next")).toBe("1");
    const stopped = hop();
    expect(stopped.status).toBe(508);
    expect(await stopped.text()).toContain("Sign-in keeps starting over");
    expect(hop().headers.get("x-middleware-next")).toBe("1");
  });

  it("counts neither plain visits nor prefetches", () => {
    expect(go("/sign-in").response.cookies.get("segno.hops")).toBeUndefined();
    const prefetch = go("/sign-in?returnTo=%2F", { accept: "*/*", "sec-fetch-mode": "cors" });
    expect(prefetch.response.cookies.get("segno.hops")).toBeUndefined();
  });

  it("takes rubbish in its cookie for zero", () => {
    const { response } = go("/sign-in?returnTo=%2F", { ...page, cookie: "segno.hops=-Infinity" });
    expect(response.cookies.get("segno.hops")?.value).toBe("1");
  });
});
