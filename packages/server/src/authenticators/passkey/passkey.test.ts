import { createDpopProof, generateDpopKeyPair, jwkThumbprint } from "@segno/core";
import { createSoftwareAuthenticator, type TestBrowser } from "@segno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { openSite, origin, type Site, type SiteOptions } from "../site.double.js";
import type { CreationOptions, RequestOptions } from "./ceremony.js";

const sites: Site[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});
async function open(options?: SiteOptions): Promise<Site> {
  const site = await openSite(options);
  sites.push(site);
  return site;
}
interface Creation {
  attemptId: string;
  publicKey: CreationOptions;
}
interface Request {
  attemptId: string;
  publicKey: RequestOptions;
}
interface SignedIn {
  isNewUser: boolean;
  user: { id: string };
  session: { id: string; acr: string; amr: string[]; authTime: string };
}
interface Passkey {
  id: string;
  name: string;
  lastUsedAt: string | null;
}

async function signUp(browser: TestBrowser, body: object = { displayName: "Ada" }) {
  const { body: options } = await browser.call<Creation>("/v1/passkeys/sign-up/options", body);
  const response = await browser.authenticator.create(options.publicKey);
  return browser.call<SignedIn>("/v1/passkeys/sign-up/verify", { attemptId: options.attemptId, response });
}
async function signIn(browser: TestBrowser, lies = {}) {
  const { body: options } = await browser.call<Request>("/v1/passkeys/sign-in/options", {});
  const response = await browser.authenticator.get(options.publicKey, lies);
  return browser.call<SignedIn & { code?: string }>("/v1/passkeys/sign-in/verify", {
    attemptId: options.attemptId,
    response,
  });
}
async function stepUp(browser: TestBrowser) {
  const { body: options } = await browser.call<Request>("/v1/passkeys/step-up/options", {});
  const response = await browser.authenticator.get(options.publicKey);
  return browser.call<SignedIn>("/v1/passkeys/step-up/verify", { attemptId: options.attemptId, response });
}
async function add(browser: TestBrowser, device = createSoftwareAuthenticator({ origin }), name?: string) {
  const options = await browser.call<Creation & { code?: string }>("/v1/passkeys/add/options", {});
  if (options.status !== 200) return options as never;
  const response = await device.create(options.body.publicKey);
  return browser.call<Passkey & { code?: string }>("/v1/passkeys/add/verify", {
    attemptId: options.body.attemptId,
    response,
    ...(name === undefined ? {} : { name }),
  });
}
async function byMail(site: Site, email: string, browser: TestBrowser) {
  const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
  await site.queue.drain();
  return browser.call<SignedIn>("/v1/email/verify", {
    attemptId: body.attemptId,
    code: await site.mail.nextCode(email),
  });
}
const types = async (site: Site) => (await site.events()).map(({ type }) => type);

describe("passkey sign-up and sign-in", () => {
  it("creates account, passkey and session; signs in by whatever passkey there is", async () => {
    const site = await open();
    const browser = site.browser();
    const created = await signUp(browser, { displayName: "Ada", email: "Ada@Example.com" });
    expect(created.status).toBe(200);
    expect(created.body).toMatchObject({
      isNewUser: true,
      user: { displayName: "Ada", email: "ada@example.com", emailVerified: false },
      session: { acr: "phr", amr: ["swk", "user", "mfa"] },
    });
    expect(await types(site)).toEqual([
      "attempt.started",
      "user.created",
      "passkey.added",
      "session.created",
      "login.success",
    ]);
    site.clock.advance({ seconds: 5 });
    const again = await signIn(browser);
    expect(again.body).toMatchObject({ isNewUser: false, user: { id: created.body.user.id } });
    expect(again.body.session.id).not.toBe(created.body.session.id);
    const sessions = await browser.call<{ sessions: unknown[] }>("/v1/sessions");
    expect(sessions.body.sessions).toHaveLength(1);
    const { body } = await browser.call<{ passkeys: Passkey[]; rpId: string; userHandle: string }>("/v1/passkeys");
    expect(body).toMatchObject({ rpId: "app.example.com", passkeys: [{ name: "Chrome on macOS", backedUp: true }] });
    expect(body.passkeys[0]?.lastUsedAt).not.toBeNull();
    expect(body.userHandle).toBe(browser.authenticator.credentials()[0]?.userHandle);
  });
  it("T-104: user handles are 64 random bytes that say nothing", async () => {
    const site = await open();
    const handles = new Set<string>();
    for (let index = 0; index < 20; index += 1) {
      const { body } = await site
        .browser()
        .call<Creation>("/v1/passkeys/sign-up/options", { displayName: "Ada", email: "ada@example.com" });
      expect(Buffer.from(body.publicKey.user.id, "base64url")).toHaveLength(64);
      handles.add(body.publicKey.user.id);
    }
    expect(handles.size).toBe(20);
  });
  it("device-bound keys reach phrh", async () => {
    const site = await open();
    const browser = site.browser({ authenticator: createSoftwareAuthenticator({ origin, backupEligible: false }) });
    expect((await signUp(browser)).body.session).toMatchObject({ acr: "phrh", amr: ["hwk", "user", "mfa"] });
  });
  it("an unknown passkey says so, and its challenge is spent", async () => {
    const site = await open();
    const browser = site.browser();
    await signUp(browser);
    await site.store.db.deleteFrom("segno_passkeys").execute();
    const { body: options } = await browser.call<Request>("/v1/passkeys/sign-in/options", {});
    const response = await browser.authenticator.get(options.publicKey);
    const input = { attemptId: options.attemptId, response };
    expect((await browser.call("/v1/passkeys/sign-in/verify", input)).body).toMatchObject({ code: "passkey_unknown" });
    expect((await browser.call("/v1/passkeys/sign-in/verify", input)).body).toMatchObject({ code: "attempt_expired" });
    const failures = (await site.events()).filter(({ type }) => type === "login.failure");
    const { attemptId } = options;
    expect(failures.map(({ data }) => data)).toEqual([
      { method: "passkey", reason: "passkey_unknown", attemptId },
      { method: "passkey", reason: "attempt_consumed", attemptId },
    ]);
  });
  it("T-102: a failed response spends the challenge before anything in it is believed", async () => {
    const site = await open();
    const browser = site.browser();
    await signUp(browser);
    const { body: options } = await browser.call<Request>("/v1/passkeys/sign-in/options", {});
    const forged = await browser.authenticator.get(options.publicKey, { origin: "https://evil.example" });
    const good = await browser.authenticator.get(options.publicKey);
    const call = (response: unknown) =>
      browser.call("/v1/passkeys/sign-in/verify", { attemptId: options.attemptId, response });
    expect((await call(forged)).body).toMatchObject({ code: "passkey_rejected" });
    expect((await call(good)).body).toMatchObject({ code: "attempt_expired" });
  });
  it("T-102: a challenge is bound to its ceremony, its browser and its age", async () => {
    const site = await open();
    const browser = site.browser();
    await signUp(browser);
    const { body: forSignIn } = await browser.call<Request>("/v1/passkeys/sign-in/options", {});
    const { body: forStepUp } = await browser.call<Request>("/v1/passkeys/step-up/options", {});
    const crossed = await browser.authenticator.get(forStepUp.publicKey);
    const asSignIn = { attemptId: forStepUp.attemptId, response: crossed };
    expect((await browser.call("/v1/passkeys/sign-in/verify", asSignIn)).body).toMatchObject({
      code: "attempt_expired",
    });
    const mixed = { attemptId: forSignIn.attemptId, response: crossed };
    expect((await browser.call("/v1/passkeys/sign-in/verify", mixed)).body).toMatchObject({ code: "passkey_rejected" });
    const { body: stolen } = await browser.call<Request>("/v1/passkeys/sign-in/options", {});
    const response = await browser.authenticator.get(stolen.publicKey);
    const input = { attemptId: stolen.attemptId, response };
    expect((await site.browser().call("/v1/passkeys/sign-in/verify", input)).body).toMatchObject({
      code: "wrong_browser",
    });
    site.clock.advance({ seconds: 601 });
    expect((await browser.call("/v1/passkeys/sign-in/verify", input)).body).toMatchObject({ code: "attempt_expired" });
  });
  it("T-103: a counter that does not grow is refused and raises an alarm; a forged one raises none", async () => {
    const site = await open();
    const browser = site.browser({ authenticator: createSoftwareAuthenticator({ origin, signCount: 10 }) });
    const { body } = await signUp(browser);
    expect((await signIn(browser)).status).toBe(200);
    expect((await signIn(browser, { counter: 11 })).body).toMatchObject({ code: "passkey_rejected" });
    const alerts = (await site.events()).filter(({ type }) => type === "risk.alert");
    expect(alerts).toMatchObject([{ subject: body.user.id, data: { kind: "passkey_counter" } }]);
    await signIn(browser, { counter: 3, signature: () => new Uint8Array(70) });
    expect((await types(site)).filter((type) => type === "risk.alert")).toHaveLength(1);
  });
  it("T-103: registering a known credential id again is refused", async () => {
    const site = await open();
    const first = site.browser();
    await signUp(first);
    const id = first.authenticator.credentials()[0]?.id ?? "";
    const second = site.browser();
    const { body: options } = await second.call<Creation>("/v1/passkeys/sign-up/options", {});
    const response = await second.authenticator.create(options.publicKey, { credentialId: id });
    const answer = await second.call("/v1/passkeys/sign-up/verify", { attemptId: options.attemptId, response });
    expect(answer).toMatchObject({ status: 409, body: { code: "passkey_exists" } });
    expect(await site.store.db.selectFrom("segno_users").selectAll().execute()).toHaveLength(1);
  });
  it("an attempt begun in the last minute of the browser handle's day can be finished", async () => {
    const site = await open();
    const browser = site.browser();
    await signUp(browser);
    site.clock.advance({ seconds: 86_390 });
    const { body: options } = await browser.call<Request>("/v1/passkeys/sign-in/options", {});
    site.clock.advance({ seconds: 60 });
    const response = await browser.authenticator.get(options.publicKey);
    const answer = await browser.call("/v1/passkeys/sign-in/verify", { attemptId: options.attemptId, response });
    expect(answer.status).toBe(200);
  });
  it("token mode: tokens are bound to the key of the proof; a bad proof gives none and spends nothing", async () => {
    const site = await open();
    const browser = site.browser();
    const { body: options } = await browser.call<Creation>("/v1/passkeys/sign-up/options", {});
    const response = await browser.authenticator.create(options.publicKey);
    const path = "/v1/passkeys/sign-up/verify";
    const input = { attemptId: options.attemptId, response, mode: "token" };
    expect((await browser.call(path, input, { headers: { dpop: "nonsense" } })).body).toMatchObject({
      code: "invalid_dpop_proof",
    });
    const key = await generateDpopKeyPair();
    const url = `${origin}/api/auth${path}`;
    const proof = await createDpopProof({ ...key, method: "POST", url, nowSeconds: site.clock.nowMs() / 1000 });
    const answer = await browser.call<{ tokens: { tokenType: string; accessToken: string } }>(path, input, {
      headers: { dpop: proof },
    });
    expect(answer.body.tokens.tokenType).toBe("DPoP");
    expect(answer.headers.getSetCookie().join()).not.toContain("segno.sid");
    const claims = JSON.parse(
      Buffer.from(answer.body.tokens.accessToken.split(".")[1] ?? "", "base64url").toString(),
    ) as { cnf: object };
    expect(claims.cnf).toEqual({ jkt: await jwkThumbprint(key.publicJwk) });
  });
  it("closed sign-up and switched-off passkeys", async () => {
    const closed = await open({ signIn: { signUp: false } });
    expect((await closed.browser().call("/v1/passkeys/sign-up/options", {})).body).toMatchObject({
      code: "sign_up_closed",
    });
    const off = await open({ signIn: { passkey: false } });
    expect((await off.browser().call("/v1/passkeys/sign-in/options", {})).status).toBe(404);
  });
  it("T-021: a suspended account cannot sign in", async () => {
    const site = await open();
    const browser = site.browser();
    const { body } = await signUp(browser);
    await site.store.db
      .updateTable("segno_users")
      .set({ status: "suspended" })
      .where("id", "=", body.user.id)
      .execute();
    expect((await signIn(browser)).body).toMatchObject({ code: "account_unavailable" });
  });
});

describe("step-up and recent authentication", () => {
  it("raises the session and replaces its token", async () => {
    const site = await open();
    const browser = site.browser();
    const { body: before } = await signUp(browser);
    const old = browser.cookies.header(new URL(origin)) ?? "";
    site.clock.advance({ minutes: 30 });
    const { body: after, status } = await stepUp(browser);
    expect(status).toBe(200);
    expect(after.session).toMatchObject({ id: before.session.id, acr: "phr" });
    expect(after.session.authTime > before.session.authTime).toBe(true);
    const replay = await site.handler(new Request(`${origin}/api/auth/v1/session`, { headers: { cookie: old } }), {
      remoteAddress: "203.0.113.9",
    });
    expect(await replay.json()).toEqual({ session: null, user: null });
    expect((await types(site)).filter((type) => type === "stepup.success")).toHaveLength(1);
  });
  it("takes no passkey of somebody else, and no attempt of another session", async () => {
    const site = await open();
    const ada = site.browser();
    const eve = site.browser();
    await signUp(ada);
    await signUp(eve);
    const { body: options } = await eve.call<Request>("/v1/passkeys/step-up/options", {});
    const foreign = await ada.authenticator.get({ ...options.publicKey, allowCredentials: [] });
    const input = { attemptId: options.attemptId, response: foreign };
    expect((await eve.call("/v1/passkeys/step-up/verify", input)).body).toMatchObject({ code: "passkey_unknown" });
    expect((await site.browser().call("/v1/passkeys/step-up/options", {})).status).toBe(401);
  });
  it("raises a session held by access token, and its tokens with it", async () => {
    const site = await open();
    const browser = site.browser();
    const { body: up } = await browser.call<Creation>("/v1/passkeys/sign-up/options", {});
    const created = await browser.call<SignedIn & { tokens: { accessToken: string } }>("/v1/passkeys/sign-up/verify", {
      attemptId: up.attemptId,
      response: await browser.authenticator.create(up.publicKey),
      mode: "token",
    });
    const bearer = { headers: { authorization: `Bearer ${created.body.tokens.accessToken}` } };
    site.clock.advance({ seconds: 200 });
    const { body: options } = await browser.call<Request>("/v1/passkeys/step-up/options", {}, bearer);
    const response = await browser.authenticator.get(options.publicKey);
    const raised = await browser.call<{ tokens: { accessToken: string } }>(
      "/v1/passkeys/step-up/verify",
      { attemptId: options.attemptId, response },
      bearer,
    );
    expect(raised.status).toBe(200);
    expect(raised.headers.getSetCookie().join()).not.toContain("segno.sid");
    const claims = JSON.parse(
      Buffer.from(raised.body.tokens.accessToken.split(".")[1] ?? "", "base64url").toString(),
    ) as { auth_time: number };
    expect(claims.auth_time).toBe(Math.floor(site.clock.nowMs() / 1000));
  });
  it("leaves a browser that asks for tokens its session: the new cookie comes with them", async () => {
    const site = await open();
    const browser = site.browser();
    await signUp(browser);
    const { body: options } = await browser.call<Request>("/v1/passkeys/step-up/options", {});
    const response = await browser.authenticator.get(options.publicKey);
    const input = { attemptId: options.attemptId, response, mode: "token" };
    const raised = await browser.call<{ tokens?: object }>("/v1/passkeys/step-up/verify", input);
    expect([raised.status, raised.body.tokens === undefined]).toEqual([200, false]);
    expect((await browser.call("/v1/user")).status).toBe(200);
  });
  it("T-105: changing factors needs a recent proof at the enrolled assurance, and says which", async () => {
    const site = await open();
    const browser = site.browser();
    await byMail(site, "ada@example.com", browser);
    expect((await add(browser)).status).toBe(200);
    const weak = await add(browser);
    expect(weak).toMatchObject({ status: 401, body: { code: "insufficient_user_authentication" } });
    const challenge = weak.headers.get("www-authenticate") ?? "";
    expect(challenge).toContain('error="insufficient_user_authentication"');
    expect(challenge).toContain('acr_values="phr"');
    expect(challenge).toMatch(/max_age="?600/);
    expect(await types(site)).toContain("stepup.required");
    for (const [method, path] of [
      ["DELETE", "/v1/user"],
      ["DELETE", "/v1/passkeys/x"],
    ] as const) {
      expect(
        (await browser.call(path, method === "DELETE" && path === "/v1/user" ? {} : undefined, { method })).status,
      ).toBe(401);
    }
    expect((await browser.call("/v1/user/email/start", { email: "new@example.com" })).status).toBe(401);
  });
  it("T-105: 600 seconds, not 601", async () => {
    const site = await open();
    const browser = site.browser();
    await signUp(browser);
    site.clock.advance({ seconds: 600 });
    expect((await browser.call("/v1/passkeys/add/options", {})).status).toBe(200);
    site.clock.advance({ seconds: 1 });
    expect((await browser.call("/v1/passkeys/add/options", {})).status).toBe(401);
    await stepUp(browser);
    expect((await browser.call("/v1/passkeys/add/options", {})).status).toBe(200);
  });
});

describe("managing passkeys", () => {
  it("adds, renames, removes; tells the owner by mail each time a factor changes", async () => {
    const site = await open();
    const browser = site.browser();
    await byMail(site, "ada@example.com", browser);
    const { body: first } = await add(browser, browser.authenticator, "Key <1>");
    expect(first).toMatchObject({ name: "Key <1>", backedUp: true, lastUsedAt: null });
    await stepUp(browser);
    const { body: second } = await add(browser);
    const renamed = await browser.call<Passkey>(`/v1/passkeys/${second.id}`, { name: "Blue key" }, { method: "PATCH" });
    expect(renamed.body.name).toBe("Blue key");
    expect((await browser.call(`/v1/passkeys/${second.id}`, undefined, { method: "DELETE" })).status).toBe(204);
    expect((await browser.call(`/v1/passkeys/${second.id}`, undefined, { method: "DELETE" })).status).toBe(404);
    await site.queue.drain();
    const notices = site.mail.messages.slice(1);
    expect(notices.map(({ to }) => to)).toEqual(Array(3).fill("ada@example.com"));
    expect(notices[0]?.html).toContain("Key &lt;1&gt;");
    expect(notices[2]?.text).toContain("Blue key");
    expect(await types(site)).toEqual(expect.arrayContaining(["passkey.added", "passkey.renamed", "passkey.removed"]));
  });
  it("excludes what the account has, and a device that has one refuses", async () => {
    const site = await open();
    const browser = site.browser();
    await signUp(browser);
    const { body } = await browser.call<Creation>("/v1/passkeys/add/options", {});
    expect(body.publicKey.excludeCredentials).toHaveLength(1);
    await expect(browser.authenticator.create(body.publicKey)).rejects.toMatchObject({ name: "InvalidStateError" });
  });
  it("guards the last factor, also against two removals at once", async () => {
    const site = await open();
    const browser = site.browser();
    await signUp(browser);
    const { body: second } = await add(browser);
    const { body: list } = await browser.call<{ passkeys: Passkey[] }>("/v1/passkeys");
    const removals = await Promise.all(
      list.passkeys.map(({ id }) => browser.call(`/v1/passkeys/${id}`, undefined, { method: "DELETE" })),
    );
    expect(removals.map(({ status }) => status).sort()).toEqual([204, 409]);
    expect(second.id).toBeDefined();
  });
  it("T-102: a factor change voids ceremonies under way", async () => {
    const site = await open();
    const browser = site.browser();
    await signUp(browser);
    const device = createSoftwareAuthenticator({ origin });
    const { body: pending } = await browser.call<Creation>("/v1/passkeys/add/options", {});
    const late = await device.create(pending.publicKey);
    await add(browser);
    const answer = await browser.call("/v1/passkeys/add/verify", { attemptId: pending.attemptId, response: late });
    expect(answer.body).toMatchObject({ code: "attempt_expired" });
  });
  it("touches nobody else's passkeys", async () => {
    const site = await open();
    const ada = site.browser();
    const eve = site.browser();
    await signUp(ada);
    await signUp(eve);
    const { body } = await ada.call<{ passkeys: Passkey[] }>("/v1/passkeys");
    const id = body.passkeys[0]?.id ?? "";
    expect((await eve.call(`/v1/passkeys/${id}`, { name: "mine" }, { method: "PATCH" })).status).toBe(404);
    expect((await eve.call(`/v1/passkeys/${id}`, undefined, { method: "DELETE" })).status).toBe(404);
  });
});
