import { type PlainRequest, SegnoError } from "@segno/core";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { createTestExchange, createTestHandler, origin } from "../../test/handler-kit.js";
import { defineRoute, incomingOf, type Route } from "./index.js";

const base = { tag: "test", summary: "", answers: {}, access: "public" } as const;
const routes: readonly Route[] = [
  defineRoute({
    ...base,
    method: "POST",
    path: "/v1/echo",
    operationId: "echo",
    body: v.strictObject({ text: v.string() }),
    encodings: ["json", "form"],
    maxBodyBytes: 64,
    handle: async ({ body, cookies }) => {
      cookies.setSession("token", 60);
      cookies.browser();
      return { json: body };
    },
  }),
  defineRoute({
    ...base,
    method: "GET",
    path: "/v1/things/{id}",
    operationId: "thing",
    handle: async ({ params, query, request, clientIp }) => {
      if (query.get("fail") !== null) throw new SegnoError("rate_limited", undefined, { retryAfterSeconds: 7 });
      return {
        json: {
          ...params,
          clientIp,
          agent: request.headers.get("user-agent"),
          url: request.url,
          method: request.method,
        },
        headers: { ETag: '"1"' },
      };
    },
  }),
  defineRoute({
    ...base,
    method: "GET",
    path: "/v1/page",
    operationId: "page",
    handle: async () => ({ html: "<p>ü" }),
  }),
];
const nowMs = Date.parse("2026-01-02T03:04:05.678Z");
const kit = { routes, options: { clock: { nowMs: () => nowMs }, trustedOrigins: ["https://other.example"] } };
const handler = createTestHandler(kit);
const exchange = createTestExchange(kit);
const peer = { remoteAddress: "203.0.113.7" };

async function bothWays({ method, url, headers, body }: PlainRequest) {
  const lines = Object.entries(headers).map(([name, value]) => [name, String(value)] as [string, string]);
  const init = { method, headers: lines, ...(body === undefined ? {} : { body }) };
  const web = await handler(new Request(url, init as RequestInit), peer);
  const plain = await exchange(incomingOf({ method, url, headers, ...(body === undefined ? {} : { body }) }), peer);
  // two requests, so two ids and two browser handles
  const fold = (text: string) =>
    text
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID")
      .replaceAll(/[0-9A-Z]{4}-[0-9A-Z]{4}/g, "CODE")
      .replaceAll(/segno\.tx=[\w-]{43}/g, "segno.tx=HANDLE");
  const webAnswer = {
    status: web.status,
    headers: Object.fromEntries([...web.headers].filter(([name]) => name !== "set-cookie")),
    setCookies: web.headers.getSetCookie(),
    body: (await web.text()) || null,
  };
  return { web: fold(JSON.stringify(sorted(webAnswer))), plain: fold(JSON.stringify(sorted(plain))), answer: plain };
}

function sorted(answer: { readonly headers: Readonly<Record<string, string>> }) {
  return { ...answer, headers: Object.entries(answer.headers).toSorted(([a], [b]) => (a < b ? -1 : 1)) };
}

describe("the way without web objects", () => {
  it("is the same way: every check, every header, every byte", async () => {
    const path = fc.constantFrom(
      "/v1/echo",
      "/v1/things/1",
      "/v1/things/1?fail=1",
      "/v1/things/1?a=1&a=2",
      "/v1/page",
      "/v1/none",
      "/v1/things/%2e",
    );
    const headers = fc.record(
      {
        origin: fc.constantFrom(origin, "https://other.example", "https://evil.example"),
        cookie: fc.constantFrom("__Host-segno.sid=a", "__Host-segno.sid=a; __Host-segno.sid=b", ""),
        "content-type": fc.constantFrom("application/json", "application/x-www-form-urlencoded", "text/plain"),
        "sec-fetch-site": fc.constantFrom("same-origin", "cross-site"),
        "user-agent": fc.string({ unit: "grapheme-ascii", maxLength: 8 }).map((text) => text.trim()),
        "access-control-request-method": fc.constantFrom("POST", "PUT"),
        "x-request-id": fc.constant("given-from-outside"),
      },
      { requiredKeys: [] },
    );
    const body = fc.oneof(
      fc.constantFrom('{"text":"ü"}', '{"text":1}', "text=a", "", '{"text":"x","text":"y"}', "x".repeat(65)),
      fc.uint8Array({ maxLength: 80 }),
      fc.constant(new Uint8Array([0xef, 0xbb, 0xbf, 0x7b, 0x7d])),
    );
    const method = fc.constantFrom("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS");
    const seen = new Set<number>();
    const property = fc.asyncProperty(method, path, headers, body, async (verb, target, given, sent) => {
      const hasBody = verb !== "GET" && verb !== "HEAD";
      const { web, plain, answer } = await bothWays({
        method: verb,
        url: `${origin}/api/auth${target}`,
        headers: given as Record<string, string>,
        ...(hasBody ? { body: sent } : {}),
      });
      seen.add(answer.status);
      expect(plain).toBe(web);
    });
    await fc.assert(property, { numRuns: 1_500, seed: 11 });
    expect([...seen].toSorted()).toEqual([200, 204, 400, 403, 404, 405, 413, 415, 429]);
  });

  it("joins several lines of a header as HTTP does", async () => {
    const headers = { "user-agent": ["a", "b"], cookie: ["x=1", "__Host-segno.sid=a"] };
    const { plain, web } = await bothWays({ method: "GET", url: `${origin}/api/auth/v1/things/1`, headers });
    expect(plain).toContain("a, b");
    expect(web).toContain("a,b");
  });
});

describe("every answer", () => {
  it("tells the engine's time, by which clients correct their own", async () => {
    for (const path of ["/v1/page", "/v1/none", "/v1/things/1?fail=1"]) {
      const response = await handler(new Request(`${origin}/api/auth${path}`), peer);
      expect(response.headers.get("date")).toBe("Fri, 02 Jan 2026 03:04:05 GMT");
    }
  });
});

describe("a host that tells no socket address", () => {
  const ask = async (options: object, remoteAddress?: string) => {
    const logged: unknown[] = [];
    const one = createTestHandler({ routes, options, warned: (line) => logged.push(line) });
    for (let times = 0; times < 3; times += 1) {
      await one(
        new Request(`${origin}/api/auth/v1/page`),
        ...(remoteAddress === undefined ? [] : ([{ remoteAddress }] as const)),
      );
    }
    return logged;
  };

  it("is told of once, where limits depend on it", async () => {
    const line = { message: expect.stringContaining("no socket address"), fields: { clientIp: "forwarded" } };
    expect(await ask({ clientIp: { source: "forwarded", trustedProxies: ["10.0.0.0/8"] } })).toEqual([line]);
    expect(await ask({ clientIp: { source: "socket" } })).toHaveLength(1);
    expect(await ask({ clientIp: { source: "socket" } }, "203.0.113.7")).toEqual([]);
    expect(await ask({ clientIp: { source: "header", header: "cf-connecting-ip" } })).toEqual([]);
    expect(await ask({ clientIp: { source: "socket" }, rateLimit: false })).toEqual([]);
  });
});
