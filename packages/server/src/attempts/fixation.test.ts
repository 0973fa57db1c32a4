// T-015: what was known before a sign-in or a step-up is worth nothing after it.
import type { CreationOptions, RequestOptions, TestBrowser } from "@segno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { openSite, origin, type Site, stores } from "../authenticators/site.double.js";

interface Ceremony<Options> {
  attemptId: string;
  publicKey: Options;
}
const url = new URL(origin);
const sites: Site[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});

const sessionIn = (browser: TestBrowser) =>
  /__Host-segno\.sid=([^;]+)/.exec(browser.cookies.header(url) ?? "")?.[1] ?? "";
const plant = (browser: TestBrowser, token: string) =>
  browser.cookies.store(url, [`__Host-segno.sid=${token}; Path=/; Secure; HttpOnly; SameSite=Lax`]);
const subjectOf = async (site: Site, token: string) => {
  const browser = site.browser();
  plant(browser, token);
  return (await browser.call<{ user: { id: string } | null }>("/v1/session")).body.user?.id;
};

async function byCode(site: Site, browser: TestBrowser, email: string): Promise<string> {
  const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
  await site.queue.drain();
  const code = await site.mail.nextCode(email);
  const done = await browser.call<{ user: { id: string } }>("/v1/email/verify", { attemptId: body.attemptId, code });
  return done.body.user.id;
}
async function byLink(site: Site, browser: TestBrowser, email: string): Promise<string> {
  await browser.call("/v1/email/start", { email });
  await site.queue.drain();
  const token = new URL(await site.mail.nextLink(email)).searchParams.get("token");
  const headers = { "content-type": "application/json" };
  await browser.fetch("/api/auth/v1/email/link", { method: "POST", headers, body: JSON.stringify({ token }) });
  return (await browser.call<{ user: { id: string } }>("/v1/session")).body.user.id;
}
async function byPasskey(_site: Site, browser: TestBrowser): Promise<string> {
  const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/sign-up/options", {});
  const response = await browser.authenticator.create(body.publicKey);
  const input = { attemptId: body.attemptId, response };
  return (await browser.call<{ user: { id: string } }>("/v1/passkeys/sign-up/verify", input)).body.user.id;
}
async function withKnownPasskey(site: Site, browser: TestBrowser): Promise<string> {
  const owner = site.browser({ authenticator: browser.authenticator });
  const userId = await byPasskey(site, owner);
  const { body } = await browser.call<Ceremony<RequestOptions>>("/v1/passkeys/sign-in/options", {});
  const response = await browser.authenticator.get(body.publicKey);
  await browser.call("/v1/passkeys/sign-in/verify", { attemptId: body.attemptId, response });
  return userId;
}
const ways: Readonly<Record<string, (site: Site, browser: TestBrowser, email: string) => Promise<string>>> = {
  "a code": byCode,
  "a link": byLink,
  "a new passkey": byPasskey,
  "a known passkey": withKnownPasskey,
};

describe.each(stores().filter(({ name }) => !name.endsWith("eight")))("fixation on $name", ({ source }) => {
  async function open(): Promise<Site> {
    const site = await openSite({ source: source() });
    sites.push(site);
    return site;
  }

  it.each(Object.entries(ways))(
    "T-015: a session planted before signing in by %s is neither raised nor kept",
    async (_way, signIn) => {
      const site = await open();
      const attacker = site.browser();
      const attackerId = await byCode(site, attacker, "eve@example.com");
      const planted = sessionIn(attacker);
      const victim = site.browser();
      plant(victim, planted);
      const victimId = await signIn(site, victim, "ada@example.com");
      expect(victimId).not.toBe(attackerId);
      expect(sessionIn(victim)).not.toBe(planted);
      expect(await subjectOf(site, sessionIn(victim))).toBe(victimId);
      // what the attacker knows names nobody any more
      expect(await subjectOf(site, planted)).toBeUndefined();
    },
  );

  it("T-015: a token that names nobody is never taken up", async () => {
    const site = await open();
    const made = "A".repeat(43);
    const victim = site.browser();
    plant(victim, made);
    const victimId = await byCode(site, victim, "ada@example.com");
    expect(await subjectOf(site, made)).toBeUndefined();
    expect(await subjectOf(site, sessionIn(victim))).toBe(victimId);
  });

  it("T-015: a step-up gives a new token in the same session, and a copy of the old one is not raised with it", async () => {
    const site = await open();
    const browser = site.browser();
    const userId = await byPasskey(site, browser);
    const copied = sessionIn(browser);
    const { body } = await browser.call<Ceremony<RequestOptions>>("/v1/passkeys/step-up/options", {});
    const response = await browser.authenticator.get(body.publicKey);
    const stepped = await browser.call("/v1/passkeys/step-up/verify", { attemptId: body.attemptId, response });
    expect(stepped.status).toBe(200);
    expect(await subjectOf(site, copied)).toBeUndefined();
    expect(await subjectOf(site, sessionIn(browser))).toBe(userId);
  });
});
