import { afterEach, describe, expect, it } from "vitest";
import { openSite, type Site, type SiteOptions } from "../site.double.js";

const sites: Site[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});
async function open(options?: SiteOptions): Promise<Site> {
  const site = await openSite(options);
  sites.push(site);
  return site;
}
const link = (url: string) => new URL(url).searchParams.get("token") ?? "";
interface Started {
  attemptId: string;
  expiresInSeconds: number;
  codeLength: number;
}

async function start(site: Site, email: string, browser = site.browser(), body: object = {}) {
  const answer = await browser.call<Started>("/v1/email/start", { email, ...body });
  await site.queue.drain();
  const to = email.trim().toLowerCase();
  const message = site.mail.messages.findLast((sent) => sent.to === to && !sent.subject.includes("Wrong codes"));
  return { browser, answer, attemptId: answer.body.attemptId, message };
}
const codeOf = (text: string | undefined) => text?.replace(/https?:\S+/g, "").match(/\b\d{6}\b/)?.[0] ?? "";
const tokenOf = (text: string | undefined) => link(text?.match(/https?:\S+token=\S+/)?.[0] ?? "https://x");
const wrong = (code: string) => (code === "000000" ? "000001" : "000000");

async function post(browser: ReturnType<Site["browser"]>, token: string, init: RequestInit = {}) {
  return browser.fetch("/api/auth/v1/email/link", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ token }).toString(),
    ...init,
  });
}

describe("email sign-in", () => {
  it("signs up and in by code, with link and code in one mail", async () => {
    const site = await open();
    const { browser, answer, attemptId, message } = await start(site, "Ada@Example.com", undefined, {
      displayName: "Ada",
    });
    expect(answer.status).toBe(202);
    expect(answer.body).toEqual({ attemptId, expiresInSeconds: 600, codeLength: 6 });
    expect(message?.to).toBe("ada@example.com");
    expect(tokenOf(message?.text)).toMatch(/^[\w-]{43}$/);
    const signedIn = await browser.call("/v1/email/verify", { attemptId, code: codeOf(message?.text) });
    expect(signedIn.status).toBe(200);
    expect(signedIn.body).toMatchObject({
      status: "signed_in",
      isNewUser: true,
      user: { displayName: "Ada", email: "ada@example.com", emailVerified: true, status: "active", missing: [] },
      session: { current: true, acr: "aal1", amr: ["otp"], deviceName: "Chrome on macOS" },
    });
    expect((await browser.call("/v1/user")).status).toBe(200);
    const types = (await site.events()).map(({ type }) => type);
    expect(types).toEqual([
      "attempt.started",
      "email.challenge_sent",
      "user.created",
      "email.verified",
      "session.created",
      "login.success",
    ]);
    const again = await start(site, "ada@example.com");
    const second = await again.browser.call("/v1/email/verify", {
      attemptId: again.attemptId,
      code: codeOf(again.message?.text),
    });
    expect(second.body).toMatchObject({ isNewUser: false, user: { id: (signedIn.body.user as { id: string }).id } });
  });
  it("T-097: takes a code with blanks and hyphens, refuses other shapes without counting a try", async () => {
    const site = await open();
    const { browser, attemptId, message } = await start(site, "ada@example.com");
    const code = codeOf(message?.text);
    for (const bad of ["12345", "1234567", "abcdef", ""]) {
      expect((await browser.call("/v1/email/verify", { attemptId, code: bad })).body).toMatchObject({
        code: "invalid_input",
      });
    }
    const typed = ` ${code.slice(0, 3)} - ${code.slice(3)} `;
    expect((await browser.call("/v1/email/verify", { attemptId, code: typed })).status).toBe(200);
  });
  it("T-096: the sixth try fails even if right, and tries count before the comparison", async () => {
    const site = await open();
    const { browser, attemptId, message } = await start(site, "ada@example.com");
    const code = codeOf(message?.text);
    const tries = await Promise.all(
      Array.from({ length: 20 }, () => browser.call("/v1/email/verify", { attemptId, code: wrong(code) })),
    );
    expect(tries.filter(({ body }) => body.code === "wrong_code")).toHaveLength(5);
    expect(tries.filter(({ body }) => body.code === "attempt_expired")).toHaveLength(15);
    expect((await browser.call("/v1/email/verify", { attemptId, code })).body).toMatchObject({
      code: "attempt_expired",
    });
    const reasons = (await site.events()).filter(({ type }) => type === "login.failure").map(({ data }) => data.reason);
    expect(reasons.filter((reason) => reason === "wrong_code")).toHaveLength(5);
    expect(reasons.filter((reason) => reason === "too_many_tries")).toHaveLength(16);
    expect((await site.events()).filter(({ type }) => type === "risk.alert")).toHaveLength(1);
    await site.queue.drain();
    expect(site.mail.messages.at(-1)).toMatchObject({
      to: "ada@example.com",
      subject: expect.stringContaining("Wrong codes"),
    });
  });
  it("T-095: the guessing budget of an address holds across attempts; link and time still open the door", async () => {
    const site = await open({ rateLimit: true });
    let guesses = 0;
    let limited = 0;
    for (let round = 0; round < 6; round += 1) {
      const browser = site.browser({ remoteAddress: `198.51.100.${round}` });
      const started = await start(site, "ada@example.com", browser);
      if (started.answer.status === 429) site.clock.advance({ seconds: 121 });
      const { attemptId, message } =
        started.answer.status === 429 ? await start(site, "ada@example.com", browser) : started;
      for (let index = 0; index < 5; index += 1) {
        const { body } = await browser.call("/v1/email/verify", { attemptId, code: wrong(codeOf(message?.text)) });
        if (body.code === "wrong_code") guesses += 1;
        if (body.code === "rate_limited") limited += 1;
      }
    }
    expect(guesses).toBeLessThanOrEqual(22);
    expect(guesses).toBeGreaterThanOrEqual(20);
    expect(limited).toBeGreaterThanOrEqual(8);
    site.clock.advance({ seconds: 300 });
    const victim = await start(site, "ada@example.com");
    expect((await post(victim.browser, tokenOf(victim.message?.text))).status).toBe(303);
    site.clock.advance({ hours: 1 });
    const later = await start(site, "ada@example.com");
    const code = codeOf(later.message?.text);
    expect((await later.browser.call("/v1/email/verify", { attemptId: later.attemptId, code })).status).toBe(200);
  });
  it("T-108: a new mail voids the older ones; address and place have budgets", async () => {
    const site = await open({ rateLimit: true });
    const first = await start(site, "ada@example.com");
    const second = await start(site, "ADA@example.com ", first.browser);
    const old = { attemptId: first.attemptId, code: codeOf(first.message?.text) };
    expect((await first.browser.call("/v1/email/verify", old)).body).toMatchObject({ code: "attempt_expired" });
    expect((await post(first.browser, tokenOf(first.message?.text))).status).toBe(400);
    expect(second.message).toBeDefined();
    const statuses = [];
    for (let index = 0; index < 5; index += 1) {
      const browser = site.browser({ remoteAddress: `198.51.100.${index}` });
      statuses.push((await browser.call("/v1/email/start", { email: "ada@example.com" })).status);
    }
    expect(statuses).toEqual([202, 202, 202, 202, 202]);
    const spray = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        first.browser.call("/v1/email/start", { email: `u${index}@example.com` }),
      ),
    );
    expect(spray.filter(({ status }) => status === 202)).toHaveLength(28);
    await site.queue.drain();
    expect(site.mail.messages.filter(({ to }) => to === "ada@example.com")).toHaveLength(7);
  });
  it("expires after 10 minutes", async () => {
    const site = await open();
    const { browser, attemptId, message } = await start(site, "ada@example.com");
    site.clock.advance({ seconds: 600 });
    const late = await browser.call("/v1/email/verify", { attemptId, code: codeOf(message?.text) });
    expect(late.body).toMatchObject({ code: "attempt_expired" });
    expect((await post(browser, tokenOf(message?.text))).status).toBe(400);
  });
  it("refuses the code in a browser that did not ask, without using up a try", async () => {
    const site = await open();
    const { browser, attemptId, message } = await start(site, "ada@example.com");
    const code = codeOf(message?.text);
    const other = site.browser();
    await other.call("/v1/passkeys/sign-in/options", {});
    for (let index = 0; index < 10; index += 1) {
      const answer = await other.call("/v1/email/verify", { attemptId, code });
      expect(answer).toMatchObject({ status: 403, body: { code: "wrong_browser" } });
    }
    expect((await site.browser().call("/v1/email/verify", { attemptId, code })).body).toMatchObject({
      code: "wrong_browser",
    });
    expect((await browser.call("/v1/email/verify", { attemptId, code })).status).toBe(200);
  });
  it("answers in token mode without a cookie", async () => {
    const site = await open();
    const { browser, attemptId, message } = await start(site, "ada@example.com");
    const answer = await browser.call("/v1/email/verify", { attemptId, code: codeOf(message?.text), mode: "token" });
    expect(answer.body).toMatchObject({
      status: "signed_in",
      tokens: {
        tokenType: "Bearer",
        accessToken: expect.stringMatching(/^ey/),
        refreshToken: expect.stringMatching(/^segno_rt_/),
      },
    });
    expect(answer.headers.getSetCookie().join()).not.toContain("segno.sid");
  });
  it("T-001 T-007 T-008: refuses fields that are not the client's to set, lists and objects", async () => {
    const site = await open();
    const browser = site.browser();
    for (const extra of [{ userId: "x" }, { verified: true }, { role: "admin" }, { emailVerified: true }]) {
      expect((await browser.call("/v1/email/start", { email: "ada@example.com", ...extra })).status).toBe(400);
    }
    for (const email of [
      ["ada@example.com"],
      ["ada@example.com", "eve@evil.com"],
      { value: "ada@example.com" },
      "ada@example.com,eve@evil.com",
    ]) {
      expect((await browser.call("/v1/email/start", { email })).body).toMatchObject({
        status: 400,
        code: "invalid_input",
      });
    }
    await site.queue.drain();
    expect(site.mail.messages).toHaveLength(0);
  });
  it("R101: no address, code or link in any event or in the attempts and limits tables", async () => {
    const site = await open({ rateLimit: true });
    const { browser, attemptId, message } = await start(site, "secret.person@example.com", undefined, {
      displayName: "Zaphod",
    });
    const code = codeOf(message?.text);
    await browser.call("/v1/email/verify", { attemptId, code: wrong(code) });
    await browser.call("/v1/email/verify", { attemptId, code });
    const events = (await site.events()).map(({ raw }) => raw).join("\n");
    const limits = JSON.stringify(await site.store.db.selectFrom("segno_rate_limits").selectAll().execute());
    expect(events + limits).not.toMatch(/secret\.person|Zaphod/i);
    const dump =
      events + limits + JSON.stringify(await site.store.db.selectFrom("segno_attempts").selectAll().execute());
    expect(dump).not.toContain(`"${code}"`);
    expect(dump).not.toContain(tokenOf(message?.text));
  });
});

describe("email link", () => {
  it("T-049, T-050, T-106: five prefetches by GET and HEAD change nothing, then the button signs in", async () => {
    const site = await open();
    const { browser, message } = await start(site, "ada@example.com", undefined, { returnTo: "/orders?id=1#top" });
    const token = tokenOf(message?.text);
    const before = JSON.stringify(await site.store.db.selectFrom("segno_attempts").selectAll().execute());
    for (const method of ["GET", "HEAD", "GET", "HEAD", "GET"]) {
      const scanner = site.browser();
      const page = await scanner.fetch(`/api/auth/v1/email/link?token=${token}`, { method });
      expect(page.status).toBe(200);
      expect(page.headers.getSetCookie()).toEqual([]);
      expect(page.headers.get("content-security-policy")).toContain("frame-ancestors 'none'");
      expect(page.headers.get("cache-control")).toBe("no-store");
      expect(page.headers.get("referrer-policy")).toBe("same-origin");
      const html = await page.text();
      if (method === "GET") {
        expect(html).toContain('<form method="post"');
        expect(html).not.toMatch(/<script|\son\w+=|https?:/i);
      }
    }
    expect(JSON.stringify(await site.store.db.selectFrom("segno_attempts").selectAll().execute())).toBe(before);
    const done = await post(browser, token);
    expect(done.status).toBe(303);
    expect(done.headers.get("location")).toBe("/orders?id=1#top");
    expect((await browser.call("/v1/session")).body).toMatchObject({ session: { amr: ["link"], acr: "aal1" } });
    expect((await post(browser, token)).status).toBe(400);
  });
  it("T-107: another browser gets the code and no session; nothing is used up", async () => {
    const site = await open();
    const { browser, attemptId, message } = await start(site, "ada@example.com");
    const token = tokenOf(message?.text);
    const phone = site.browser();
    for (let index = 0; index < 3; index += 1) {
      const page = await post(phone, token);
      expect(page.status).toBe(200);
      expect(page.headers.getSetCookie()).toEqual([]);
      expect(await page.text()).toContain(codeOf(message?.text));
    }
    expect((await phone.call("/v1/session")).body).toEqual({ session: null, user: null });
    const typed = await browser.call("/v1/email/verify", { attemptId, code: codeOf(message?.text) });
    expect(typed.status).toBe(200);
    expect((await post(phone, token)).status).toBe(400);
  });
  it("takes no link posted by another site", async () => {
    const site = await open();
    const { browser, message } = await start(site, "ada@example.com");
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      origin: "https://evil.example",
      "sec-fetch-site": "cross-site",
    };
    expect((await post(browser, tokenOf(message?.text), { headers })).status).toBe(403);
    expect((await browser.call("/v1/session")).body).toEqual({ session: null, user: null });
  });
  it.each([
    "//evil.example",
    "https://evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "/a\r\nSet-Cookie: x=1",
    "evil",
  ])("refuses to return to %j", async (returnTo) => {
    const site = await open();
    const answer = await site.browser().call("/v1/email/start", { email: "ada@example.com", returnTo });
    expect(answer.body).toMatchObject({ code: "invalid_input" });
  });
  it("speaks German where it is asked to", async () => {
    const site = await open();
    const { message, browser } = await start(site, "ada@example.com", undefined, { locale: "de-AT" });
    expect(message?.subject).toBe("Anmelden bei app.example.com");
    const page = await browser.fetch(`/api/auth/v1/email/link?token=${tokenOf(message?.text)}`, {
      headers: { "accept-language": "de" },
    });
    expect(await page.text()).toContain('<html lang="de">');
  });
  it("shows a page, not JSON, for a link that is not one", async () => {
    const site = await open();
    for (const token of ["", "x", "<script>alert(1)</script>", "a".repeat(43)]) {
      const page = await site.browser().fetch(`/api/auth/v1/email/link?token=${encodeURIComponent(token)}`);
      expect(page.headers.get("content-type")).toContain("text/html");
      expect(await page.text()).not.toContain("<script");
    }
    expect((await post(site.browser(), "a".repeat(43))).headers.get("content-type")).toContain("text/html");
  });
});

describe("what an address tells (T-115)", () => {
  const shapeOf = (answer: { status: number; body: unknown; headers: Headers }) => ({
    status: answer.status,
    keys: Object.keys(answer.body as object),
    headers: [...answer.headers.keys()].sort(),
  });
  it.each([true, false])(
    "T-115: known, unknown and suspended addresses: same answer, same statements (sign-up open: %s)",
    async (signUp) => {
      const site = await open();
      const known = await start(site, "known@example.com");
      await known.browser.call("/v1/email/verify", { attemptId: known.attemptId, code: codeOf(known.message?.text) });
      Object.assign(site.engine.config.signIn, { signUp });
      const traces: string[][] = [];
      const answers = [];
      for (const email of ["known@example.com", "nobody1@example.com", "known@example.com", "nobody2@example.com"]) {
        const statements: string[] = [];
        const stop = site.trace((statement) => {
          // the sender works beside the answer
          if (!statement.includes("segno_mail") || statement.includes("InsertQueryNode")) statements.push(statement);
        });
        const answer = await site.browser().call("/v1/email/start", { email });
        stop();
        traces.push(statements);
        answers.push(shapeOf(answer));
      }
      expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
      expect(traces[0]?.filter((statement) => statement.includes("InsertQueryNode")).length).toBeGreaterThanOrEqual(2);
      expect(traces[1]).toEqual(traces[0]);
      expect(traces[3]).toEqual(traces[0]);
      await site.queue.drain();
      expect(site.mail.messages.filter(({ to }) => to === "nobody1@example.com")).toHaveLength(1);
    },
  );
  it("sign-up closed: the mail to an unknown address says so and holds nothing to sign in with", async () => {
    const site = await open({ signIn: { signUp: false } });
    const { message, answer } = await start(site, "nobody@example.com");
    expect(answer.status).toBe(202);
    expect(message?.text).toContain("no account");
    expect(message?.text).not.toMatch(/\d{6}|token=/);
  });
});
