import {
  createSoftwareAuthenticator,
  type CreationOptions,
  type RequestOptions,
  type TestBrowser,
} from "@segno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { openSite, origin, type Site, stores } from "./site.double.js";

const sites: Site[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});
interface Ceremony<Options> {
  attemptId: string;
  publicKey: Options;
}
const parallel = 50;

async function startMail(site: Site, browser: TestBrowser, email = "ada@example.com") {
  const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
  await site.queue.drain();
  const message = await site.mail.next(email);
  const code = message.text.replace(/https?:\S+/g, "").match(/\b\d{6}\b/)?.[0] ?? "";
  const token = message.text.match(/token=([\w-]+)/)?.[1] ?? "";
  return { attemptId: body.attemptId, code, token };
}
async function signUp(browser: TestBrowser) {
  const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/sign-up/options", {});
  const response = await browser.authenticator.create(body.publicKey);
  return { path: "/v1/passkeys/sign-up/verify", input: { attemptId: body.attemptId, response } };
}
const times = <Result>(count: number, work: (index: number) => Promise<Result>) =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));
const count = async (site: Site, table: "segno_sessions" | "segno_users" | "segno_passkeys") =>
  (await site.store.db.selectFrom(table).selectAll().execute()).length;

describe.each(stores())("T-023 T-024: 50 parallel redemptions, one success ($name)", ({ source }) => {
  async function open(): Promise<Site> {
    const site = await openSite({ source: source() });
    sites.push(site);
    return site;
  }
  it("a code", async () => {
    const site = await open();
    const browser = site.browser();
    const { attemptId, code } = await startMail(site, browser);
    const answers = await times(parallel, () => browser.call("/v1/email/verify", { attemptId, code }));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === "attempt_expired")).toHaveLength(parallel - 1);
    expect([await count(site, "segno_sessions"), await count(site, "segno_users")]).toEqual([1, 1]);
    expect((await site.events()).filter(({ type }) => type === "login.success")).toHaveLength(1);
  });
  it("a link", async () => {
    const site = await open();
    const browser = site.browser();
    const { token } = await startMail(site, browser);
    const headers = { "content-type": "application/json" };
    const answers = await times(parallel, () =>
      browser.fetch("/api/auth/v1/email/link", { method: "POST", headers, body: JSON.stringify({ token }) }),
    );
    expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 400)).toHaveLength(parallel - 1);
    expect(await count(site, "segno_sessions")).toBe(1);
  });
  it("link and code of one mail at once", async () => {
    const site = await open();
    const browser = site.browser();
    const { attemptId, code, token } = await startMail(site, browser);
    const headers = { "content-type": "application/json" };
    const answers = await times(20, async (index) =>
      index % 2 === 0
        ? browser.fetch("/api/auth/v1/email/link", { method: "POST", headers, body: JSON.stringify({ token }) })
        : browser.call("/v1/email/verify", { attemptId, code }),
    );
    expect(answers.filter(({ status }) => status < 400)).toHaveLength(1);
    expect(await count(site, "segno_sessions")).toBe(1);
  });
  it("a code that adds an address", async () => {
    const site = await open();
    const browser = site.browser();
    const first = await startMail(site, browser);
    await browser.call("/v1/email/verify", { attemptId: first.attemptId, code: first.code });
    const { body } = await browser.call<{ attemptId: string }>("/v1/user/email/start", { email: "new@example.com" });
    await site.queue.drain();
    const code = await site.mail.nextCode("new@example.com");
    const answers = await times(parallel, () =>
      browser.call("/v1/user/email/verify", { attemptId: body.attemptId, code }),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });
  it("a passkey sign-up, sign-in, step-up and a further passkey", async () => {
    const site = await open();
    const browser = site.browser();
    const up = await signUp(browser);
    const signedUp = await times(parallel, () => browser.call(up.path, up.input));
    expect(signedUp.filter(({ status }) => status === 200)).toHaveLength(1);
    expect([await count(site, "segno_users"), await count(site, "segno_passkeys")]).toEqual([1, 1]);

    for (const kind of ["sign-in", "step-up"]) {
      const { body } = await browser.call<Ceremony<RequestOptions>>(`/v1/passkeys/${kind}/options`, {});
      const response = await browser.authenticator.get(body.publicKey);
      const cookie = browser.cookies.header(new URL(origin)) ?? "";
      const headers = { cookie, origin, "content-type": "application/json" };
      const answers = await times(parallel, () =>
        site.handler(
          new Request(`${origin}/api/auth/v1/passkeys/${kind}/verify`, {
            method: "POST",
            headers,
            body: JSON.stringify({ attemptId: body.attemptId, response }),
          }),
          { remoteAddress: "203.0.113.10" },
        ),
      );
      expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
      const winner = answers.find(({ status }) => status === 200);
      browser.cookies.store(new URL(origin), winner?.headers.getSetCookie() ?? []);
    }
    expect((await site.events()).filter(({ type }) => type === "login.success")).toHaveLength(2);
    expect((await site.events()).filter(({ type }) => type === "stepup.success")).toHaveLength(1);

    const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/add/options", {});
    const response = await createSoftwareAuthenticator({ origin }).create(body.publicKey);
    const added = await times(parallel, () =>
      browser.call("/v1/passkeys/add/verify", { attemptId: body.attemptId, response }),
    );
    expect(added.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(await count(site, "segno_passkeys")).toBe(2);
  });
  it("one passkey counter value used in two ceremonies at once", async () => {
    const site = await open();
    const device = createSoftwareAuthenticator({ origin, signCount: 1 });
    const browser = site.browser({ authenticator: device });
    const up = await signUp(browser);
    await browser.call(up.path, up.input);
    const ceremonies: object[] = [];
    for (let index = 0; index < 10; index += 1) {
      const { body } = await browser.call<Ceremony<RequestOptions>>("/v1/passkeys/sign-in/options", {});
      ceremonies.push({ attemptId: body.attemptId, response: await device.get(body.publicKey, { counter: 7 }) });
    }
    const answers = await times(10, (index) => browser.call("/v1/passkeys/sign-in/verify", ceremonies[index]));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect((await site.events()).filter(({ type }) => type === "risk.alert")).toHaveLength(9);
  });
  it("two removals of the last two passkeys leave one", async () => {
    const site = await open();
    const browser = site.browser();
    const up = await signUp(browser);
    await browser.call(up.path, up.input);
    const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/add/options", {});
    const response = await createSoftwareAuthenticator({ origin }).create(body.publicKey);
    await browser.call("/v1/passkeys/add/verify", { attemptId: body.attemptId, response });
    const { body: list } = await browser.call<{ passkeys: { id: string }[] }>("/v1/passkeys");
    await times(20, (index) =>
      browser.call(`/v1/passkeys/${list.passkeys[index % 2]?.id}`, undefined, { method: "DELETE" }),
    );
    expect(await count(site, "segno_passkeys")).toBe(1);
  });
  it("T-096: wrong codes in parallel: five are compared", async () => {
    const site = await open();
    const browser = site.browser();
    const { attemptId, code } = await startMail(site, browser);
    const bad = code === "000000" ? "000001" : "000000";
    const answers = await times(parallel, () => browser.call("/v1/email/verify", { attemptId, code: bad }));
    expect(answers.filter(({ body }) => body.code === "wrong_code")).toHaveLength(5);
    expect((await browser.call("/v1/email/verify", { attemptId, code })).status).toBe(400);
  });
});
