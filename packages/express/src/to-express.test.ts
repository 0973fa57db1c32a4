import { connect } from "node:net";
import type { SegnoEngine } from "@segno/core";
import express from "express";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { serve } from "../test/serve.js";
import { toExpress } from "./index.js";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
  readonly peer: string | undefined;
}

/** An engine that remembers what it was asked and answers as told. */
function engineThatSees(
  answer: (request: Request) => Response | Promise<Response> = () => Response.json({ ok: true }),
) {
  const seen: Seen[] = [];
  const engine: SegnoEngine = {
    basePath: "/api/auth",
    issuer: "https://app.example.com",
    authenticate: () => ({ status: "anonymous" }),
    handler: async (request, peer) => {
      const { method, url, headers } = request;
      seen.push({ method, url, headers, body: await request.clone().text(), peer: peer?.remoteAddress });
      return answer(request);
    },
  };
  return { engine, seen };
}

/** The same engine for adapters that state a request without building one. */
function inPlainWords(engine: SegnoEngine): SegnoEngine {
  return {
    ...engine,
    handler: () => Promise.reject(new Error("the plain door was there")),
    handle: async ({ method, url, headers, body }, peer) => {
      const lines = Object.entries(headers).filter(([name]) => name !== "connection");
      const init = { method, headers: lines as [string, string][], ...(body === undefined ? {} : { body }) };
      if (method === "TRACE") return { status: 405, headers: {}, setCookies: [], body: null };
      const response = await engine.handler(new Request(url, init as RequestInit), peer);
      const text = await response.text();
      return {
        status: response.status,
        headers: Object.fromEntries([...response.headers].filter(([name]) => name !== "set-cookie")),
        setCookies: response.headers.getSetCookie(),
        body: method === "HEAD" || text === "" ? null : text,
      };
    },
  };
}

/** Bytes as they are, so that no client library tidies them up; the answer until the connection closes. */
function raw(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    socket.on("data", (chunk) => {
      answer += chunk;
    });
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
    socket.setTimeout(5000, () => socket.destroy(new Error("no answer")));
  });
}

describe.each([
  { through: "web objects", isPlain: false },
  { through: "plain words", isPlain: true },
])("toExpress through $through", ({ isPlain }) => {
  const fakeEngine: typeof engineThatSees = (answer) => {
    const { engine, seen } = engineThatSees(answer);
    return { engine: isPlain ? inPlainWords(engine) : engine, seen };
  };

  it("hands method, path, query, headers, body and peer to the engine", async () => {
    const { engine, seen } = fakeEngine();
    const { origin } = await serve(express().use("/api/auth", toExpress(engine)));
    const response = await fetch(`${origin}/api/auth/v1/email/start?x=%20y`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-probe": "1" },
      body: '{"email":"a@b.c"}',
    });
    expect(await response.json()).toEqual({ ok: true });
    expect(seen[0]).toMatchObject({
      method: "POST",
      url: "https://app.example.com/api/auth/v1/email/start?x=%20y",
      body: '{"email":"a@b.c"}',
      peer: "127.0.0.1",
    });
    expect(seen[0]?.headers.get("x-probe")).toBe("1");
  });

  it("T-033: a hostile Host or X-Forwarded-Host never becomes the origin of a request", async () => {
    const { engine, seen } = fakeEngine();
    const { port } = await serve(express().use("/api/auth", toExpress(engine)));
    const head =
      "Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: http\r\nConnection: close\r\n\r\n";
    await raw(port, `GET /api/auth/v1/session HTTP/1.1\r\n${head}`);
    expect(seen[0]?.url).toBe("https://app.example.com/api/auth/v1/session");
  });

  it("T-030: X-Forwarded-For does not change the peer", async () => {
    const { engine, seen } = fakeEngine();
    const { origin } = await serve(express().set("trust proxy", true).use("/api/auth", toExpress(engine)));
    await fetch(`${origin}/api/auth/v1/session`, { headers: { "x-forwarded-for": "6.6.6.6" } });
    expect(seen[0]?.peer).toBe("127.0.0.1");
  });

  it("keeps every cookie on its own line, and cookies and Vary of earlier middleware", async () => {
    const { engine } = fakeEngine(() => {
      const headers = new Headers({ vary: "Cookie" });
      headers.append("set-cookie", "a=1; Path=/");
      headers.append("set-cookie", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT");
      return new Response(null, { status: 204, headers });
    });
    const app = express().use((_req, res, next) => {
      res.cookie("c", "3").vary("Origin");
      next();
    });
    const { origin } = await serve(app.use("/api/auth", toExpress(engine)));
    const response = await fetch(`${origin}/api/auth/v1/sign-out`, { method: "POST" });
    expect(response.status).toBe(204);
    expect(response.headers.getSetCookie()).toEqual([
      "c=3; Path=/",
      "a=1; Path=/",
      "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
    ]);
    expect(response.headers.get("vary")).toBe("Origin, Cookie");
  });

  it("answers HEAD with the headers alone", async () => {
    const { engine, seen } = fakeEngine(() => new Response("text", { headers: { etag: '"1"' } }));
    const { origin } = await serve(express().use("/api/auth", toExpress(engine)));
    const response = await fetch(`${origin}/api/auth/openapi.json`, { method: "HEAD" });
    expect([response.status, response.headers.get("etag"), await response.text()]).toEqual([200, '"1"', ""]);
    expect(seen[0]?.method).toBe("HEAD");
  });

  it("serves /.well-known and leaves what the engine does not know there to the application", async () => {
    const { engine, seen } = fakeEngine((request) =>
      request.url.endsWith("jwks.json") ? Response.json({ keys: [] }) : new Response("none", { status: 404 }),
    );
    const app = express().use("/.well-known", toExpress(engine));
    app.get("/.well-known/security.txt", (_req, res) => void res.send("Contact: us"));
    const { origin } = await serve(app);
    expect(await (await fetch(`${origin}/.well-known/jwks.json`)).json()).toEqual({ keys: [] });
    expect(await (await fetch(`${origin}/.well-known/security.txt`)).text()).toBe("Contact: us");
    expect((await fetch(`${origin}/.well-known/jwks.json`, { method: "POST" })).status).toBe(404);
    expect(seen.every((one) => one.method === "GET")).toBe(true);
  });

  it("mounted at the root it touches nothing but its own paths", async () => {
    const { engine, seen } = fakeEngine();
    const app = express().use(toExpress(engine));
    app.use((_req, res) => void res.send("application"));
    const { origin } = await serve(app);
    for (const path of ["/", "/api/authors", "/api/auth2/v1", "/API/AUTH/v1/session"]) {
      expect(await (await fetch(origin + path)).text()).toBe("application");
    }
    expect(seen).toEqual([]);
  });

  it("warns once when it is mounted where the base path can never match", async () => {
    const { engine } = fakeEngine();
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
    const { origin } = await serve(express().use("/auth", toExpress(engine)));
    expect((await fetch(`${origin}/auth/v1/session`)).status).toBe(404);
    expect((await fetch(`${origin}/auth/v1/session`)).status).toBe(404);
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  it.each([
    ["json", express.json(), "application/json", '{"a":["b",{"c":1}]}', '{"a":["b",{"c":1}]}'],
    ["text", express.text({ type: "*/*" }), "application/json", '{"a":1,"a":2}', '{"a":1,"a":2}'],
    ["raw", express.raw({ type: "*/*" }), "application/json", '{"a":"ü"}', '{"a":"ü"}'],
    [
      "form",
      express.urlencoded({ extended: true }),
      "application/x-www-form-urlencoded",
      "a=1&b=2%26&a=3",
      "a=1&a=3&b=2%26",
    ],
  ])("takes a body that express.%s() already read", async (_name, parser, type, sent, restored) => {
    const { engine, seen } = fakeEngine();
    const { origin } = await serve(express().use(parser).use("/api/auth", toExpress(engine)));
    await fetch(`${origin}/api/auth/oauth2/token`, { method: "POST", headers: { "content-type": type }, body: sent });
    expect(seen[0]?.body).toBe(restored);
    expect(seen[0]?.headers.get("content-type")).toContain(type);
  });

  it("refuses a parsed form with nested fields, which have no flat form", async () => {
    const { engine, seen } = fakeEngine();
    const app = express()
      .use(express.urlencoded({ extended: true }))
      .use("/api/auth", toExpress(engine));
    const { origin } = await serve(app);
    const response = await fetch(`${origin}/api/auth/oauth2/token`, {
      method: "POST",
      body: new URLSearchParams("a[b]=1"),
    });
    expect([response.status, seen.length]).toEqual([400, 0]);
  });

  it("says what to do when something read the body and did not keep it", async () => {
    const { engine, seen } = fakeEngine();
    const errors: unknown[] = [];
    const app = express().use((req, _res, next) => req.resume().once("end", () => next()));
    app.use("/api/auth", toExpress(engine));
    app.use((error: unknown, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
      errors.push(error);
      res.status(500).end();
    });
    const { origin } = await serve(app);
    const init = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
    expect((await fetch(`${origin}/api/auth/v1/x`, init)).status).toBe(500);
    expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining("before body parsers") })]);
    expect(seen).toEqual([]);
  });

  it.each([
    ["declared", "POST /api/auth/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 999\r\n\r\n"],
    [
      "chunked",
      `POST /api/auth/v1/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n${"x".repeat(100)}\r\n`,
    ],
  ])(
    "T-073: answers 413 to a %s body over the limit and hangs up, without waiting for the rest",
    async (_name, request) => {
      const { engine, seen } = fakeEngine();
      const { port } = await serve(express().use("/api/auth", toExpress(engine, { maxBodyBytes: 64 })));
      const answer = await raw(port, request);
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      expect(answer).toContain('"code":"payload_too_large"');
      expect(seen).toEqual([]);
    },
  );

  it("forgets a client that goes away while it is sending", async () => {
    const { engine, seen } = fakeEngine();
    const errors: unknown[] = [];
    const app = express().use("/api/auth", toExpress(engine));
    app.use((error: unknown, _req: express.Request, _res: express.Response, next: express.NextFunction) => {
      errors.push(error);
      next(error);
    });
    const { origin, port } = await serve(app);
    await new Promise<void>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.write("POST /api/auth/v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhalf", () =>
          socket.resetAndDestroy(),
        );
      });
      socket.on("error", () => undefined).on("close", () => resolve());
    });
    expect((await fetch(`${origin}/api/auth/v1/session`)).status).toBe(200);
    expect([errors, seen.length]).toEqual([[], 1]);
  });

  it("survives a client that goes away while the engine works, and lets the work finish", async () => {
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const { engine, seen } = fakeEngine(async () => {
      started.resolve();
      await gate.promise;
      return Response.json({});
    });
    const { origin } = await serve(express().use("/api/auth", toExpress(engine)));
    const abort = new AbortController();
    const call = fetch(`${origin}/api/auth/v1/session`, { signal: abort.signal }).catch(() => "gone");
    await started.promise;
    abort.abort();
    expect(await call).toBe("gone");
    gate.resolve();
    expect((await fetch(`${origin}/api/auth/v1/session`)).status).toBe(200);
    expect(seen).toHaveLength(2);
  });

  it.skipIf(isPlain)("streams an event stream as it comes", async () => {
    let push: ReadableStreamDefaultController<Uint8Array> | undefined;
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        push = controller;
      },
    });
    const { engine } = fakeEngine(() => new Response(stream, { headers: { "content-type": "text/event-stream" } }));
    const { origin } = await serve(express().use("/api/auth", toExpress(engine)));
    const response = await fetch(`${origin}/api/auth/v1/tail`);
    const reader = response.body?.getReader();
    push?.enqueue(new TextEncoder().encode("data: 1\n\n"));
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe("data: 1\n\n");
    push?.close();
    expect((await reader?.read())?.done).toBe(true);
  });

  it("passes what the engine throws to the application's error handler", async () => {
    const boom = new Error("boom");
    const { engine } = fakeEngine(() => Promise.reject(boom));
    const errors: unknown[] = [];
    const app = express().use("/api/auth", toExpress(engine));
    app.use((error: unknown, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
      errors.push(error);
      res.status(500).end();
    });
    const { origin } = await serve(app);
    expect((await fetch(`${origin}/api/auth/v1/session`)).status).toBe(500);
    expect(errors).toEqual([boom]);
  });

  it.each([
    "/api/auth/v1/../v1/session",
    "/api/auth/%2e%2e/x",
    "/api/auth/v1\\session",
    "/api/auth/v1/a#b",
    "/api/auth/\u00ff",
  ])("T-029: answers 400 to %s, which a URL parser would read as another path", async (path) => {
    const { engine, seen } = fakeEngine();
    const { port } = await serve(express().use(toExpress(engine)));
    const answer = await raw(port, `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(seen).toEqual([]);
  });

  it("T-042: hostile paths, methods, headers and bodies get an answer below 500 and never crash", async () => {
    const { engine } = fakeEngine();
    const { origin, port } = await serve(express().use(toExpress(engine)));
    const line = fc.string({ unit: "binary", maxLength: 40 }).map((text) => text.replaceAll(/[\r\n]/g, ""));
    const method = fc.constantFrom(
      "GET",
      "HEAD",
      "POST",
      "PUT",
      "PATCH",
      "DELETE",
      "OPTIONS",
      "TRACE",
      "PROPFIND",
      "QUERY",
    );
    const header = fc.constantFrom(
      "Authorization",
      "Cookie",
      "DPoP",
      "Content-Type",
      "Origin",
      "X-Forwarded-For",
      "Accept",
    );
    const property = fc.asyncProperty(
      method,
      line,
      fc.array(fc.tuple(header, line), { maxLength: 4 }),
      line,
      async (verb, path, headers, body) => {
        const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
        const length = Buffer.byteLength(body);
        const text = `${verb} /api/auth/${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines}Content-Length: ${length}\r\n\r\n${body}`;
        const status = /^HTTP\/1\.1 (\d+)/.exec(await raw(port, text))?.[1];
        expect(Number(status ?? 400)).toBeLessThan(500);
      },
    );
    await fc.assert(property, { numRuns: 150, seed: 42 });
    expect((await fetch(`${origin}/api/auth/v1/session`)).status).toBe(200);
  });
});
