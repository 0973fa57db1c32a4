// An attempt is finished by whoever began it: named by the tx cookie, or by `Segno-Browser` where there are no cookies.
import { createSoftwareAuthenticator } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSite, origin, type Site } from "../authenticators/site.double.js";

let site: Site;
beforeEach(async () => {
  site = await openSite();
});
afterEach(() => site.close());

const email = "ada@example.com";
const handle = /^[\w-]{43}$/;
interface Ceremony {
  readonly attemptId: string;
  readonly publicKey: { readonly challenge: string } & Record<string, unknown>;
}

/** Something that signs in, with or without a cookie jar. Every answer that names it is remembered, as an app does. */
interface Agent {
  call(path: string, body: object, headers?: Record<string, string>): Promise<{ status: number; body: never }>;
  readonly mode: "cookie" | "token";
}

function openApp(peer = "203.0.113.20") {
  let told = "new";
  const seen: string[] = [];
  return {
    mode: "token" as const,
    seen,
    handle: () => told,
    async call(path: string, body: object, headers: Record<string, string> = {}) {
      const request = new Request(`${origin}/api/auth${path}`, {
        method: "POST",
        headers: { "content-type": "application/json", "segno-browser": told, ...headers },
        body: JSON.stringify(body),
      });
      const response = await site.handler(request, { remoteAddress: peer });
      const given = response.headers.get("segno-browser");
      if (given !== null) seen.push((told = given));
      expect(response.headers.getSetCookie()).toEqual([]);
      const isJson = response.headers.get("content-type")?.includes("json");
      return { status: response.status, body: (isJson ? await response.json() : await response.text()) as never };
    },
  };
}

function openBrowser(): Agent {
  const browser = site.browser();
  return {
    mode: "cookie",
    call: (path, body, headers = {}) => browser.call<never>(path, body, { headers }),
  };
}

async function startMail(agent: Agent) {
  const started = await agent.call("/v1/email/start", { email });
  await site.queue.drain();
  const { text } = await site.mail.next(email);
  const { attemptId } = started.body as { attemptId: string };
  const code = text.replace(/https?:\S+/g, "").match(/\b\d{6}\b/)?.[0] ?? "";
  return { attemptId, code, token: text.match(/token=([\w-]+)/)?.[1] ?? "" };
}

const device = createSoftwareAuthenticator({ origin });
async function startPasskey(agent: Agent, path: "sign-up" | "sign-in") {
  const { attemptId, publicKey } = (await agent.call(`/v1/passkeys/${path}/options`, {})).body as Ceremony;
  const response = path === "sign-up" ? await device.create(publicKey as never) : await device.get(publicKey as never);
  return { attemptId, response, mode: agent.mode };
}

describe.each([
  ["a browser with cookies", openBrowser],
  ["an app without cookies", openApp],
])("T-041: a valid attempt begun by %s", (_name, open) => {
  const thieves = () => [openBrowser(), openApp()];

  it("T-041: is refused in another browser: code", async () => {
    const own = open();
    const { attemptId, code } = await startMail(own);
    for (const thief of thieves()) {
      await thief.call("/v1/passkeys/sign-in/options", {});
      const answer = await thief.call("/v1/email/verify", { attemptId, code, mode: thief.mode });
      expect(answer).toMatchObject({ status: 403, body: { code: "wrong_browser" } });
    }
    expect(await own.call("/v1/email/verify", { attemptId, code, mode: own.mode })).toMatchObject({
      status: 200,
      body: { status: "signed_in" },
    });
  });

  it("T-041 T-107: opens no session in another browser: link", async () => {
    const own = open();
    const { attemptId, code, token } = await startMail(own);
    for (const thief of thieves()) {
      const answer = await thief.call("/v1/email/link", { token });
      expect(answer.status).toBe(200);
    }
    expect(await site.store.db.selectFrom("segno_sessions").selectAll().execute()).toEqual([]);
    expect((await own.call("/v1/email/verify", { attemptId, code, mode: own.mode })).status).toBe(200);
  });

  it("T-041: is refused in another browser: passkey", async () => {
    const own = open();
    const up = await startPasskey(own, "sign-up");
    for (const thief of thieves()) {
      const answer = await thief.call("/v1/passkeys/sign-up/verify", { ...up, mode: thief.mode });
      expect(answer).toMatchObject({ status: 403, body: { code: "wrong_browser" } });
    }
    expect((await own.call("/v1/passkeys/sign-up/verify", up)).status).toBe(200);
    // An attacker's own valid assertion, put into somebody else's browser, signs nobody in.
    const attack = await startPasskey(own, "sign-in");
    for (const victim of thieves()) {
      const answer = await victim.call("/v1/passkeys/sign-in/verify", { ...attack, mode: victim.mode });
      expect(answer).toMatchObject({ status: 403, body: { code: "wrong_browser" } });
    }
    expect((await own.call("/v1/passkeys/sign-in/verify", attack)).status).toBe(200);
  });
});

describe("Segno-Browser", () => {
  it("is made by the service, told once, and stays the same for later attempts", async () => {
    const app = openApp();
    await startMail(app);
    expect(app.seen).toHaveLength(1);
    expect(app.seen[0]).toMatch(handle);
    const { attemptId, code } = await startMail(app);
    expect(app.seen).toHaveLength(1);
    expect((await app.call("/v1/email/verify", { attemptId, code, mode: "token" })).status).toBe(200);
  });

  it("is told to nobody who did not ask, and never tells what the cookie holds", async () => {
    const browser = site.browser();
    const plain = await browser.call("/v1/email/start", { email });
    expect(plain.headers.get("segno-browser")).toBeNull();
    const cookie = /segno\.tx=([\w-]+)/.exec(plain.headers.getSetCookie().join())?.[1];
    expect(cookie).toMatch(handle);
    const asked = await browser.call("/v1/email/start", { email }, { headers: { "segno-browser": "new" } });
    expect(asked.headers.get("segno-browser")).toMatch(handle);
    expect(asked.headers.get("segno-browser")).not.toBe(cookie);
    expect(asked.headers.getSetCookie()).toEqual([]);
  });

  it("takes the cookie out of play: with a header that does not fit, a fitting cookie is worth nothing", async () => {
    const browser = site.browser();
    const { attemptId, code } = await startMail({
      mode: "cookie",
      call: (path, body) => browser.call<never>(path, body),
    });
    for (const wrong of ["new", "", "x".repeat(43), "a, b", `${"x".repeat(43)}, ${"x".repeat(43)}`]) {
      const answer = await browser.call(
        "/v1/email/verify",
        { attemptId, code },
        { headers: { "segno-browser": wrong } },
      );
      expect(answer.body).toMatchObject({ code: "wrong_browser" });
    }
    expect((await browser.call("/v1/email/verify", { attemptId, code })).status).toBe(200);
  });

  it.each([
    ["another site", { origin: "https://evil.example", "sec-fetch-site": "cross-site" }],
    ["an opaque origin", { origin: "null" }],
    ["a sibling site", { "sec-fetch-site": "same-site" }],
    ["a browser that names no origin", { cookie: "other=1" }],
  ])("opens no way around the origin check: %s", async (_name, headers: Record<string, string>) => {
    const app = openApp();
    const { attemptId, code } = await startMail(app);
    const answer = await app.call("/v1/email/verify", { attemptId, code, mode: "token" }, headers);
    expect(answer).toMatchObject({ status: 403, body: { code: "origin_not_allowed" } });
    const started = await app.call("/v1/email/start", { email: "eve@example.com" }, headers);
    expect(started.status).toBe(403);
    expect((await app.call("/v1/email/verify", { attemptId, code, mode: "token" })).status).toBe(200);
  });

  it("is handed out to no failed request", async () => {
    const app = openApp();
    expect((await app.call("/v1/email/start", { email: "no address" })).status).toBe(400);
    expect(app.seen).toEqual([]);
  });

  it("is stored as a hash", async () => {
    const app = openApp();
    await startMail(app);
    const rows = JSON.stringify(await site.store.db.selectFrom("segno_attempts").selectAll().execute());
    expect(rows).not.toContain(app.handle());
  });
});
