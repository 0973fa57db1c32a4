import type { CreationOptions, TestBrowser } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSite, type Site } from "../site.double.js";

let site: Site;
beforeEach(async () => {
  site = await openSite();
});
afterEach(() => site.close());

interface SignedIn {
  readonly user: { readonly id: string };
  readonly session: { readonly id: string; readonly acr: string; readonly authTime: string };
  readonly tokens?: { readonly accessToken: string; readonly refreshToken?: string };
  readonly code?: string;
}

async function startMail(browser: TestBrowser, email: string) {
  const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
  await site.queue.drain();
  return { attemptId: body.attemptId, code: await site.mail.nextCode(email) };
}
async function verify(browser: TestBrowser, email: string, more: object = {}, init: RequestInit = {}) {
  const input = await startMail(browser, email);
  return browser.call<SignedIn>("/v1/email/verify", { ...input, ...more }, init);
}
const sessions = async () => await site.store.db.selectFrom("segno_sessions").selectAll().execute();
const open = async () => (await sessions()).filter(({ revoked_at }) => revoked_at === null);
const families = () => site.store.db.selectFrom("segno_refresh_families").selectAll().execute();

describe("step-up by a mailed code", () => {
  it("raises the session there is: same id, new token, new time, no second one", async () => {
    const browser = site.browser();
    const { body: first } = await verify(browser, "ada@example.com");
    await browser.call("/v1/session/grant", {});
    const before = browser.cookies.header(new URL(browser.origin));
    site.clock.advance({ minutes: 20 });
    expect((await browser.call("/v1/user/email/start", { email: "new@example.com" })).status).toBe(401);
    const raised = await verify(browser, "ada@example.com", { stepUp: true });
    expect(raised.status).toBe(200);
    expect(raised.body.session).toMatchObject({ id: first.session.id, acr: "aal1", amr: ["otp"] });
    expect(Date.parse(raised.body.session.authTime) - Date.parse(first.session.authTime)).toBe(20 * 60_000);
    expect(browser.cookies.header(new URL(browser.origin))).not.toBe(before);
    expect(await sessions()).toHaveLength(1);
    expect(await families()).toHaveLength(1);
    expect((await browser.call("/v1/user/email/start", { email: "new@example.com" })).status).toBe(202);
    const types = (await site.events()).map(({ type }) => type);
    expect(types.filter((type) => type === "login.success")).toHaveLength(1);
    expect(types).toContain("stepup.success");
    expect(types).not.toContain("session.revoked");
  });

  it("T-015: without asking for it, a new proof still opens a new session and ends the old one", async () => {
    const browser = site.browser();
    const { body: first } = await verify(browser, "ada@example.com");
    const { body: second } = await verify(browser, "ada@example.com");
    expect(second.session.id).not.toBe(first.session.id);
    expect(await open()).toHaveLength(1);
  });

  it("raises the session of an access token, with no second session and no second family", async () => {
    const browser = site.browser();
    const { body: first } = await verify(browser, "ada@example.com", { mode: "token" });
    site.clock.advance({ minutes: 4 });
    const headers = { authorization: `Bearer ${first.tokens?.accessToken}` };
    const raised = await verify(browser, "ada@example.com", { stepUp: true }, { headers });
    expect(raised.body.session.id).toBe(first.session.id);
    expect(raised.body.tokens?.accessToken).toMatch(/^ey/);
    expect(raised.body.tokens?.refreshToken).toBeUndefined();
    expect(raised.headers.getSetCookie().join()).not.toContain("segno.sid");
    expect(await open()).toHaveLength(1);
    expect(await families()).toHaveLength(1);
  });

  it("takes no code of another person's mailbox, and opens no account for an unknown one", async () => {
    const eve = site.browser();
    await verify(site.browser(), "ada@example.com");
    await verify(eve, "eve@example.com");
    for (const email of ["ada@example.com", "nobody@example.com"]) {
      const answer = await verify(eve, email, { stepUp: true });
      expect(answer.body).toMatchObject({ code: "attempt_expired" });
    }
    const users = await site.store.db.selectFrom("segno_users").selectAll().execute();
    expect(users).toHaveLength(2);
    expect((await site.events()).filter(({ type }) => type === "stepup.success")).toEqual([]);
  });

  it("needs a session, and says so before the code is looked at", async () => {
    const browser = site.browser();
    const input = await startMail(browser, "ada@example.com");
    const answer = await browser.call<SignedIn>("/v1/email/verify", { ...input, stepUp: true });
    expect(answer).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    expect((await browser.call("/v1/email/verify", input)).status).toBe(200);
  });

  it("T-105: never lowers a session that a passkey opened", async () => {
    const browser = site.browser();
    await verify(browser, "ada@example.com");
    const { body } = await browser.call<{ attemptId: string; publicKey: CreationOptions }>(
      "/v1/passkeys/add/options",
      {},
    );
    const response = await browser.authenticator.create(body.publicKey);
    await browser.call("/v1/passkeys/add/verify", { attemptId: body.attemptId, response });
    const { body: options } = await browser.call<{ attemptId: string; publicKey: never }>(
      "/v1/passkeys/step-up/options",
      {},
    );
    await site.queue.drain();
    expect((await site.mail.next("ada@example.com")).subject).toContain("passkey was added");
    const assertion = await browser.authenticator.get(options.publicKey);
    await browser.call("/v1/passkeys/step-up/verify", { attemptId: options.attemptId, response: assertion });
    const answer = await verify(browser, "ada@example.com", { stepUp: true });
    expect(answer).toMatchObject({ status: 401, body: { code: "insufficient_user_authentication" } });
    expect(answer.headers.get("www-authenticate")).toContain('acr_values="phr"');
    expect((await open()).map(({ acr }) => acr)).toEqual(["phr"]);
  });

  it("counts tries, and takes a code once", async () => {
    const browser = site.browser();
    await verify(browser, "ada@example.com");
    const { attemptId, code } = await startMail(browser, "ada@example.com");
    const wrong = code === "000000" ? "000001" : "000000";
    const missed = await browser.call("/v1/email/verify", { attemptId, code: wrong, stepUp: true });
    expect(missed.body).toMatchObject({ code: "wrong_code" });
    const input = { attemptId, code, stepUp: true };
    const answers = await Promise.all([1, 2, 3].map(() => browser.call<SignedIn>("/v1/email/verify", input)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await open()).toHaveLength(1);
  });
});

describe("step-up by a mailed link", () => {
  const email = "ada@example.com";
  async function askForLink(browser: TestBrowser, more: object = { stepUp: true, returnTo: "/payments" }) {
    const { status } = await browser.call("/v1/email/start", { email, ...more });
    expect(status).toBe(202);
    await site.queue.drain();
    return new URL(await site.mail.nextLink(email)).searchParams.get("token");
  }
  const follow = (browser: TestBrowser, token: string | null) =>
    browser.fetch("/api/auth/v1/email/link", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ token: token ?? "" }).toString(),
    });

  it("raises the session that asked, in its browser: same id, new token, new time, no second one", async () => {
    const browser = site.browser();
    const { body: first } = await verify(browser, email);
    await browser.call("/v1/session/grant", {});
    const before = browser.cookies.get("__Host-segno.sid");
    site.clock.advance({ minutes: 20 });
    const answer = await follow(browser, await askForLink(browser));
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/payments"]);
    expect(browser.cookies.get("__Host-segno.sid")).not.toBe(before);
    const now = await browser.call<SignedIn>("/v1/session");
    expect(now.body.session).toMatchObject({ id: first.session.id, amr: ["link"] });
    expect(Date.parse(now.body.session.authTime) - Date.parse(first.session.authTime)).toBe(20 * 60_000);
    expect([(await sessions()).length, (await families()).length]).toEqual([1, 1]);
    const types = (await site.events()).map(({ type }) => type);
    expect(types).toContain("stepup.success");
    expect(types).not.toContain("session.revoked");
  });

  it("T-015: a link that no step-up asked for still opens a new session and ends the old one", async () => {
    const browser = site.browser();
    const { body: first } = await verify(browser, email);
    expect((await follow(browser, await askForLink(browser, {}))).status).toBe(303);
    const live = await open();
    expect(live).toHaveLength(1);
    expect(live[0]?.id).not.toBe(first.session.id);
  });

  it("signs in where the session has ended since, and raises no other one", async () => {
    const browser = site.browser();
    await verify(browser, email);
    const token = await askForLink(browser);
    await browser.call("/v1/sign-out", {});
    expect((await follow(browser, token)).status).toBe(303);
    expect((await site.events()).filter(({ type }) => type === "stepup.success")).toEqual([]);
    expect(await open()).toHaveLength(1);
    const second = await askForLink(browser);
    await browser.call("/v1/sign-out", {});
    await verify(browser, "eve@example.com");
    expect((await follow(browser, second)).status).toBe(303);
    expect((await browser.call<SignedIn>("/v1/session")).body.user).toMatchObject({ email });
    expect((await site.events()).filter(({ type }) => type === "stepup.success")).toEqual([]);
    expect(await open()).toHaveLength(1);
  });

  it("raises nothing by a mailbox that is not the caller's", async () => {
    const eve = site.browser();
    await verify(site.browser(), email);
    await verify(eve, "eve@example.com");
    expect((await follow(eve, await askForLink(eve))).status).toBe(400);
    expect((await eve.call<SignedIn>("/v1/session")).body.user).toMatchObject({ email: "eve@example.com" });
    expect((await site.events()).filter(({ type }) => type === "stepup.success")).toEqual([]);
  });

  it("T-105: never lowers a session that a passkey opened, and leaves the link as it is", async () => {
    const browser = site.browser();
    const { body } = await browser.call<{ attemptId: string; publicKey: CreationOptions }>(
      "/v1/passkeys/sign-up/options",
      {},
    );
    const response = await browser.authenticator.create(body.publicKey);
    await browser.call("/v1/passkeys/sign-up/verify", { attemptId: body.attemptId, response });
    const token = await askForLink(browser);
    expect((await follow(browser, token)).status).toBe(401);
    expect((await open()).map(({ acr }) => acr)).toEqual(["phr"]);
  });

  it("T-107: shows the code in another browser, and asks for a session before it sends a mail", async () => {
    const browser = site.browser();
    await verify(browser, email);
    const phone = site.browser();
    const page = await follow(phone, await askForLink(browser));
    expect([page.status, page.headers.getSetCookie()]).toEqual([200, []]);
    const refused = await phone.call("/v1/email/start", { email, stepUp: true });
    expect(refused).toMatchObject({ status: 401, body: { code: "unauthenticated" } });
    expect(await sessions()).toHaveLength(1);
  });
});
