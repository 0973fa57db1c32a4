// Every statement and every commit of every flow fails once: before it runs, and after it ran with its answer lost.
import { AsyncLocalStorage } from "node:async_hooks";
import {
  createSoftwareAuthenticator,
  type CreationOptions,
  type RequestOptions,
  type TestBrowser,
} from "@segno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { openSite, origin, type Site } from "./site.double.js";

interface Ceremony<Options> {
  attemptId: string;
  publicKey: Options;
}
interface Answer {
  readonly status: number;
  readonly body: unknown;
}
/** The last request of a flow: the one that fails at every point in turn. */
type Request = () => Promise<Answer>;
interface Flow {
  readonly prepare: (site: Site, browser: TestBrowser) => Promise<Request>;
  /** A second try is told that there is nothing left to do. */
  readonly settledBy?: readonly number[];
  /** Its last step is a read: a 503 may then come after the change. Sent again it changes nothing more. */
  readonly isIdempotent?: boolean;
  /** What is true once it went through, however often it was tried. */
  readonly goal?: (site: Site) => Promise<void>;
}

const email = "ada@example.com";
const canary = "canary-fault";

async function mailedCode(site: Site, to: string): Promise<string> {
  await site.queue.drain();
  const code = await site.mail.nextCode(to);
  site.mail.clear();
  return code;
}
async function codeFor(site: Site, browser: TestBrowser, path = "/v1/email/start", to = email) {
  const { body } = await browser.call<{ attemptId: string }>(path, { email: to });
  return { attemptId: body.attemptId, code: await mailedCode(site, to) };
}
async function linkFor(site: Site, browser: TestBrowser, more: object = {}): Promise<Request> {
  await browser.call("/v1/email/start", { email, ...more });
  await site.queue.drain();
  const token = new URL(await site.mail.nextLink(email)).searchParams.get("token");
  site.mail.clear();
  const headers = { "content-type": "application/json" };
  return async () => {
    const body = JSON.stringify({ token });
    const response = await browser.fetch("/api/auth/v1/email/link", { method: "POST", headers, body });
    return { status: response.status === 303 ? 200 : response.status, body: await response.text() };
  };
}
async function byMail(site: Site, browser: TestBrowser): Promise<void> {
  const answer = await browser.call("/v1/email/verify", await codeFor(site, browser));
  expect(answer.status).toBe(200);
}
async function signUp(browser: TestBrowser, input: object = {}): Promise<Answer> {
  const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/sign-up/options", input);
  const response = await browser.authenticator.create(body.publicKey);
  return browser.call("/v1/passkeys/sign-up/verify", { attemptId: body.attemptId, response });
}
async function withPasskey(browser: TestBrowser): Promise<void> {
  const { body } = await browser.call<{ user: object | null }>("/v1/session");
  if (body.user === null) expect((await signUp(browser)).status).toBe(200);
}
async function assertion(browser: TestBrowser, kind: "sign-in" | "step-up"): Promise<Request> {
  const { body } = await browser.call<Ceremony<RequestOptions>>(`/v1/passkeys/${kind}/options`, {});
  const response = await browser.authenticator.get(body.publicKey);
  return () => browser.call(`/v1/passkeys/${kind}/verify`, { attemptId: body.attemptId, response });
}
async function addPasskey(browser: TestBrowser): Promise<Request> {
  const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/add/options", {});
  const response = await createSoftwareAuthenticator({ origin }).create(body.publicKey);
  return () => browser.call("/v1/passkeys/add/verify", { attemptId: body.attemptId, response });
}
const passkeysOf = async (browser: TestBrowser) =>
  (await browser.call<{ passkeys: { id: string }[] }>("/v1/passkeys")).body.passkeys;
const sessionOf = async (browser: TestBrowser) =>
  (await browser.call<{ session: { id: string } }>("/v1/session")).body.session.id;

/** A flow that needs a session by mail, then sends one request. */
const inSession = (path: string, body?: unknown, method = "POST"): Flow["prepare"] => {
  return async (site, browser) => {
    const { body: now } = await browser.call<{ user: object | null }>("/v1/session");
    if (now.user === null) await byMail(site, browser);
    const target = path.includes("{session}") ? path.replace("{session}", await sessionOf(browser)) : path;
    return () => browser.call(target, body, { method });
  };
};
const form = (browser: TestBrowser, path: string, fields: Readonly<Record<string, string>>): Request => {
  return async () => {
    const response = await browser.fetch(`/api/auth${path}`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams(fields).toString(),
    });
    return { status: response.status, body: await response.json() };
  };
};
const grantOf = async (site: Site, browser: TestBrowser) => {
  await (await inSession("/v1/session/token", {})(site, browser))();
  return (await browser.call<{ refreshToken: string; accessToken: string }>("/v1/session/grant", {})).body;
};
const rows = async (
  site: Site,
  table: "segno_users" | "segno_sessions" | "segno_passkeys" | "segno_identifiers" | "segno_mail",
) => (await site.store.db.selectFrom(table).selectAll().execute()).length;

/** One person, and the session there is was raised; with its new cookie lost, by somebody who signed in again. */
const raised = async (site: Site) => {
  expect(await rows(site, "segno_users")).toBe(1);
  expect((await site.events()).filter(({ type }) => type === "stepup.success").length).toBeGreaterThan(0);
};

const flows: Readonly<Record<string, Flow>> = {
  "asking for a mail": {
    prepare: async (_site, browser) => () => browser.call("/v1/email/start", { email }),
    goal: async (site) => {
      await site.queue.drain();
      expect(site.mail.messages.length).toBeGreaterThan(0);
    },
  },
  "sign-up by code": {
    prepare: async (site, browser) => {
      const input = await codeFor(site, browser);
      return () => browser.call("/v1/email/verify", input);
    },
    goal: async (site) =>
      expect([await rows(site, "segno_users"), await rows(site, "segno_identifiers")]).toEqual([1, 1]),
  },
  "taking over a claimed address by code": {
    prepare: async (site, browser) => {
      if ((await rows(site, "segno_users")) === 0) await signUp(site.browser(), { email });
      const input = await codeFor(site, browser);
      return () => browser.call("/v1/email/verify", input);
    },
    goal: async (site) => expect([await rows(site, "segno_users"), await rows(site, "segno_passkeys")]).toEqual([1, 0]),
  },
  "sign-up by link": {
    prepare: (site, browser) => linkFor(site, browser),
    goal: async (site) => expect(await rows(site, "segno_users")).toBe(1),
  },
  "sign-up by passkey": {
    prepare: async (_site, browser) => {
      const input = { email };
      const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/sign-up/options", input);
      const response = await createSoftwareAuthenticator({ origin }).create(body.publicKey);
      return () => browser.call("/v1/passkeys/sign-up/verify", { attemptId: body.attemptId, response });
    },
  },
  "sign-in by passkey": {
    prepare: async (site, browser) => {
      if ((await rows(site, "segno_users")) === 0) await withPasskey(browser);
      return assertion(browser, "sign-in");
    },
    goal: async (site) => expect(await rows(site, "segno_users")).toBe(1),
  },
  "step-up": {
    prepare: async (site, browser) => {
      if ((await rows(site, "segno_users")) === 0) await withPasskey(browser);
      // the news of the new cookie was lost: sign in again
      const { body } = await browser.call<{ user: object | null }>("/v1/session");
      if (body.user === null) await (await assertion(browser, "sign-in"))();
      return assertion(browser, "step-up");
    },
    settledBy: [401],
  },
  "step-up by code": {
    prepare: async (site, browser) => {
      await (await inSession("/v1/session", undefined, "GET")(site, browser))();
      const input = await codeFor(site, browser);
      return () => browser.call("/v1/email/verify", { ...input, stepUp: true });
    },
    // the news of the new cookie was lost
    settledBy: [401],
    goal: raised,
  },
  "step-up by link": {
    prepare: async (site, browser) => {
      await (await inSession("/v1/session", undefined, "GET")(site, browser))();
      return linkFor(site, browser, { stepUp: true });
    },
    goal: raised,
  },
  "a further passkey": {
    prepare: async (_site, browser) => {
      await withPasskey(browser);
      return addPasskey(browser);
    },
    goal: async (site) => expect(await rows(site, "segno_passkeys")).toBeGreaterThan(1),
  },
  "removing a passkey": {
    prepare: async (_site, browser) => {
      await withPasskey(browser);
      await (await addPasskey(browser))();
      const last = (await passkeysOf(browser)).at(-1)?.id;
      return () => browser.call(`/v1/passkeys/${last}`, undefined, { method: "DELETE" });
    },
    settledBy: [404],
    goal: async (site) => expect(await rows(site, "segno_passkeys")).toBe(1),
  },
  "naming a passkey": {
    prepare: async (_site, browser) => {
      await withPasskey(browser);
      const id = (await passkeysOf(browser))[0]?.id;
      return () => browser.call(`/v1/passkeys/${id}`, { name: "Key" }, { method: "PATCH" });
    },
    isIdempotent: true,
  },
  "asking for another address": { prepare: inSession("/v1/user/email/start", { email: "new@example.com" }) },
  "changing the address": {
    prepare: async (site, browser) => {
      await (await inSession("/v1/session/token", {})(site, browser))();
      const input = await codeFor(site, browser, "/v1/user/email/start", "new@example.com");
      return () => browser.call("/v1/user/email/verify", input);
    },
    goal: async (site) => {
      const held = await site.store.db.selectFrom("segno_identifiers").select("value").execute();
      expect(held).toEqual([{ value: "new@example.com" }]);
    },
  },
  "changing the name": { prepare: inSession("/v1/user", { displayName: "Ada" }, "PATCH"), isIdempotent: true },
  "deleting the account": {
    prepare: inSession("/v1/user", {}, "DELETE"),
    settledBy: [401],
    goal: async (site) => expect(await rows(site, "segno_identifiers")).toBe(0),
  },
  "reading the session": { prepare: inSession("/v1/session", undefined, "GET") },
  "listing sessions": { prepare: inSession("/v1/sessions", undefined, "GET") },
  "naming a device": { prepare: inSession("/v1/sessions/{session}", { deviceName: "x" }, "PATCH"), isIdempotent: true },
  "signing out": {
    prepare: inSession("/v1/sign-out", {}),
    goal: async (site) => {
      const sessions = await site.store.db.selectFrom("segno_sessions").select("revoked_at").execute();
      expect(sessions.every(({ revoked_at }) => revoked_at !== null)).toBe(true);
    },
  },
  "ending all sessions": { prepare: inSession("/v1/sessions/revoke", { which: "all" }), settledBy: [401] },
  "a token for the session": { prepare: inSession("/v1/session/token", {}) },
  "a refresh token": { prepare: inSession("/v1/session/grant", {}) },
  refreshing: {
    prepare: async (site, browser) => {
      const { refreshToken } = await grantOf(site, browser);
      const grant = { grant_type: "refresh_token", refresh_token: refreshToken, client_id: "segno" };
      return form(browser, "/oauth2/token", grant);
    },
    goal: async (site) => {
      const families = await site.store.db.selectFrom("segno_refresh_families").selectAll().execute();
      expect(families.map(({ generation, revoked_at }) => [generation, revoked_at])).toEqual([[2, null]]);
    },
  },
  "revoking a refresh token": {
    prepare: async (site, browser) => {
      const { refreshToken: token } = await grantOf(site, browser);
      return form(browser, "/oauth2/revoke", { token, client_id: "segno" });
    },
  },
  "revoking an access token": {
    prepare: async (site, browser) => {
      const { accessToken: token } = await grantOf(site, browser);
      return form(browser, "/oauth2/revoke", { token, client_id: "segno" });
    },
  },
};

/** What no fault may break. */
async function checkWhole(site: Site): Promise<void> {
  const { db } = site.store;
  const events = await db.selectFrom("segno_outbox").select(["type", "payload"]).execute();
  const told = (type: string) => events.filter((event) => event.type === type);
  const of = (type: string) =>
    told(type).map(({ payload }) => JSON.parse(payload) as { subject: string; sessionid: string });
  const sessions = await db.selectFrom("segno_sessions").selectAll().execute();
  const users = await db.selectFrom("segno_users").selectAll().execute();
  const ids = sessions.map(({ id }) => id).sort();
  expect(
    of("session.created")
      .map(({ sessionid }) => sessionid)
      .sort(),
  ).toEqual(ids);
  expect(
    of("login.success")
      .map(({ sessionid }) => sessionid)
      .sort(),
  ).toEqual(ids);
  expect(of("session.revoked")).toHaveLength(sessions.filter(({ revoked_at }) => revoked_at !== null).length);
  expect(
    of("user.created")
      .map(({ subject }) => subject)
      .sort(),
  ).toEqual(users.map(({ id }) => id).sort());
  expect(told("user.deleted")).toHaveLength(users.filter(({ status }) => status === "deleted").length);
  expect(told("risk.alert")).toEqual([]);
  const isHandedOver = told("session.revoked").some(({ payload }) => payload.includes("account_claimed"));
  const passkeys = await db.selectFrom("segno_passkeys").select("user_id").execute();
  if (!isHandedOver) expect(told("passkey.added").length - told("passkey.removed").length).toBe(passkeys.length);
  const identifiers = await db.selectFrom("segno_identifiers").select("user_id").execute();
  const ways = new Set([...passkeys, ...identifiers].map(({ user_id }) => user_id));
  for (const { id, status } of users) if (status !== "deleted") expect(ways).toContain(id);
}

/** What is told although nothing came of it: a refusal, and a decision that something was allowed. */
const toldAnyhow = ["login.failure", "policy.decided"];

/** Everything but counters of tries, proofs seen once and what is told anyhow. */
async function stateOf(site: Site): Promise<unknown> {
  const { db } = site.store;
  const tables = [
    "users",
    "identifiers",
    "sessions",
    "refresh_families",
    "passkeys",
    "mail",
    "revoked_tokens",
  ] as const;
  const state: unknown[] = [];
  for (const table of tables) state.push(await db.selectFrom(`segno_${table}`).selectAll().execute());
  const attempts = await db.selectFrom("segno_attempts").select(["id", "consumed_at"]).orderBy("id").execute();
  const events = await db.selectFrom("segno_outbox").select("type").where("type", "not in", toldAnyhow).execute();
  return JSON.stringify([...state, attempts, events.length]);
}

type Mode = "before" | "after" | "committed";
const scope = new AsyncLocalStorage<true>();

/** Fails at the `at`th point of a request. @returns its answer, and whether the point was reached */
async function failAt(site: Site, request: Request, mode: Mode, at: number) {
  let seen = 0;
  const fault = () => {
    // what runs in the background does not count
    if (scope.getStore() !== true) return;
    seen += 1;
    if (seen === at) throw Object.assign(new Error(`disk I/O error, row (${canary})`), { errcode: 10 });
  };
  Object.assign(site.faults, { [mode]: fault });
  const answer = await scope.run(true, request);
  Object.assign(site.faults, { [mode]: undefined });
  return { answer, isReached: seen >= at };
}

/** All on SQLite; on PostgreSQL, where one connection must come back each time, some. */
const kinds = testDatabases
  .filter(({ name }) => name === "sqlite memory" || name === "postgres, pool of one")
  .map((kind) => ({ ...kind, step: kind.name === "sqlite memory" ? 1 : process.env.CI === "true" ? 3 : 9 }));

describe.each(kinds)("every statement and every commit fails once ($name)", ({ skipped, create, step }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let site: Site;
  beforeAll(async () => {
    database = await create();
    site = await openSite({ source: database.source() });
    await site.queue.stop();
  });
  afterAll(async () => {
    await site.close();
    await database.drop();
  });

  it.each(Object.entries(flows))(
    "%s: nothing half-made, nothing told, and a second try gets there",
    async (_name, flow) => {
      let reached = 0;
      for (const mode of ["before", "after", "committed"] as const) {
        for (let at = 1, isReached = true; isReached && at < 100; at += step) {
          await site.reset();
          const browser = site.browser();
          const request = await flow.prepare(site, browser);
          const earlier = await stateOf(site);
          const failed = await failAt(site, request, mode, at);
          const at2 = `${mode} ${at}`;
          isReached = failed.isReached;
          if (isReached) reached += 1;
          const { status, body } = failed.answer;
          expect([200, 202, 204, 503], at2).toContain(status);
          expect(JSON.stringify(body ?? ""), at2).not.toContain(canary);
          if (status === 503 && mode !== "committed" && flow.isIdempotent !== true)
            expect(await stateOf(site), at2).toBe(earlier);
          await checkWhole(site);
          if (status !== 503) continue;
          const second = await request();
          const isSettled = second.status < 300 || flow.settledBy?.includes(second.status) === true;
          if (!isSettled) {
            expect(second.status, at2).toBe(400);
            expect((await (await flow.prepare(site, browser))()).status, at2).toBeLessThan(300);
          }
          await checkWhole(site);
          await flow.goal?.(site);
        }
      }
      expect(reached).toBeGreaterThan(step === 1 ? 1 : 0);
    },
  );
});
