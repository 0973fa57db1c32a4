// Whole engines against input that other systems fell over: every route of the OpenAPI document, every credential in
// every place, every address in every spelling.
import { createTestSegno, type TestBrowser, type TestSegno } from "@segno/testing";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { testDatabases } from "../test/stores.js";

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Schema }>> };
}
interface Schema {
  readonly properties?: Readonly<Record<string, { readonly type?: string; readonly enum?: readonly string[] }>>;
}
interface Route {
  readonly method: string;
  readonly path: string;
  readonly id: string;
  readonly fields: readonly string[];
}

const uuid = "01890000-0000-7000-8000-000000000000";
const origin = "https://app.example.com";
const opened: TestSegno[] = [];
async function open(options: Parameters<typeof createTestSegno>[0] = {}): Promise<TestSegno> {
  const test = await createTestSegno({ rateLimit: false, ...options });
  opened.push(test);
  return test;
}
afterEach(async () => {
  for (const test of opened.splice(0)) await test.close();
});

/** Routes that take JSON, with the fields whose value is no object. */
async function jsonRoutes(test: TestSegno): Promise<readonly Route[]> {
  const { paths }: { paths: Record<string, Record<string, Operation>> } = await (
    await test.fetch("/api/auth/openapi.json")
  ).json();
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { operationId, requestBody }]) => {
      const schema = requestBody?.content["application/json"]?.schema;
      if (schema === undefined) return [];
      const fields = Object.entries(schema.properties ?? {}).filter(([name]) => name !== "response");
      return [
        {
          method: method.toUpperCase(),
          path: path.replace("{id}", uuid),
          id: operationId,
          fields: fields.map(([name]) => name),
        },
      ];
    }),
  );
}

const sendText = (
  browser: TestBrowser,
  { method, path }: Pick<Route, "method" | "path">,
  body: string,
  type?: string,
) =>
  browser.fetch(`/api/auth${path}`, {
    method,
    headers: { "content-type": type ?? "application/json", origin },
    body,
  });

describe("bodies, on every route", () => {
  it("T-008: a list, an object, a number or a second value for a field is refused, and nobody gets a mail", async () => {
    const test = await open();
    const { browser, user } = await test.signInAs("ada@example.com");
    await test.settle();
    test.mail.clear();
    const value = JSON.stringify("eve@evil.example");
    let tried = 0;
    for (const route of await jsonRoutes(test)) {
      for (const field of route.fields) {
        const name = JSON.stringify(field);
        for (const text of [
          `{${name}:[${value}]}`,
          `{${name}:["ada@example.com",${value}]}`,
          `{${name}:{"0":${value}}}`,
          `{${name}:7}`,
          `{${name}:${value},${name}:"ada@example.com"}`,
          `{${name}:"ada@example.com",${name}:${value}}`,
        ]) {
          const { status } = await sendText(browser, route, text);
          expect(status, `${route.id} ${text}`).toBe(400);
          tried += 1;
        }
      }
    }
    expect(tried).toBeGreaterThan(100);
    for (const path of ["/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"]) {
      for (const field of ["token", "refresh_token", "grant_type", "client_id"]) {
        const type = "application/x-www-form-urlencoded";
        const { status } = await sendText(browser, { method: "POST", path }, `${field}=a&${field}=b`, type);
        expect([400, 401], `${path} ${field}`).toContain(status);
      }
    }
    await test.settle();
    expect(test.mail.messages).toEqual([]);
    expect((await browser.call<{ user: { id: string } }>("/v1/session")).body.user.id).toBe(user.id);
  });

  it("T-071: whatever depth and company a name of the language has, it is refused and changes nothing", async () => {
    const test = await open();
    const { browser } = await test.signInAs("ada@example.com");
    const routes = await jsonRoutes(test);
    const inherited = Object.getOwnPropertyNames(Object.prototype).sort();
    const name = fc.constantFrom("__proto__", "constructor", "prototype", "\\u005f_proto__", "const\\u0072uctor");
    const payload = fc.constantFrom('{"polluted":1}', "null", "1", '{"prototype":{"polluted":1}}');
    const around = fc.array(fc.constantFrom("list", "object", "beside"), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(name, payload, around, fc.nat(), async (key, value, wraps, index) => {
        const route = routes[index % routes.length];
        if (route === undefined) return;
        let text = `{"${key}":${value}}`;
        for (const wrap of wraps) {
          text = wrap === "list" ? `[${text}]` : wrap === "object" ? `{"a":${text}}` : `{"a":1,"b":${text}}`;
        }
        if (!text.startsWith("{")) text = `{"a":${text}}`;
        const { status } = await sendText(browser, route, text);
        expect(status, `${route.id} ${text}`).toBe(400);
        expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(inherited);
        expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
      }),
      { numRuns: 400 },
    );
    for (const text of ["__proto__=x", "__proto__[polluted]=1", "constructor[prototype][polluted]=1"]) {
      const type = "application/x-www-form-urlencoded";
      const path = `/oauth2/token?${text}`;
      expect((await sendText(browser, { method: "POST", path }, text, type)).status).toBeLessThan(500);
      expect((await browser.fetch(`/api/auth/v1/email/link?${text}&token=x`)).status).toBeLessThan(500);
    }
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(inherited);
  });

  it("T-073: bytes, depth, members and items are bounded on each, before anything is done with them", async () => {
    const test = await open();
    const { browser } = await test.signInAs("ada@example.com");
    const before = await test.dump();
    const many = Array.from({ length: 1_000 }, (_, index) => `"k${index}":1`).join();
    for (const route of await jsonRoutes(test)) {
      const field = JSON.stringify(route.fields[0] ?? "a");
      for (const [text, expected] of [
        [`{${field}:"${"a".repeat(1_000_000)}"}`, 413],
        [`{${field}:${"[".repeat(4_000)}${"]".repeat(4_000)}}`, 400],
        [`{${many}}`, 400],
        [`{${field}:[${"0,".repeat(5_000)}0]}`, 400],
      ] as const) {
        expect((await sendText(browser, route, text)).status, `${route.id} ${text.slice(0, 30)}`).toBe(expected);
      }
    }
    expect(await test.dump()).toBe(before);
  });
});

describe("addresses of mail", () => {
  const separators = [
    ",",
    ";",
    " ",
    "|",
    "\n",
    "\r\n",
    "\t",
    "%0a",
    "%2c",
    "&",
    "+",
    "/",
    "\\",
    ">,<",
    "\uff0c",
    "\uff1b",
  ];
  const more = [
    "\u3001",
    "\u060c",
    "\u200b",
    "\u202e",
    "\u2028",
    "\u0000",
    "@",
    "\uff20",
    "%00",
    "%20",
    ":",
    "(",
    "\u00a0",
  ];
  const [ada, eve] = ["ada@example.com", "eve@evil.example"];
  const shapes = [...separators, ...more].flatMap((mark) => [
    `${ada}${mark}${eve}`,
    `${eve}${mark}${ada}`,
    `<${ada}>${mark}<${eve}>`,
    `"${ada}"${mark}${eve}`,
    `Ada <${ada}>${mark} ${eve}`,
    `${ada}${mark}cc:${eve}`,
    `${ada}${mark}Bcc: ${eve}`,
  ]);

  it("T-009: of 200 ways to name two mailboxes none reaches the second, or more than one", async () => {
    const test = await open();
    expect(new Set(shapes).size).toBeGreaterThanOrEqual(200);
    for (const email of shapes) {
      test.mail.clear();
      const { status } = await test.browser().call("/v1/email/start", { email });
      await test.settle();
      expect([202, 400], email).toContain(status);
      expect(test.mail.messages.length, email).toBe(status === 202 ? 1 : 0);
      for (const { to } of test.mail.messages) {
        expect(to, email).toMatch(/^[^\s,;:<>()[\]"\\@]+@[a-z0-9.-]+$/);
        expect([ada, eve], email).not.toContain(to);
      }
    }
  });
});

describe("the name of the host", () => {
  it("T-033: the first request after start, with a hostile host, poisons neither mail, link, cookie, issuer nor key set", async () => {
    const test = await open();
    const headers = {
      host: "evil.example",
      "x-forwarded-host": "evil.example",
      "x-forwarded-server": "evil.example",
      "x-host": "evil.example",
      forwarded: "host=evil.example;proto=http",
      "x-forwarded-proto": "http",
      "x-forwarded-port": "8080",
      "x-original-host": "evil.example",
    };
    const seen: string[] = [];
    const send = async (path: string, init: RequestInit = {}) => {
      const url = `http://evil.example${path}`;
      const response = await test.segno.handler(
        new Request(url, { ...init, headers: { ...headers, origin, ...init.headers } }),
        { remoteAddress: "203.0.113.9" },
      );
      seen.push(await response.clone().text(), JSON.stringify([...response.headers]));
      return response;
    };
    const json = { "content-type": "application/json" };
    const post = (path: string, body: object, more: Record<string, string> = {}) =>
      send(path, { method: "POST", headers: { ...json, ...more }, body: JSON.stringify(body) });
    const started = await post("/api/auth/v1/email/start", { email: "ada@example.com", returnTo: "/a" });
    const cookie = (answer: Response) =>
      answer.headers
        .getSetCookie()
        .map((line) => line.split(";")[0])
        .join("; ");
    const token = new URL(await test.mail.nextLink("ada@example.com")).searchParams.get("token");
    const signedIn = await post("/api/auth/v1/email/link", { token }, { cookie: cookie(started) });
    expect([signedIn.status, signedIn.headers.get("location")]).toEqual([303, "/a"]);
    const access = await post("/api/auth/v1/session/token", {}, { cookie: cookie(signedIn) });
    const { accessToken }: { accessToken: string } = await access.json();
    const claims = JSON.parse(Buffer.from(accessToken.split(".")[1] ?? "", "base64url").toString());
    expect(claims).toMatchObject({ iss: origin, aud: origin });
    for (const path of [
      "/.well-known/openid-configuration",
      "/.well-known/jwks.json",
      "/api/auth/openapi.json",
      "/api/auth/v1/email/link?token=x",
      "/api/auth/nothing",
    ]) {
      await send(path);
    }
    for (const { text, html, subject } of test.mail.messages) seen.push(text, html, subject);
    const all = seen.join("\n");
    expect(all).not.toContain("evil.example");
    expect(all).not.toMatch(/http:\/\/app\.example\.com|:8080/);
    expect(all).not.toMatch(/domain=/i);
    expect(signedIn.headers.getSetCookie().join()).toContain("; Secure");
  });

  it("T-030: no forwarded path or method changes which route answers, also not from a listed proxy", async () => {
    const test = await open({ clientIp: { source: "forwarded", trustedProxies: ["203.0.113.9"] } });
    const { browser } = await test.signInAs("ada@example.com");
    const cookie = browser.cookies.header(new URL(origin)) ?? "";
    for (const remoteAddress of ["203.0.113.9", "198.51.100.7"]) {
      for (const [name, value] of [
        ["x-forwarded-uri", "/api/auth/health/live"],
        ["x-original-uri", "/api/auth/health/live"],
        ["x-original-url", "/api/auth/health/live"],
        ["x-rewrite-url", "/api/auth/health/live"],
        ["x-forwarded-path", "/api/auth/health/live"],
        ["x-forwarded-prefix", "/evil"],
        ["x-http-method-override", "DELETE"],
        ["x-http-method", "DELETE"],
        ["x-method-override", "DELETE"],
        ["x-forwarded-method", "GET"],
        ["x-middleware-subrequest", "middleware"],
        ["x_forwarded_for", "127.0.0.1"],
      ] as const) {
        const answer = async (path: string, more: Record<string, string>) =>
          (
            await test.segno.handler(new Request(`${origin}${path}`, { headers: { [name]: value, ...more } }), {
              remoteAddress,
            })
          ).status;
        expect(await answer("/api/auth/v1/user", {}), name).toBe(401);
        expect(await answer("/api/auth/v1/user", { cookie }), name).toBe(200);
        expect(await answer("/api/auth/v1/nothing", { cookie }), name).toBe(404);
      }
    }
  });
});

describe("limits by the client's address", () => {
  /** Mails asked for from one place: 30 in ten minutes. */
  async function mailsFrom(test: TestSegno, requests: readonly [string, Record<string, string>][]): Promise<number> {
    let sent = 0;
    for (const [index, [remoteAddress, headers]] of requests.entries()) {
      const request = new Request(`${origin}/api/auth/v1/email/start`, {
        method: "POST",
        headers: { origin, "content-type": "application/json", ...headers },
        body: JSON.stringify({ email: `u${index}@example.com` }),
      });
      if ((await test.segno.handler(request, { remoteAddress })).status === 202) sent += 1;
    }
    return sent;
  }

  it("T-034: 40 addresses of one /64, and 12 spellings of one address, share a budget", async () => {
    const test = await open({ rateLimit: true });
    const rotated = Array.from({ length: 40 }, (_, index): [string, Record<string, string>] => [
      `2001:db8:1:2:${index.toString(16)}::${index}`,
      {},
    ]);
    expect(await mailsFrom(test, rotated)).toBe(30);
    const spellings = [
      "2001:db8:0:0:8:800:200c:417a",
      "2001:DB8::8:800:200C:417A",
      "2001:0db8:0000:0000:0008:0800:200c:417a",
      "2001:db8::8:800:32.12.65.122",
      "2001:db8::8:800:200c:417a%eth0",
      "2001:db8:0::8:800:200c:417a",
    ];
    const spelled = Array.from({ length: 42 }, (_, index): [string, Record<string, string>] => [
      spellings[index % spellings.length] ?? "",
      {},
    ]);
    expect(await mailsFrom(test, spelled)).toBe(30);
  });

  it("T-035: inventing entries on the left of X-Forwarded-For gives no new budget", async () => {
    const clientIp = { source: "forwarded", trustedProxies: ["10.0.0.0/8"] } as const;
    const invented = (remoteAddress: string, last: string) =>
      Array.from({ length: 40 }, (_, index): [string, Record<string, string>] => [
        remoteAddress,
        { "x-forwarded-for": `192.0.2.${index}, ${last}` },
      ]);
    expect(await mailsFrom(await open({ rateLimit: true, clientIp }), invented("10.0.0.1", "203.0.113.9"))).toBe(30);
    expect(await mailsFrom(await open({ rateLimit: true, clientIp }), invented("203.0.113.9", "192.0.2.1"))).toBe(30);
  });

  // production takes no database in memory
  const durable = testDatabases.find(({ name, skipped }) => skipped === undefined && name !== "sqlite memory");
  it.skipIf(durable === undefined)(
    "T-035: in production everybody whose address cannot be told shares one strict budget",
    async () => {
      const database = await durable?.create();
      if (database === undefined) return;
      const test = await open({
        database: database.source(),
        email: { send: async () => {} },
        rateLimit: true,
        production: true,
        clientIp: { source: "header", header: "cf-connecting-ip" },
      });
      const odd = ["", "unknown", "garbage", "1.2.3.4, 5.6.7.8", "0x7f.1", "999.1.1.1"];
      const requests = Array.from({ length: 45 }, (_, index): [string, Record<string, string>] => [
        `198.51.100.${index}`,
        index % 7 === 6 ? {} : { "cf-connecting-ip": odd[index % 7] ?? "" },
      ]);
      expect(await mailsFrom(test, requests)).toBe(30);
      await opened.pop()?.close();
      await database.drop();
    },
  );
});

describe("credentials in the wrong place", () => {
  let test: TestSegno;
  const unhandled: unknown[] = [];
  const onRejection = (reason: unknown) => void unhandled.push(reason);
  beforeAll(async () => {
    process.on("unhandledRejection", onRejection);
    test = await createTestSegno({ rateLimit: false });
  });
  afterAll(async () => {
    process.off("unhandledRejection", onRejection);
    await test.close();
  });

  it("T-065: every credential opens its own door and no other", async () => {
    const ada = await test.signInAs("ada@example.com");
    const { accessToken, refreshToken } = await ada.tokens();
    const session = ada.browser.cookies.get("__Host-segno.sid") ?? "";
    const handle = ada.browser.cookies.get("__Host-segno.tx") ?? "";
    const known = ada.browser.cookies.get("__Host-segno.known") ?? "";
    const { body: mailed } = await ada.browser.call<{ attemptId: string }>("/v1/email/start", {
      email: "ada@example.com",
    });
    const link = new URL(await test.mail.nextLink("ada@example.com")).searchParams.get("token") ?? "";
    const { body: step } = await ada.browser.call<{ attemptId: string }>("/v1/passkeys/sign-in/options", {});
    const things = {
      session,
      accessToken,
      refreshToken,
      handle,
      known,
      link,
      mailed: mailed.attemptId,
      step: step.attemptId,
    };
    const form = (path: string, fields: Record<string, string>) =>
      test.fetch(`/api/auth${path}`, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ client_id: "segno", ...fields }).toString(),
      });
    const doors: Record<string, (thing: string) => Promise<boolean>> = {
      session: async (thing) =>
        (await test.fetch("/api/auth/v1/user", { headers: { cookie: `__Host-segno.sid=${thing}` } })).ok,
      accessToken: async (thing) =>
        (await test.fetch("/api/auth/v1/user", { headers: { authorization: `Bearer ${thing}` } })).ok,
      link: async (thing) => {
        const body = JSON.stringify({ token: thing });
        const headers = { "content-type": "application/json", "segno-browser": handle, origin };
        return (await test.fetch("/api/auth/v1/email/link", { method: "POST", headers, body })).status === 303;
      },
      refreshToken: async (thing) =>
        (await form("/oauth2/token", { grant_type: "refresh_token", refresh_token: thing })).ok,
    };
    for (const [door, tryAt] of Object.entries(doors)) {
      for (const [kind, thing] of Object.entries(things)) {
        if (kind !== door) expect([door, kind, await tryAt(thing)]).toEqual([door, kind, false]);
      }
    }
    for (const [door, tryAt] of Object.entries(doors)) {
      expect([door, await tryAt(things[door as keyof typeof things])]).toEqual([door, true]);
    }
  });

  it("T-042: half-right headers, cookies and queries get an answer below 500, and no rejection is lost", async () => {
    const { browser } = await test.signInAs("eve@example.com");
    const { body } = await browser.call<{ accessToken: string }>("/v1/session/token", {});
    const latin = fc
      .string({ unit: fc.integer({ min: 0x21, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 60 })
      .map((text) => text.trim());
    const cut = fc.nat(body.accessToken.length).map((at) => body.accessToken.slice(0, at));
    const value = fc.oneof(
      latin,
      cut,
      fc.constantFrom("", ".", "..", "e30.e30.", "bnVsbA.bnVsbA.AA", "a".repeat(9_000)),
    );
    const scheme = fc.constantFrom("Bearer", "bearer", "DPoP", "Basic", "Digest", "", "Bearer Bearer", "Bearer,");
    await fc.assert(
      fc.asyncProperty(scheme, value, value, latin, async (word, credential, other, text) => {
        for (const [path, init] of [
          ["/v1/session", {}],
          ["/v1/user", {}],
          [
            "/oauth2/token",
            { method: "POST", body: `grant_type=refresh_token&refresh_token=${encodeURIComponent(other)}` },
          ],
          ["/oauth2/introspect", { method: "POST", body: `token=${encodeURIComponent(other)}` }],
          [`/v1/email/link?token=${encodeURIComponent(other)}&token=${encodeURIComponent(text)}`, {}],
        ] as const) {
          const response = await test.fetch(`/api/auth${path}`, {
            ...init,
            headers: {
              authorization: `${word} ${credential}`.trim(),
              cookie: `__Host-segno.sid=${other.replaceAll(";", "")}; __Host-segno.known=${text.replaceAll(";", "")}`,
              dpop: other,
              "segno-browser": text,
              ...("body" in init ? { "content-type": "application/x-www-form-urlencoded" } : {}),
            },
          });
          expect(response.status).toBeLessThan(500);
          await response.text();
        }
      }),
      { numRuns: 200 },
    );
    await new Promise((resolve) => setImmediate(resolve));
    expect(unhandled).toEqual([]);
  });
});
