import { type AuthState, errorCodes, SegnoError } from "@segno/core";
import fc from "fast-check";
import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { createTestHandler, origin, post } from "../../test/handler-kit.js";
import { defineRoute, type Route } from "./index.js";

const base = { tag: "test", summary: "", answers: {} } as const;
const person = v.strictObject({
  email: v.string(),
  age: v.optional(v.number()),
  tags: v.optional(v.array(v.string())),
});
const signedIn: AuthState = {
  status: "authenticated",
  subject: "u1",
  sessionId: "s1",
  clientId: "segno",
  scopes: [],
  acr: "aal1",
  amr: [],
  authTime: 0,
  expiresAt: 0,
  via: "session",
};

const echo = defineRoute({
  ...base,
  method: "POST",
  path: "/v1/echo",
  operationId: "echo",
  access: "public",
  body: person,
  handle: async ({ body }) => ({ json: body }),
});
const mine = defineRoute({
  ...base,
  method: "GET",
  path: "/v1/things/{id}",
  operationId: "thing",
  access: "session",
  handle: async ({ params, caller, actor }) => ({ json: { id: params.id, who: caller().subject, actor } }),
});
const token = defineRoute({
  ...base,
  method: "POST",
  path: "/oauth2/token",
  operationId: "token",
  access: "public",
  body: v.object({ grant_type: v.string() }),
  encodings: ["form"],
  errors: "oauth",
  crossSite: true,
  handle: async ({ body }) => ({ json: body }),
});
const failing = (operationId: string, path: string, fail: (context: { query: URLSearchParams }) => never): Route =>
  defineRoute({
    ...base,
    method: "GET",
    path,
    operationId,
    access: "public",
    handle: async (context) => fail(context),
  });
const page = defineRoute({
  ...base,
  method: "GET",
  path: "/v1/page",
  operationId: "page",
  access: "public",
  errors: "html",
  handle: async () => ({ html: "<!doctype html><p>hello" }),
});
const jwks = defineRoute({
  ...base,
  method: "GET",
  path: "/.well-known/jwks.json",
  operationId: "jwks",
  access: "public",
  handle: async () => ({ json: { keys: [] }, headers: { "Cache-Control": "public, max-age=300", ETag: '"1"' } }),
});
const routes = [echo, mine, token, page, jwks];
const at = (path: string, init?: RequestInit) => new Request(`${origin}${path}`, init);

describe("answers", () => {
  const handler = createTestHandler({ routes, auth: signedIn });

  it("carry a request id and the headers that keep them private", async () => {
    const response = await handler(post("/api/auth/v1/echo", { email: "a@b.c" }));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ email: "a@b.c" });
    expect(Object.fromEntries(response.headers)).toEqual({
      "cache-control": "no-store",
      "content-type": "application/json",
      "cross-origin-resource-policy": "same-origin",
      date: expect.stringMatching(/ GMT$/),
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it("fit pages into no frame", async () => {
    const { headers } = await handler(at("/api/auth/v1/page"));
    expect(headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
    expect(headers.get("content-type")).toBe("text/html; charset=utf-8");
  });

  it("answer HEAD like GET without a body, other methods with 405 and what is allowed", async () => {
    const head = await handler(at("/api/auth/v1/page", { method: "HEAD" }));
    expect([head.status, await head.text()]).toEqual([200, ""]);
    const put = await handler(at("/api/auth/v1/things/1", { method: "PUT" }));
    expect([put.status, put.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  it("serve documents about the issuer at its root and below the base path, to everybody", async () => {
    for (const path of ["/.well-known/jwks.json", "/api/auth/.well-known/jwks.json"]) {
      const { status, headers } = await handler(at(path, { headers: { origin: "https://elsewhere.example" } }));
      expect([status, headers.get("cache-control"), headers.get("access-control-allow-origin")]).toEqual([
        200,
        "public, max-age=300",
        "*",
      ]);
    }
  });

  it("build every error from its row alone, in the form of the route", async () => {
    for (const code of errorCodes) {
      const error = () => {
        throw new SegnoError(code, "canary-message", { detail: { canary: "canary-detail" } });
      };
      const one = createTestHandler({ routes: [failing("fail", "/v1/fail", error)] });
      const response = await one(at("/api/auth/v1/fail"));
      const text = await response.text();
      expect(text).not.toContain("canary");
      const { info } = new SegnoError(code);
      expect(JSON.parse(text)).toMatchObject({
        code: info.wireCode,
        title: info.title,
        type: `urn:segno:error:${info.wireCode}`,
      });
      expect(response.status).toBe(info.status || 500);
      expect(response.headers.has("www-authenticate")).toBe(response.status === 401);
      expect(response.headers.has("retry-after")).toBe(response.status === 429 || response.status === 503);
      expect(response.headers.get("content-type")).toBe("application/problem+json");
    }
    const oauth = await handler(
      at("/api/auth/oauth2/token", {
        method: "POST",
        body: "x=1",
        headers: { "content-type": "application/x-www-form-urlencoded" },
      }),
    );
    expect(await oauth.json()).toEqual({ error: "invalid_request", error_description: expect.any(String) });
  });

  it("tell the client how strong and how recent a proof must be", async () => {
    const fail = () => {
      throw new SegnoError("insufficient_user_authentication", "", {
        detail: { acrValues: "phr", maxAgeSeconds: 600 },
      });
    };
    const response = await createTestHandler({ routes: [failing("f", "/v1/f", fail)] })(at("/api/auth/v1/f"));
    expect(response.headers.get("www-authenticate")).toBe(
      'Bearer error="insufficient_user_authentication", acr_values="phr", max_age=600',
    );
  });

  it("name the fields that were not valid, without quoting what was in them", async () => {
    const response = await handler(post("/api/auth/v1/echo", { email: 12345678, extra: "canary" }));
    const body = await response.json();
    expect(body).toMatchObject({ status: 400, code: "invalid_input" });
    expect(body.fields.map((field: { path: string }) => field.path).toSorted()).toEqual(["email", "extra"]);
    expect(body.fields).toContainEqual({ path: "extra", message: "This field is not known." });
    expect(JSON.stringify(body)).not.toMatch(/12345678|canary/);
  });
});

describe("who is asking", () => {
  it("R: a session route gives the caller from the credential, and refuses everybody else", async () => {
    const good = await createTestHandler({ routes, auth: signedIn })(at("/api/auth/v1/things/42"));
    expect(await good.json()).toMatchObject({
      id: "42",
      who: "u1",
      actor: { subject: "u1", sessionId: "s1", clientId: "segno" },
    });
    for (const auth of [{ status: "anonymous" }, { status: "invalid", reason: "session_expired" }] as const) {
      const response = await createTestHandler({ routes, auth })(at("/api/auth/v1/things/42"));
      expect([response.status, (await response.json()).code]).toEqual([401, "unauthenticated"]);
    }
  });
});

describe("one spelling a path", () => {
  const handler = createTestHandler({ routes, auth: signedIn });
  it.each([
    "/api/auth//v1/page",
    "//api/auth/v1/page",
    "/api/auth/v1/page/",
    "/api/auth/v1/Page",
    "/API/auth/v1/page",
    "/api/auth/v1/page;x",
    "/api/auth/v1/page;x=1",
    "/api/auth/v1%2fpage",
    "/api/auth/v1%2Fpage",
    "/api/auth/v1/p%61ge",
    "/api/auth/v1/%70age",
    "/api/auth/v1/page%00",
    "/api/auth/v1/page%20",
    "/api/auth/v1/page.",
    "/api/auth/v1/.page",
    "/api/auth/v1/page%3fx",
    "/api/auth/v1/pag\u00e9",
    "/api/auth/v1/things/a%2fb",
    "/api/auth/v1/things/",
    "/api/auth/v1/things/a;b",
    `/api/auth/v1/things/${"a".repeat(129)}`,
    "/api/auth",
    "/",
    "/v1/page",
    "/api/auth/v1/page/%2e%2e%2fpage",
    "/api/auth/v1/things/%252e%252e",
  ])("T-028: %s is not found", async (path) => {
    expect((await handler(at(path))).status).toBe(404);
  });
  it("T-028: a path that comes to a route by dot segments is that route, with its limits", async () => {
    const taken: string[] = [];
    const limiter = { take: async (rule: { name: string }) => void taken.push(rule.name) };
    const limited = createTestHandler({ routes, limiter });
    for (const path of [
      "/api/auth/v1/x/../echo",
      "/api/auth/v1/x/%2e%2e/echo",
      "/api/auth/./v1/echo",
      "/api\\auth\\v1\\echo",
    ]) {
      await limited(post(path, {}));
    }
    expect(taken).toEqual(["ip.attempt", "ip.attempt", "ip.attempt", "ip.attempt"]);
  });
});

describe("bodies", () => {
  const handler = createTestHandler({ routes });
  const send = async (body: string, type = "application/json") =>
    (await handler(post("/api/auth/v1/echo", body, { "content-type": type }))).status;

  it("T-008: an array, an object or a second value for a scalar is refused", async () => {
    for (const email of ['["a@b.c","x@y.z"]', '{"0":"a@b.c"}', "null", "1", "true"])
      expect(await send(`{"email":${email}}`)).toBe(400);
    expect(await send('{"email":"a@b.c","email":"x@y.z"}')).toBe(400);
    expect(await send('{"email":"a@b.c","\\u0065mail":"x@y.z"}')).toBe(400);
    expect(await send('{"email":"a\\":\\":b"}')).toBe(200);
  });

  it("T-001: T-007: a field the schema does not know is refused, not dropped", async () => {
    for (const name of ["userId", "role", "verified", "emailVerified", "status", "acr", "sessionId", "id"]) {
      expect(await send(JSON.stringify({ email: "a@b.c", [name]: "x" }))).toBe(400);
    }
  });

  it("T-071: names of an object's inner workings are refused at any depth and change nothing", async () => {
    for (const name of ["__proto__", "constructor", "prototype"]) {
      expect(await send(`{"email":"a@b.c","${name}":{"polluted":1}}`)).toBe(400);
      expect(await send(`{"email":"a@b.c","tags":[{"${name}":{"polluted":1}}]}`)).toBe(400);
    }
    expect("polluted" in {}).toBe(false);
  });

  it("T-073: depth, members, items and bytes are bounded", async () => {
    expect(await send(`{"email":${"[".repeat(5_000)}${"]".repeat(5_000)}}`)).toBe(400);
    expect(await send(JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`k${n}`, 1]))))).toBe(
      400,
    );
    expect(await send(JSON.stringify({ email: "a", tags: Array.from({ length: 300 }, () => "") }))).toBe(400);
    expect(await send(JSON.stringify({ email: "a".repeat(1_000_000) }))).toBe(413);
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(4_096).fill(32)) });
    const init = {
      method: "POST",
      body: endless,
      duplex: "half",
      headers: { origin, "content-type": "application/json" },
    };
    expect((await handler(at("/api/auth/v1/echo", init as RequestInit))).status).toBe(413);
  });

  it("takes UTF-8 JSON under its own name only", async () => {
    const good = '{"email":"a@b.c"}';
    for (const type of ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"'])
      expect(await send(good, type)).toBe(200);
    for (const type of [
      "text/plain",
      "application/json; charset=utf-16",
      "application/x-www-form-urlencoded",
      "application/json, text/plain",
      "application/jsonp",
      "",
    ]) {
      expect(await send(good, type)).toBe(415);
    }
    expect(await send(`\ufeff${good}`)).toBe(400);
    const bad = new Request(`${origin}/api/auth/v1/echo`, {
      method: "POST",
      headers: { origin, "content-type": "application/json" },
      body: new Uint8Array([0x22, 0xff, 0x22]),
    });
    expect((await handler(bad)).status).toBe(400);
  });

  it("takes forms where OAuth asks for them, each field once", async () => {
    const form = async (body: string) =>
      (
        await handler(
          at("/api/auth/oauth2/token", {
            method: "POST",
            body,
            headers: { "content-type": "application/x-www-form-urlencoded" },
          }),
        )
      ).status;
    expect(await form("grant_type=refresh_token&x=%C3%A9+1")).toBe(200);
    for (const body of [
      "grant_type=a&grant_type=b",
      "grant_type=%zz",
      "grant_type=%ff",
      "grant%5Ftype=a&grant_type=b",
      "",
    ])
      expect(await form(body)).toBe(400);
  });
});

describe("requests another site made the browser send", () => {
  const handler = createTestHandler({ routes, options: { trustedOrigins: ["https://native.example.com"] } });
  const from = async (headers: Readonly<Record<string, string>>) =>
    (
      await handler(
        at("/api/auth/v1/echo", {
          method: "POST",
          body: '{"email":"a"}',
          headers: { "content-type": "application/json", ...headers },
        }),
      )
    ).status;

  it("are refused by origin, else by Fetch-Metadata, else when they carry a cookie", async () => {
    expect(await from({ origin })).toBe(200);
    expect(await from({ origin: "https://native.example.com" })).toBe(200);
    expect(await from({ "sec-fetch-site": "same-origin", cookie: "a=b" })).toBe(200);
    expect(await from({})).toBe(200);
    for (const other of [
      "null",
      "https://evil.example",
      "https://app.example.com.evil.example",
      "http://app.example.com",
      "https://app.example.com:444",
      `${origin}/`,
      origin.toUpperCase(),
      `${origin}, ${origin}`,
    ]) {
      expect(await from({ origin: other, "sec-fetch-site": "same-origin" })).toBe(403);
    }
    for (const site of ["cross-site", "same-site", "none", "x"])
      expect(await from({ "sec-fetch-site": site })).toBe(403);
    expect(await from({ cookie: "a=b" })).toBe(403);
  });

  it("share answers with listed origins only", async () => {
    const preflight = (of: string, method: string) =>
      handler(
        at("/api/auth/v1/echo", {
          method: "OPTIONS",
          headers: { origin: of, "access-control-request-method": method },
        }),
      );
    const good = await preflight("https://native.example.com", "POST");
    expect([good.status, good.headers.get("access-control-allow-origin")]).toEqual([204, "https://native.example.com"]);
    for (const [of, method] of [
      ["https://evil.example", "POST"],
      ["https://native.example.com", "DELETE"],
    ] as const) {
      const refused = await preflight(of, method);
      expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([405, null]);
    }
    const answer = await handler(post("/api/auth/v1/echo", { email: "a" }, { origin: "https://native.example.com" }));
    expect(answer.headers.get("access-control-allow-credentials")).toBe("true");
    expect(
      (await handler(post("/api/auth/v1/echo", { email: "a" }))).headers.get("access-control-allow-origin"),
    ).toBeNull();
  });
});

describe("cookies", () => {
  const route = defineRoute({
    ...base,
    method: "GET",
    path: "/v1/cookies",
    operationId: "cookies",
    access: "public",
    handle: async ({ cookies }) => ({
      json: { session: cookies.sessionToken() ?? null, browser: cookies.existingBrowser() ?? null },
    }),
  });
  const handle = "h".repeat(43);
  const read = async (cookie: string, options = {}) => {
    const response = await createTestHandler({ routes: [route], options })(
      at("/api/auth/v1/cookies", { headers: { cookie } }),
    );
    return { ...(await response.json()), set: response.headers.getSetCookie() };
  };

  it("T-047: on https only the __Host- name is read; on http://localhost only the plain one", async () => {
    expect(await read(`segno.sid=planted; __Host-segno.sid=good; __Host-segno.tx=${handle}`)).toEqual({
      session: "good",
      browser: handle,
      set: [],
    });
    expect((await read("segno.sid=planted")).session).toBeNull();
    const local = { baseUrl: "http://localhost:3000" };
    expect((await read("segno.sid=good", local)).session).toBe("good");
    expect((await read("__Host-segno.sid=good", local)).session).toBeNull();
  });

  it("T-046: two cookies of one name refuse the session and clear both", async () => {
    for (const cookie of [
      "__Host-segno.sid=a; __Host-segno.sid=b",
      "__Host-segno.sid=a;__Host-segno.sid=a",
      "x=1; __Host-segno.sid=; y=2; __Host-segno.sid=b",
    ]) {
      const { session, set } = await read(cookie);
      expect(session).toBeNull();
      expect(set).toHaveLength(2);
      expect(set.every((line: string) => line.includes("Max-Age=0") && line.includes("; Secure"))).toBe(true);
    }
  });

  it("T-046: a name that merely looks the same is another name", async () => {
    for (const name of [
      "\u00a0__Host-segno.sid",
      "__host-segno.sid",
      "__Host-segno.sid\u00a0",
      "__Host-segno%2Esid",
      "__Host-segno.sid ",
      "\u0085__Host-segno.sid",
      '"__Host-segno.sid"',
      // U+2000 and U+FEFF as bytes, as they come over the wire
      "\u00e2\u0080\u0080__Host-segno.sid",
      "\u00ef\u00bb\u00bf__Host-segno.sid",
      // a cookie without a name, and the attributes of RFC 2965
      "=__Host-segno.sid",
      "$Version=1,__Host-segno.sid",
      "$__Host-segno.sid",
      "__Host-segno.sid[]",
      "__Host-segno.sid;x",
      "__Secure-segno.sid",
    ]) {
      expect((await read(`${name}=planted`)).session).toBeNull();
    }
    expect((await read("__Host-segno.sid=good; \u00a0__Host-segno.sid=planted")).session).toBe("good");
  });

  it("are written for this host alone, unreadable for scripts, and not at all by a request that fails", async () => {
    const sign = (fail: boolean) =>
      defineRoute({
        ...base,
        method: "GET",
        path: "/v1/sign",
        operationId: "sign",
        access: "public",
        handle: async ({ cookies }) => {
          cookies.setSession("token", 60.9);
          cookies.browser();
          if (fail) throw new SegnoError("conflict");
          return { status: 204 };
        },
      });
    const good = await createTestHandler({ routes: [sign(false)] })(at("/api/auth/v1/sign"));
    const [session, browser] = good.headers.getSetCookie();
    expect(session).toBe("__Host-segno.sid=token; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
    expect(browser).toMatch(/^__Host-segno\.tx=[\w-]{43}; Path=\/; Max-Age=86400; HttpOnly; SameSite=Lax; Secure$/);
    expect((await createTestHandler({ routes: [sign(true)] })(at("/api/auth/v1/sign"))).headers.getSetCookie()).toEqual(
      [],
    );
  });
});

describe("what comes from outside stays outside", () => {
  it("T-033: a hostile Host names nothing", async () => {
    const seen: string[] = [];
    const route = defineRoute({ ...mine, access: "public", handle: async () => ({ json: {} }) });
    const handler = createTestHandler({ routes: [route] });
    const request = new Request("https://evil.example/api/auth/v1/things/1", {
      headers: { "x-forwarded-host": "evil.example", host: "evil.example" },
    });
    const response = await handler(request);
    seen.push(await response.text(), JSON.stringify([...response.headers]));
    expect(seen.join()).not.toContain("evil.example");
  });

  it("T-030: an id from outside is believed from a listed proxy only", async () => {
    const options = { clientIp: { source: "forwarded", trustedProxies: ["10.0.0.0/8"] } } as const;
    const handler = createTestHandler({ routes, options });
    const id = async (remoteAddress: string, given: string) =>
      (await handler(at("/api/auth/v1/page", { headers: { "x-request-id": given } }), { remoteAddress })).headers.get(
        "x-request-id",
      );
    expect(await id("10.1.2.3", "from-the-proxy-1")).toBe("from-the-proxy-1");
    expect(await id("203.0.113.9", "from-the-proxy-1")).not.toBe("from-the-proxy-1");
    expect(await id("10.1.2.3", 'x"; DROP')).not.toContain("DROP");
  });

  it("T-045: of 1,000 interleaved failing requests none shows anything of another", async () => {
    const fail = ({ query }: { query: URLSearchParams }): never => {
      const canary = query.get("canary") ?? "";
      throw new SegnoError("conflict", canary, { detail: { canary }, cause: new Error(canary) });
    };
    const slow = defineRoute({
      ...echo,
      handle: async ({ body }) => {
        await new Promise((resolve) => setImmediate(resolve));
        throw new SegnoError("wrong_code", JSON.stringify(body), { detail: { body: JSON.stringify(body) } });
      },
    } as Route);
    const logged: unknown[] = [];
    const handler = createTestHandler({
      routes: [slow, failing("fail", "/v1/fail", fail)],
      logged: (fields) => logged.push(fields),
    });
    const ids = new Set<string>();
    await Promise.all(
      Array.from({ length: 1_000 }, async (_, index) => {
        const canary = `canary-${index}-${Math.abs(Math.sin(index))}`;
        const request =
          index % 2 === 0
            ? at(`/api/auth/v1/fail?canary=${canary}`)
            : post("/api/auth/v1/echo", index % 4 === 1 ? { email: canary } : { [canary]: canary });
        const response = await handler(request);
        const body = await response.json();
        const text = JSON.stringify(body).replaceAll(canary, "");
        expect(text).not.toContain("canary");
        expect(body.requestId).toBe(response.headers.get("x-request-id"));
        ids.add(body.requestId);
      }),
    );
    expect(ids.size).toBe(1_000);
    expect(logged).toEqual([]);
  });

  it("an unexpected error is told to the log, not to the client", async () => {
    const logged: unknown[] = [];
    const boom = () => {
      throw new Error("canary of a bug");
    };
    const options = { production: false };
    const handler = createTestHandler({
      routes: [failing("boom", "/v1/boom", boom)],
      options,
      logged: (fields) => logged.push(fields),
    });
    const response = await handler(at("/api/auth/v1/boom"));
    const text = await response.text();
    expect([response.status, JSON.parse(text).code]).toEqual([500, "internal"]);
    expect(text).not.toContain("canary");
    expect(logged).toHaveLength(1);
    expect(JSON.stringify(logged)).toContain(JSON.parse(text).requestId);
  });

  it("lets telemetry hooks see operations and their failures", async () => {
    const seen: string[] = [];
    const hook = {
      before: ({ operation }: { operation: string }) => void seen.push(`before ${operation}`),
      after: () => void seen.push("after"),
      error: (_: unknown, error: SegnoError) => void seen.push(error.code),
    };
    const handler = createTestHandler({ routes, options: { telemetry: [hook] } });
    await handler(at("/api/auth/v1/page"));
    await handler(at("/api/auth/v1/things/1"));
    expect(seen).toEqual(["before http.page", "after", "before http.thing", "unauthenticated"]);
  });
});

describe("malformed anything", () => {
  const handler = createTestHandler({ routes, auth: signedIn });
  const header = fc
    .string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 80 })
    .map((text) => text.trim());

  it("T-042: gives 4xx, never 5xx and never a rejection", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          path: fc.oneof(
            fc.webPath(),
            fc.constantFrom("/api/auth/v1/echo", "/api/auth/oauth2/token", "/api/auth/v1/things/1"),
          ),
          query: fc.oneof(fc.string(), fc.webQueryParameters()),
          method: fc.constantFrom("GET", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "PUT"),
          type: fc.oneof(header, fc.constantFrom("application/json", "application/x-www-form-urlencoded")),
          headers: fc.dictionary(
            fc.constantFrom(
              "authorization",
              "cookie",
              "origin",
              "dpop",
              "x-forwarded-for",
              "content-length",
              "sec-fetch-site",
              "x-request-id",
            ),
            header,
          ),
          body: fc.oneof(fc.string(), fc.json(), fc.webQueryParameters()),
        }),
        async ({ path, query, method, type, headers, body }) => {
          const url = `${origin}${path}?${query}`;
          if (!URL.canParse(url)) return;
          const hasBody = method !== "GET" && method !== "HEAD";
          const request = new Request(url, {
            method,
            headers: { ...headers, "content-type": type },
            ...(hasBody ? { body } : {}),
          });
          const response = await handler(request);
          expect(response.status).toBeLessThan(500);
          await response.text();
        },
      ),
      { numRuns: 1_500 },
    );
  });
});
