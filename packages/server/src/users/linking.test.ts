import type { CreationOptions, RequestOptions, TestBrowser } from "@segno/testing";
import { afterEach, describe, expect, it } from "vitest";
import { openSite, type Site, stores } from "../authenticators/site.double.js";
import { createUser, proveEmail } from "./index.js";

const sites: Site[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});
async function open(...options: Parameters<typeof openSite>): Promise<Site> {
  const site = await openSite(...options);
  sites.push(site);
  return site;
}
interface Answer {
  user: { id: string; email: string | null; emailVerified: boolean; displayName: string | null };
  isNewUser: boolean;
  code?: string;
}
interface Ceremony<Options> {
  attemptId: string;
  publicKey: Options;
}
const victim = "victim@example.com";

async function byMail(site: Site, email: string, browser: TestBrowser) {
  const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
  await site.queue.drain();
  return browser.call<Answer>("/v1/email/verify", { attemptId: body.attemptId, code: await site.mail.nextCode(email) });
}
async function byPasskey(browser: TestBrowser) {
  const { body } = await browser.call<Ceremony<RequestOptions>>("/v1/passkeys/sign-in/options", {});
  const response = await browser.authenticator.get(body.publicKey);
  return browser.call<Answer>("/v1/passkeys/sign-in/verify", { attemptId: body.attemptId, response });
}
async function signUp(browser: TestBrowser, email?: string) {
  const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/sign-up/options", {
    displayName: "Planted",
    ...(email === undefined ? {} : { email }),
  });
  const response = await browser.authenticator.create(body.publicKey);
  return browser.call<Answer>("/v1/passkeys/sign-up/verify", { attemptId: body.attemptId, response });
}
async function startEmailAdd(browser: TestBrowser, email: string) {
  return browser.call<{ attemptId: string; code?: string }>("/v1/user/email/start", { email });
}
/** T-004: every way the attacker might still have in. */
async function workingCredentials(site: Site, browser: TestBrowser, userId: string): Promise<number> {
  let working = 0;
  if ((await browser.call<Answer["user"]>("/v1/user")).body.id === userId) working += 1;
  if (browser.authenticator.credentials().length > 0 && (await byPasskey(browser)).body.user?.id === userId)
    working += 1;
  const open = await site.store.db
    .selectFrom("segno_attempts")
    .selectAll()
    .where("user_id", "=", userId)
    .where("consumed_at", "is", null)
    .execute();
  return working + open.length;
}

interface Planted {
  readonly accessToken: string;
  readonly refreshToken: string;
}
/** What the API, the token endpoint and a fresh check say of tokens somebody kept. */
async function workingTokens(site: Site, { accessToken, refreshToken }: Planted): Promise<readonly number[]> {
  const stranger = site.browser();
  const headers = { authorization: `Bearer ${accessToken}` };
  const grant = { grant_type: "refresh_token", refresh_token: refreshToken, client_id: "segno" };
  const body = new URLSearchParams(grant).toString();
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const answers = [
    await stranger.fetch("/api/auth/v1/user", { headers }),
    await stranger.fetch("/api/auth/oauth2/token", { method: "POST", headers: type, body }),
    await stranger.fetch("/api/auth/v1/user", {
      method: "DELETE",
      headers: { ...headers, "content-type": "application/json" },
      body: "{}",
    }),
  ];
  return answers.map(({ status }) => status);
}

describe.each(stores().filter(({ name }) => !name.endsWith("eight")))("on $name", ({ source }) => {
  describe("T-004: pre-hijack stories end with no working attacker credential", () => {
    it("T-002 T-004: classic merge: a passkey is planted under the victim's address", async () => {
      const site = await open({ source: source() });
      const attacker = site.browser();
      const planted = await signUp(attacker, victim);
      const tokens = (await attacker.call<Planted>("/v1/session/grant", {})).body;
      const owner = await byMail(site, victim, site.browser());
      expect(await workingTokens(site, tokens)).toEqual([401, 400, 401]);
      expect(owner.body).toMatchObject({
        isNewUser: true,
        user: { id: planted.body.user.id, emailVerified: true, displayName: null },
      });
      expect(await workingCredentials(site, attacker, owner.body.user.id)).toBe(0);
      expect(await site.store.db.selectFrom("segno_passkeys").selectAll().execute()).toEqual([]);
    });
    it("T-004: unexpired session: the attacker stays signed in and waits", async () => {
      const site = await open({ source: source() });
      const attacker = site.browser();
      await signUp(attacker, victim);
      expect((await attacker.call("/v1/user")).status).toBe(200);
      const owner = await byMail(site, victim, site.browser());
      expect((await attacker.call("/v1/user")).status).toBe(401);
      expect(await workingCredentials(site, attacker, owner.body.user.id)).toBe(0);
    });
    it("T-004: trojan identifier: the attacker's own address waits on the same account", async () => {
      const site = await open({ source: source() });
      const attacker = site.browser();
      const planted = await signUp(attacker, victim);
      const { attemptId } = (await startEmailAdd(attacker, "evil@example.com")).body;
      await site.queue.drain();
      const owner = await byMail(site, victim, site.browser());
      expect(owner.body.user.id).toBe(planted.body.user.id);
      const code = await site.mail.nextCode("evil@example.com");
      expect((await attacker.call("/v1/user/email/verify", { attemptId, code })).status).toBe(401);
      const evil = await byMail(site, "evil@example.com", site.browser());
      expect(evil.body.user.id).not.toBe(owner.body.user.id);
      expect(await workingCredentials(site, attacker, owner.body.user.id)).toBe(0);
    });
    it("T-004: unexpired change of address: started before, finished after the victim came", async () => {
      const site = await open({ source: source() });
      const attacker = site.browser();
      await byMail(site, "evil@example.com", attacker);
      const { attemptId } = (await startEmailAdd(attacker, victim)).body;
      await site.queue.drain();
      const code = await site.mail.nextCode(victim);
      const owner = await byMail(site, victim, site.browser());
      expect(owner.body.isNewUser).toBe(true);
      // even with the code in hand: the address is somebody's now
      expect((await attacker.call("/v1/user/email/verify", { attemptId, code })).body).toMatchObject({
        code: "email_taken",
      });
      expect((await attacker.call<Answer["user"]>("/v1/user")).body.email).toBe("evil@example.com");
    });
    it("T-004: a provider that verifies nothing: many claims, none of them a proof", async () => {
      const site = await open({ source: source() });
      const attackers = [site.browser(), site.browser(), site.browser()];
      for (const attacker of attackers) await signUp(attacker, victim);
      const owner = await byMail(site, victim, site.browser());
      const claims = await site.store.db
        .selectFrom("segno_identifiers")
        .selectAll()
        .where("value", "=", victim)
        .execute();
      expect(claims).toHaveLength(1);
      for (const attacker of attackers) expect(await workingCredentials(site, attacker, owner.body.user.id)).toBe(0);
      for (const attacker of attackers) {
        const view = await attacker.call<Answer["user"]>("/v1/user");
        expect(view.body.email ?? null).toBe(null);
      }
    });
  });

  describe("linking", () => {
    it("T-003: a proved account is never handed over; a claim to its address changes nothing", async () => {
      const site = await open({ source: source() });
      const owner = site.browser();
      const first = await byMail(site, victim, owner);
      const attacker = site.browser();
      const claimed = await signUp(attacker, victim);
      const again = await byMail(site, victim, site.browser());
      expect(again.body).toMatchObject({ isNewUser: false, user: { id: first.body.user.id } });
      expect(claimed.body.user.id).not.toBe(first.body.user.id);
      expect((await owner.call("/v1/user")).status).toBe(200);
    });
    it("proof inside the account's own session drops nothing", async () => {
      const site = await open({ source: source() });
      const browser = site.browser();
      const created = await signUp(browser, "ada@example.com");
      const { attemptId } = (await startEmailAdd(browser, "ada@example.com")).body;
      await site.queue.drain();
      const verified = await browser.call("/v1/user/email/verify", {
        attemptId,
        code: await site.mail.nextCode("ada@example.com"),
      });
      expect(verified.body).toMatchObject({
        id: created.body.user.id,
        email: "ada@example.com",
        emailVerified: true,
        displayName: "Planted",
      });
      expect((await byPasskey(browser)).body.user.id).toBe(created.body.user.id);
      expect((await byMail(site, "ada@example.com", site.browser())).body.user.id).toBe(created.body.user.id);
      expect((await byPasskey(browser)).status).toBe(200);
    });
    it("a claim of an account that proved another address hands nothing over", async () => {
      const site = await open({ source: source() });
      const attacker = site.browser();
      const evil = await byMail(site, "evil@example.com", attacker);
      const { claimEmail } = await import("./index.js");
      await site.store.transaction((trx) => claimEmail(site.engine, trx, { userId: evil.body.user.id, email: victim }));
      const owner = await byMail(site, victim, site.browser());
      expect(owner.body.user.id).not.toBe(evil.body.user.id);
      expect((await attacker.call<Answer["user"]>("/v1/user")).body.email).toBe("evil@example.com");
    });
    it("a suspended claimant does not lock the mailbox owner out", async () => {
      const site = await open({ source: source() });
      const planted = await signUp(site.browser(), victim);
      await site.store.db
        .updateTable("segno_users")
        .set({ status: "suspended" })
        .where("id", "=", planted.body.user.id)
        .execute();
      const owner = await byMail(site, victim, site.browser());
      expect(owner.status).toBe(200);
      expect(owner.body.user.id).not.toBe(planted.body.user.id);
    });
    it("changing the address frees the old one and tells its owner", async () => {
      const site = await open({ source: source() });
      const browser = site.browser();
      const ada = await byMail(site, "old@example.com", browser);
      const { attemptId } = (await startEmailAdd(browser, "new@example.com")).body;
      await site.queue.drain();
      const code = await site.mail.nextCode("new@example.com");
      expect((await browser.call("/v1/user/email/verify", { attemptId, code })).body).toMatchObject({
        email: "new@example.com",
      });
      await site.queue.drain();
      expect((await site.mail.next("old@example.com")).subject).toContain("was changed");
      expect((await byMail(site, "new@example.com", site.browser())).body.user.id).toBe(ada.body.user.id);
      expect((await byMail(site, "old@example.com", site.browser())).body.user.id).not.toBe(ada.body.user.id);
    });
    it("an address attempt belongs to its session and its account", async () => {
      const site = await open({ source: source() });
      const browser = site.browser();
      await byMail(site, "ada@example.com", browser);
      const { attemptId } = (await startEmailAdd(browser, "new@example.com")).body;
      await site.queue.drain();
      const code = await site.mail.nextCode("new@example.com");
      await byMail(site, "eve@example.com", browser);
      expect((await browser.call("/v1/user/email/verify", { attemptId, code })).body).toMatchObject({
        code: "attempt_expired",
      });
      expect((await site.browser().call("/v1/email/verify", { attemptId, code })).body).toMatchObject({
        code: "attempt_expired",
      });
    });
    it("sign-up closed: unknown people stay out, claimed and known ones come in", async () => {
      const site = await open({ source: source() });
      await byMail(site, "known@example.com", site.browser());
      await signUp(site.browser(), "claimed@example.com");
      Object.assign(site.engine.config.signIn, { signUp: false });
      expect((await byMail(site, "known@example.com", site.browser())).status).toBe(200);
      expect((await byMail(site, "claimed@example.com", site.browser())).status).toBe(200);
      const actor = { requestId: "r" };
      const proof = site.store.transaction((trx) =>
        proveEmail(site.engine, trx, { email: "new@example.com", method: "email_code" }, actor),
      );
      await expect(proof).rejects.toMatchObject({ code: "sign_up_closed" });
    });
  });
});

describe.each(stores())("one owner per address ($name)", ({ source }) => {
  it.each([0, 3])(
    "T-002: parallel proofs of one address with %i claims end with one verified account",
    async (claims) => {
      const site = await open({ source: source() });
      const actor = { requestId: "r" };
      await site.store.transaction(async (trx) => {
        const { claimEmail } = await import("./index.js");
        for (let index = 0; index < claims; index += 1) {
          const user = await createUser(site.engine, trx, { method: "passkey" }, actor);
          await claimEmail(site.engine, trx, { userId: user.id, email: victim });
        }
      });
      const { runSignIn } = await import("../attempts/index.js");
      const proofs = await Promise.allSettled(
        Array.from({ length: 20 }, () =>
          runSignIn(site.engine, { method: "email_code", actor }, (trx) =>
            proveEmail(site.engine, trx, { email: victim, method: "email_code" }, actor),
          ),
        ),
      );
      const ids = new Set(proofs.flatMap((proof) => (proof.status === "fulfilled" ? [proof.value.user.id] : [])));
      expect(proofs.filter(({ status }) => status === "rejected")).toEqual([]);
      const verified = await site.store.db
        .selectFrom("segno_identifiers")
        .selectAll()
        .where("value", "=", victim)
        .execute();
      expect(verified).toHaveLength(1);
      expect(ids).toEqual(new Set([verified[0]?.user_id]));
      expect((await site.events()).filter(({ type }) => type === "email.verified")).toHaveLength(1);
    },
  );
});
