import type { CreationOptions, RequestOptions, TestBrowser } from "@segno/testing";
import { describe, expect, it } from "vitest";
import { openSite, type Site } from "./site.double.js";

interface Ceremony<Options> {
  attemptId: string;
  publicKey: Options;
}
type Call = (site: Site, browser: TestBrowser) => Promise<() => Promise<{ status: number }>>;

/** Each flow prepares itself and hands back its last request: the one that is broken at every statement in turn. */
const flows: Readonly<Record<string, Call>> = {
  "sign-up by passkey": async (_site, browser) => {
    const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/sign-up/options", {
      email: "ada@example.com",
    });
    const response = await browser.authenticator.create(body.publicKey);
    return () => browser.call("/v1/passkeys/sign-up/verify", { attemptId: body.attemptId, response });
  },
  "sign-in by passkey": async (_site, browser) => {
    const { body: up } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/sign-up/options", {});
    await browser.call("/v1/passkeys/sign-up/verify", {
      attemptId: up.attemptId,
      response: await browser.authenticator.create(up.publicKey),
    });
    const { body } = await browser.call<Ceremony<RequestOptions>>("/v1/passkeys/sign-in/options", {});
    const response = await browser.authenticator.get(body.publicKey);
    return () => browser.call("/v1/passkeys/sign-in/verify", { attemptId: body.attemptId, response });
  },
  "sign-up by code": async (site, browser) => {
    const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email: "ada@example.com" });
    await site.queue.drain();
    const code = await site.mail.nextCode("ada@example.com");
    return () => browser.call("/v1/email/verify", { attemptId: body.attemptId, code });
  },
  "asking for a mail": async (_site, browser) => () => browser.call("/v1/email/start", { email: "ada@example.com" }),
};

async function count(site: Site) {
  const rows = async (
    table: "segno_users" | "segno_sessions" | "segno_passkeys" | "segno_identifiers" | "segno_mail",
  ) => (await site.store.db.selectFrom(table).selectAll().execute()).length;
  const events = (await site.events()).map(({ type }) => type);
  return {
    users: await rows("segno_users"),
    sessions: await rows("segno_sessions"),
    passkeys: await rows("segno_passkeys"),
    identifiers: await rows("segno_identifiers"),
    mails: await rows("segno_mail"),
    successes: events.filter((type) => type === "login.success").length,
    created: events.filter((type) => type === "user.created").length,
    asked: events.filter((type) => type === "email.challenge_sent").length,
  };
}

describe("every statement fails once", () => {
  it.each(Object.entries(flows))("%s: nothing half-made, and each session has its event", async (_name, prepare) => {
    let isThrough = false;
    let broken = 0;
    for (let at = 1; !isThrough && at < 60; at += 1) {
      const site = await openSite();
      await site.queue.stop();
      const run = await prepare(site, site.browser());
      const before = await count(site);
      let seen = 0;
      const stop = site.trace(() => {
        seen += 1;
        if (seen === at) throw Object.assign(new Error("disk I/O error"), { errcode: 10 });
      });
      const { status } = await run();
      stop();
      isThrough = seen < at;
      const after = await count(site);
      if (isThrough || status < 400) {
        expect(status).toBeLessThan(300);
        expect(after.sessions - before.sessions).toBe(after.successes - before.successes);
      } else {
        broken += 1;
        expect(status).toBe(503);
        expect(after).toEqual(before);
      }
      expect(after.users).toBe(after.created);
      await site.close();
    }
    expect(isThrough).toBe(true);
    expect(broken).toBeGreaterThan(3);
  });
});
