// What a ceremony is bound to, what is kept of it, and what it takes to change a factor.
import { createSoftwareAuthenticator, type TestBrowser } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openSite, origin, type Site } from "../site.double.js";
import type { CreationOptions, RequestOptions } from "./ceremony.js";

let site: Site;
beforeEach(async () => {
  site = await openSite();
});
afterEach(() => site.close());

interface Ceremony<Options> {
  readonly attemptId: string;
  readonly publicKey: Options;
}
const begin = async <Options>(browser: TestBrowser, what: string, body: object = {}) =>
  (await browser.call<Ceremony<Options>>(`/v1/passkeys/${what}/options`, body)).body;
const finish = (browser: TestBrowser, what: string, attemptId: string, response: unknown) =>
  browser.call<{ code?: string; id: string; user: { id: string } }>(`/v1/passkeys/${what}/verify`, {
    attemptId,
    response,
  });
async function signUp(browser: TestBrowser, body: object = {}) {
  const { attemptId, publicKey } = await begin<CreationOptions>(browser, "sign-up", body);
  return finish(browser, "sign-up", attemptId, await browser.authenticator.create(publicKey));
}
async function startMail(browser: TestBrowser, email: string, path = "/v1/email/start") {
  const { body } = await browser.call<{ attemptId: string }>(path, { email });
  await site.queue.drain();
  return { attemptId: body.attemptId, code: await site.mail.nextCode(email) };
}
const byMail = async (browser: TestBrowser, email: string) =>
  browser.call("/v1/email/verify", await startMail(browser, email));

describe("a ceremony", () => {
  it("T-102: begun by one person is of no use to the next one in the same browser", async () => {
    const browser = site.browser();
    await signUp(browser);
    const adding = await begin<CreationOptions>(browser, "add");
    const raising = await begin<RequestOptions>(browser, "step-up");
    const device = createSoftwareAuthenticator({ origin });
    const made = await device.create(adding.publicKey);
    const raised = await browser.authenticator.get(raising.publicKey);
    await browser.call("/v1/sign-out", {});
    const { body: eve } = await signUp(browser);
    for (const [what, attemptId, response] of [
      ["add", adding.attemptId, made],
      ["step-up", raising.attemptId, raised],
    ] as const) {
      const answer = await finish(browser, what, attemptId, response);
      expect([what, answer.status, answer.body.code]).toEqual([what, 400, "attempt_expired"]);
    }
    const passkeys = await site.store.db.selectFrom("segno_passkeys").select("user_id").execute();
    expect(passkeys.filter(({ user_id }) => user_id === eve.user.id)).toHaveLength(1);
    expect((await site.events()).filter(({ type }) => type === "stepup.success")).toEqual([]);
  });

  it("T-102: is spent by a response that cannot even be parsed", async () => {
    const browser = site.browser();
    await signUp(browser);
    const garbage = Buffer.from([0xbf, 0xff, 0x1b, 0xff, 0xff]).toString("base64url");
    const signing = await begin<RequestOptions>(browser, "sign-in");
    const good = await browser.authenticator.get(signing.publicKey);
    for (const broken of [
      { ...good.response, authenticatorData: garbage },
      { ...good.response, clientDataJSON: garbage },
      { ...good.response, signature: garbage },
    ]) {
      const { attemptId } = await begin<RequestOptions>(browser, "sign-in");
      const refused = await finish(browser, "sign-in", attemptId, { ...good, response: broken });
      expect(refused.body.code).toBe("passkey_rejected");
      expect((await finish(browser, "sign-in", attemptId, good)).body.code).toBe("attempt_expired");
    }
    const adding = await begin<CreationOptions>(browser, "add");
    const made = await createSoftwareAuthenticator({ origin }).create(adding.publicKey);
    const broken = { ...made, response: { ...made.response, attestationObject: garbage } };
    expect((await finish(browser, "add", adding.attemptId, broken)).body.code).toBe("passkey_rejected");
    expect((await finish(browser, "add", adding.attemptId, made)).body.code).toBe("attempt_expired");
    expect((await finish(browser, "sign-in", signing.attemptId, good)).status).toBe(200);
  });

  it("T-103: leaves its counter, backup state and time in the record, and only when it succeeds", async () => {
    const device = createSoftwareAuthenticator({ origin, signCount: 3 });
    const browser = site.browser({ authenticator: device });
    await signUp(browser);
    const record = () =>
      site.store.db
        .selectFrom("segno_passkeys")
        .select(["counter", "backed_up", "last_used_at"])
        .executeTakeFirstOrThrow();
    const before = await record();
    expect(before.backed_up).toBe(1);
    site.clock.advance({ minutes: 1 });
    const attempt = async (lies: object) => {
      const { attemptId, publicKey } = await begin<RequestOptions>(browser, "sign-in");
      return finish(browser, "sign-in", attemptId, await device.get(publicKey, lies));
    };
    const forged = { counter: 90, flags: (flags: number) => flags & ~0x10, signature: () => new Uint8Array(70) };
    expect((await attempt(forged)).status).toBe(400);
    expect(await record()).toEqual(before);
    expect((await attempt({ counter: 90, flags: (flags: number) => flags & ~0x10 })).status).toBe(200);
    expect(await record()).toEqual({ counter: 90, backed_up: 0, last_used_at: site.clock.nowMs() });
  });

  it("T-103: with an allow list, a passkey that is not on it proves nothing", async () => {
    const ada = site.browser();
    const eve = site.browser();
    await signUp(ada);
    await signUp(eve);
    const { attemptId, publicKey } = await begin<RequestOptions>(eve, "step-up");
    expect(publicKey.allowCredentials).toHaveLength(1);
    const foreign = await ada.authenticator.get({ ...publicKey, allowCredentials: [] });
    expect((await finish(eve, "step-up", attemptId, foreign)).body.code).toBe("passkey_unknown");
  });
});

describe("changing a factor", () => {
  it("T-105: whoever gets back in by mail changes no factor of an account that has a passkey", async () => {
    const owner = site.browser();
    await byMail(owner, "ada@example.com");
    const { attemptId, publicKey } = await begin<CreationOptions>(owner, "add");
    const { body: passkey } = await finish(owner, "add", attemptId, await owner.authenticator.create(publicKey));
    const thief = site.browser();
    await site.queue.drain();
    site.mail.clear();
    expect((await byMail(thief, "ada@example.com")).status).toBe(200);
    const before = await site.store.db.selectFrom("segno_passkeys").selectAll().execute();
    for (const [method, path, body] of [
      ["POST", "/v1/passkeys/add/options", {}],
      ["DELETE", `/v1/passkeys/${passkey.id}`, undefined],
      ["POST", "/v1/user/email/start", { email: "eve@evil.example" }],
      ["DELETE", "/v1/user", {}],
    ] as const) {
      const answer = await thief.call(path, body, { method });
      expect([path, answer.status, answer.body]).toMatchObject([
        path,
        401,
        { code: "insufficient_user_authentication" },
      ]);
      expect(answer.headers.get("www-authenticate")).toContain('acr_values="phr"');
    }
    expect(await site.store.db.selectFrom("segno_passkeys").selectAll().execute()).toEqual(before);
    expect((await site.events()).filter(({ type }) => type === "stepup.required")).toHaveLength(4);
  });

  it("T-105: the mailbox that is replaced is told, and each change has its event", async () => {
    const browser = site.browser();
    await byMail(browser, "old@example.com");
    const input = await startMail(browser, "new@example.com", "/v1/user/email/start");
    expect((await browser.call("/v1/user/email/verify", input)).status).toBe(200);
    const { attemptId, publicKey } = await begin<CreationOptions>(browser, "add");
    await finish(browser, "add", attemptId, await browser.authenticator.create(publicKey));
    await site.queue.drain();
    const notices = site.mail.messages.slice(2);
    expect(notices.map(({ to, subject }) => [to, subject.includes("app.example.com")])).toEqual([
      ["old@example.com", true],
      ["new@example.com", true],
    ]);
    const events = await site.events();
    expect(events.filter(({ type }) => type === "email.verified").map(({ data }) => data)).toEqual([
      { purpose: "sign_in" },
      { purpose: "add" },
    ]);
    expect(events.filter(({ type }) => type === "passkey.added")).toHaveLength(1);
  });
});
