import { expect, it } from "vitest";
import { openBrowser, type TestSite } from "./test-browser.js";

function echoSite(): { site: TestSite; seen: { request: Request; peer: unknown }[] } {
  const seen: { request: Request; peer: unknown }[] = [];
  return {
    seen,
    site: {
      origin: "https://app.example.com",
      basePath: "/api/auth",
      nowMs: () => 0,
      async handler(request, peer) {
        seen.push({ request, peer });
        const headers = { "set-cookie": "__Host-segno.sid=s1; Path=/; Secure; HttpOnly" };
        return Response.json(
          { cookie: request.headers.get("cookie"), origin: request.headers.get("origin") },
          { headers },
        );
      },
    },
  };
}

it("carries cookies from one call to the next, and Origin on unsafe methods only", async () => {
  const { site, seen } = echoSite();
  const browser = openBrowser(site, { remoteAddress: "198.51.100.9" });
  expect((await browser.call("/v1/session")).body).toEqual({ cookie: null, origin: null });
  const answer = await browser.call("/v1/sign-out", {});
  expect(answer.body).toEqual({ cookie: "__Host-segno.sid=s1", origin: "https://app.example.com" });
  expect(seen[1]?.request.url).toBe("https://app.example.com/api/auth/v1/sign-out");
  expect(seen[1]?.request.headers.get("sec-fetch-site")).toBe("same-origin");
  expect(seen[1]?.peer).toEqual({ remoteAddress: "198.51.100.9" });
});

it("plays a foreign page: its own Origin, no cookies unless it asks for them", async () => {
  const { site, seen } = echoSite();
  const browser = openBrowser(site, { origin: "https://evil.example" });
  browser.cookies.set("a", "1");
  await browser.call("/v1/sign-out", {});
  await browser.call("/v1/sign-out", {}, { credentials: "include" });
  expect(seen.map(({ request }) => request.headers.get("cookie"))).toEqual([null, "a=1"]);
  expect(seen[0]?.request.headers.get("origin")).toBe("https://evil.example");
  expect(seen[0]?.request.headers.get("sec-fetch-site")).toBe("cross-site");
});
