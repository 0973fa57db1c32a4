import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { openSite, type Site, stores } from "../authenticators/site.double.js";
import type { TestBrowser } from "@segno/testing";
import { createUser, deleteUser, readUser, resumeUser, suspendUser } from "./index.js";
import { nextUserStatus, type UserStatus, type UserTransition } from "./user-status.js";

const sites: Site[] = [];
afterEach(async () => {
  for (const site of sites.splice(0)) await site.close();
});
async function open(...options: Parameters<typeof openSite>): Promise<Site> {
  const site = await openSite(...options);
  sites.push(site);
  return site;
}
const actor = { requestId: "r" };
const verbs = { suspend: suspendUser, resume: resumeUser, delete: deleteUser } as const;

async function signIn(site: Site, email: string, browser: TestBrowser = site.browser()) {
  const { body } = await browser.call<{ attemptId: string }>("/v1/email/start", { email });
  await site.queue.drain();
  const code = await site.mail.nextCode(email);
  const answer = await browser.call<{ user: { id: string }; code?: string }>("/v1/email/verify", {
    attemptId: body.attemptId,
    code,
  });
  return { browser, answer, id: answer.body.user?.id ?? "" };
}

describe.each(stores().filter(({ name }) => !name.endsWith("eight")))("account lifecycle on $name", ({ source }) => {
  it("every walk over the verbs agrees with the state machine, with one event per transition", async () => {
    const site = await open({ source: source() });
    const walk = fc.array(fc.constantFrom<UserTransition>("suspend", "resume", "delete"), {
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(walk, async (steps) => {
        const { id } = await site.store.transaction((trx) =>
          createUser(site.engine, trx, { method: "passkey" }, actor),
        );
        let expected: UserStatus = "active";
        let transitions = 0;
        for (const verb of steps) {
          const next = nextUserStatus(expected, verb);
          const outcome = await verbs[verb](site.engine, id, actor).then(
            () => "done",
            (error: { code: string }) => error.code,
          );
          expect(outcome).toBe(next === undefined ? (expected === "deleted" ? "not_found" : "conflict") : "done");
          if (next !== undefined) transitions += 1;
          expected = next ?? expected;
          const row = await site.store.db
            .selectFrom("segno_users")
            .select("status")
            .where("id", "=", id)
            .executeTakeFirst();
          expect(row?.status).toBe(expected);
        }
        const told = (await site.events()).filter(({ subject, type }) => subject === id && type !== "user.created");
        expect(told).toHaveLength(transitions);
      }),
      { numRuns: 30, seed: 3 },
    );
  });
  it("T-021: suspending ends sessions and open attempts; resuming brings none of them back", async () => {
    const site = await open({ source: source() });
    const { browser, id } = await signIn(site, "ada@example.com");
    const waiting = site.browser();
    const { body } = await waiting.call<{ attemptId: string }>("/v1/email/start", { email: "ada@example.com" });
    await site.queue.drain();
    const code = await site.mail.nextCode("ada@example.com");
    await suspendUser(site.engine, id, actor);
    expect((await browser.call("/v1/user")).status).toBe(401);
    expect((await waiting.call("/v1/email/verify", { attemptId: body.attemptId, code })).status).toBe(400);
    expect((await signIn(site, "ada@example.com")).answer.body).toMatchObject({ code: "account_unavailable" });
    await resumeUser(site.engine, id, actor);
    expect((await browser.call("/v1/user")).status).toBe(401);
    expect((await signIn(site, "ada@example.com")).id).toBe(id);
  });
  it("T-021: deleting takes everything along and frees the address", async () => {
    const site = await open({ source: source() });
    const { browser, id } = await signIn(site, "ada@example.com");
    const other = await signIn(site, "ada@example.com");
    expect((await browser.call("/v1/user", { displayName: "Ada" }, { method: "PATCH" })).status).toBe(200);
    expect((await browser.call("/v1/user", {}, { method: "DELETE" })).status).toBe(204);
    for (const device of [browser, other.browser]) expect((await device.call("/v1/user")).status).toBe(401);
    expect(await readUser(site.engine, site.store.db, id)).toBeUndefined();
    const left = JSON.stringify([
      await site.store.db.selectFrom("segno_users").selectAll().where("id", "=", id).execute(),
      await site.store.db.selectFrom("segno_identifiers").selectAll().execute(),
      await site.store.db.selectFrom("segno_attempts").selectAll().execute(),
    ]);
    expect(left).not.toMatch(/ada@|Ada"/);
    expect((await signIn(site, "ada@example.com")).id).not.toBe(id);
    expect((await site.events()).filter(({ type }) => type === "user.deleted")).toMatchObject([
      { subject: id, data: { reason: "by_user" } },
    ]);
  });
  it("T-001 T-007: PATCH takes the name alone and acts on the caller alone", async () => {
    const site = await open({ source: source() });
    const { browser, id } = await signIn(site, "ada@example.com");
    const eve = await signIn(site, "eve@example.com");
    for (const extra of [
      { userId: eve.id },
      { id: eve.id },
      { status: "suspended" },
      { emailVerified: true },
      { email: "x@example.com" },
    ]) {
      const answer = await browser.call("/v1/user", { displayName: "Ada", ...extra }, { method: "PATCH" });
      expect(answer.body).toMatchObject({ code: "invalid_input" });
    }
    expect((await browser.call("/v1/user", {}, { method: "PATCH" })).status).toBe(400);
    const before = (await browser.call<{ missing: string[] }>("/v1/user")).body;
    expect(before.missing).toEqual(["displayName"]);
    const renamed = await browser.call("/v1/user", { displayName: "  Ada   L\u00e9 " }, { method: "PATCH" });
    expect(renamed.body).toMatchObject({ id, displayName: "Ada   L\u00e9", missing: [] });
    for (const bad of ["", "   ", "a\nb", "a\u202eb", "x".repeat(81), "\u0000", 7, ["a"], {}]) {
      expect((await browser.call("/v1/user", { displayName: bad }, { method: "PATCH" })).status).toBe(400);
    }
    expect((await eve.browser.call("/v1/user")).body).toMatchObject({ displayName: null });
    expect((await browser.call("/v1/user", { displayName: null }, { method: "PATCH" })).body).toMatchObject({
      displayName: null,
    });
    const raw = (await site.events()).map((event) => event.raw).join();
    expect(raw).not.toContain("Ada");
  });
});

describe.each(stores())("lifecycle under concurrency ($name)", ({ source }) => {
  it("of 20 parallel suspensions one takes effect", async () => {
    const site = await open({ source: source() });
    const { id } = await site.store.transaction((trx) => createUser(site.engine, trx, { method: "passkey" }, actor));
    const all = await Promise.allSettled(Array.from({ length: 20 }, () => suspendUser(site.engine, id, actor)));
    expect(all.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect((await site.events()).filter(({ type }) => type === "user.suspended")).toHaveLength(1);
  });
});
