// Whose page sent it: compared byte by byte, on every route that changes something.
import { createTestSegno, type TestSegno } from "@segno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resolveOptions } from "../resolve-config.js";
import { safeReturnPath } from "./return-path.js";

const own = "https://app.example.com";
const trusted = "https://native.example.com";

/** What an attacker can register or send that resembles an allowed origin. */
const lookAlikes = [own, trusted].flatMap((origin) => {
  const host = new URL(origin).host;
  return [
    `http://${host}`,
    `https://${host}.`,
    `https://${host}:443`,
    `https://${host}:8443`,
    `https://${host}:0443`,
    `https://${host}.evil.example`,
    `https://${host}x`,
    `https://${host}-evil.example`,
    `https://x${host}`,
    `https://x.${host}`,
    `https://${host.replace(".", "-")}`,
    `https://${host.replace(".", "x")}`,
    `https://${host.replace("a", "xn--")}`,
    `https://${host.split(".").slice(1).join(".")}`,
    `https://${host}@evil.example`,
    `https://evil.example@${host}`,
    `https://user@${host}`,
    `https://evil.example/${host}`,
    `https://evil.example?${origin}`,
    `https://evil.example#${origin}`,
    `https://evil.example\\${host}`,
    `https://${host}\\evil.example`,
    `https://${host}%00.evil.example`,
    `https://${host}%2eevil.example`,
    `https:/${host}`,
    `https:${host}`,
    `https:///${host}`,
    `//${host}`,
    host,
    `${origin}/`,
    `${origin}/x`,
    `${origin}?`,
    `${origin}#`,
    `${origin}, https://evil.example`,
    `https://evil.example, ${origin}`,
    `${origin} https://evil.example`,
    `https://evil.example ${origin}`,
    origin.toUpperCase(),
    `https://${host.toUpperCase()}`,
    `HTTPS://${host}`,
    `ws://${host}`,
    `wss://${host}`,
    `ftp://${host}`,
    `file://${host}`,
    `javascript://${host}`,
    `chrome-extension://${host}`,
    `blob:${origin}`,
    `https://[${host}]`,
    `https://${host};evil.example`,
    `https://${host},evil.example`,
    `https://${host}\tevil.example`,
    `https://${host}&.evil.example`,
    `*`,
    `https://*`,
    `https://*.${host}`,
  ];
});
const others = [...new Set([...lookAlikes, "null", "undefined", "about:blank", "https://evil.example", "https://"])];

describe("T-037: an origin that only looks like ours", () => {
  let test: TestSegno;
  beforeAll(async () => {
    test = await createTestSegno({ trustedOrigins: [trusted], rateLimit: false });
  });
  afterAll(() => test.close());

  async function unsafeRoutes() {
    const document = await test.fetch("/api/auth/openapi.json");
    const { paths }: { paths: Record<string, Record<string, object>> } = await document.json();
    return Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods)
        .filter((method) => method !== "get" && !path.startsWith("/oauth2/"))
        .map((method) => ({ path: path.replace("{id}", "x"), method: method.toUpperCase() })),
    );
  }

  it("changes nothing on any route, cookie or not, and learns nothing", async () => {
    const { browser, session } = await test.signInAs("ada@example.com");
    const cookie = browser.cookies.header(new URL(own)) ?? "";
    await test.settle();
    const before = await test.dump();
    const routes = await unsafeRoutes();
    expect(routes.length).toBeGreaterThan(15);
    for (const { path, method } of routes) {
      for (const origin of others) {
        const response = await test.fetch(`/api/auth${path}`, {
          method,
          headers: { origin, cookie, "content-type": "application/json", "sec-fetch-site": "same-origin" },
          body: "{}",
        });
        expect(response.status, `${method} ${path} ${origin}`).toBe(403);
        expect(response.headers.get("access-control-allow-origin"), origin).toBeNull();
        expect(response.headers.getSetCookie(), origin).toEqual([]);
        const text = await response.text();
        if (text.startsWith("{")) expect(JSON.parse(text)).toMatchObject({ code: "origin_not_allowed" });
      }
      for (const site of ["same-site", "cross-site", "none", "Same-Origin", "same-origin, cross-site"]) {
        const headers = { cookie, "content-type": "application/json", "sec-fetch-site": site };
        expect((await test.fetch(`/api/auth${path}`, { method, headers, body: "{}" })).status, site).toBe(403);
      }
    }
    expect(await test.dump()).toBe(before);
    expect((await browser.call<{ session: { id: string } }>("/v1/session")).body.session.id).toBe(session.id);
  });

  it("T-048: a link or an image on another site signs nobody out", async () => {
    const { browser, session } = await test.signInAs("carol@example.com");
    const cookie = browser.cookies.header(new URL(own)) ?? "";
    for (const path of ["/v1/sign-out", "/v1/sessions/revoke", `/v1/sessions/${session.id}`, "/oauth2/revoke"]) {
      for (const method of ["GET", "HEAD"]) {
        const headers = { cookie, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
        const response = await test.fetch(`/api/auth${path}`, { method, headers });
        expect([response.status, response.headers.getSetCookie()], path).toEqual([405, []]);
      }
    }
    expect((await browser.call<{ session: { id: string } }>("/v1/session")).body.session.id).toBe(session.id);
  });

  it("reads nothing: neither a preflight nor an answer names it", async () => {
    const { browser } = await test.signInAs("bob@example.com");
    const cookie = browser.cookies.header(new URL(own)) ?? "";
    for (const origin of others) {
      const read = await test.fetch("/api/auth/v1/session", { headers: { origin, cookie } });
      expect(read.headers.get("access-control-allow-origin"), origin).toBeNull();
      const headers = { origin, "access-control-request-method": "POST", "access-control-request-headers": "dpop" };
      const asked = await test.fetch("/api/auth/v1/sign-out", { method: "OPTIONS", headers });
      expect(asked.headers.get("access-control-allow-origin"), origin).toBeNull();
    }
    const listed = await test.fetch("/api/auth/v1/session", { headers: { origin: trusted, cookie } });
    expect(listed.headers.get("access-control-allow-origin")).toBe(trusted);
    expect(listed.headers.get("vary")).toMatch(/Origin/i);
  });

  it("cannot be configured by a slip: what is no exact origin keeps the engine from starting", () => {
    const isOrigin = (text: string) => URL.canParse(text) && new URL(text).origin === text;
    for (const origin of others.filter((other) => !isOrigin(other) && !/^\w+:\/\/[a-z.]+$/.test(other))) {
      const options = { baseUrl: own, clientIp: { source: "socket" }, production: false } as const;
      const { faults } = resolveOptions({ ...options, trustedOrigins: [origin] }, {});
      expect(faults.join(), origin).toContain("trustedOrigins");
    }
  });

  it("is no place to return to, nor is any scheme but the web's (T-038, T-039)", () => {
    const schemes = [
      "javascript:alert(1)",
      "data:text/html,x",
      "vbscript:x",
      "blob:https://app.example.com/x",
      "app:/x",
    ];
    const absolute = others.filter((other) => /^[a-z-]*:?\/\//i.test(other) || other.includes("evil"));
    for (const place of [
      ...schemes,
      ...absolute,
      ...schemes.map((scheme) => ` ${scheme}`),
      "\tjavascript:x",
      "/\\evil",
    ]) {
      const path = safeReturnPath(place, [own]);
      if (path !== undefined) expect(new URL(path, own).origin, place).toBe(own);
    }
    for (const scheme of schemes) expect(safeReturnPath(scheme, [own]), scheme).toBeUndefined();
  });
});
