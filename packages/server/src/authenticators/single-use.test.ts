// Everything that may be used once, in one table: 50 redemptions at the same moment, over two engines on one database.
import { createDpopProof, generateDpopKeyPair, jwkThumbprint } from "@segno/core";
import {
  createSoftwareAuthenticator,
  type CreationOptions,
  type RequestOptions,
  type TestBrowser,
} from "@segno/testing";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { openSite, origin, type Site } from "./site.double.js";

interface Ceremony<Options> {
  attemptId: string;
  publicKey: Options;
}
interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}
type Headers = Readonly<Record<string, string>>;
interface Redeemable {
  /** Path below the base path, and what is posted to it. */
  readonly path: string;
  readonly json?: unknown;
  readonly form?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly headers?: Headers | (() => Promise<Headers>);
  /** Default: how many answers were 2xx or 303. */
  readonly successes?: (answers: readonly Answer[]) => number;
  /** What every answer but the first looks like. */
  readonly refusal?: string;
  /** What is left in the store, looked at afterwards. */
  readonly left?: (site: Site) => Promise<void>;
}
type Kind = (site: Site, browser: TestBrowser) => Promise<Redeemable>;

const email = "ada@example.com";
const parallel = 50;
const dpopKey = generateDpopKeyPair();

async function startMail(site: Site, browser: TestBrowser, path = "/v1/email/start", address = email, more = {}) {
  const { body } = await browser.call<{ attemptId: string }>(path, { email: address, ...more });
  await site.queue.drain();
  const { text } = await site.mail.next(address);
  const code = text.replace(/https?:\S+/g, "").match(/\b\d{6}\b/)?.[0] ?? "";
  return { attemptId: body.attemptId, code, token: text.match(/token=([\w-]+)/)?.[1] ?? "" };
}
async function signInByMail(site: Site, browser: TestBrowser, mode: "cookie" | "token" = "cookie") {
  const { attemptId, code } = await startMail(site, browser);
  const headers = mode === "token" ? { dpop: await proof("/v1/email/verify") } : {};
  const { body } = await browser.call<{ tokens?: { accessToken: string; refreshToken: string } }>(
    "/v1/email/verify",
    { attemptId, code, mode },
    { headers },
  );
  return body.tokens ?? { accessToken: "", refreshToken: "" };
}
async function signUpByPasskey(browser: TestBrowser) {
  const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/sign-up/options", {});
  const response = await browser.authenticator.create(body.publicKey);
  return { path: "/v1/passkeys/sign-up/verify", json: { attemptId: body.attemptId, response } };
}
async function proof(path: string, input: { method?: string; accessToken?: string } = {}) {
  const { privateKey, publicJwk } = await dpopKey;
  const { method = "POST", ...rest } = input;
  const nowSeconds = Date.parse("2026-01-01T00:00:00Z") / 1000;
  return createDpopProof({ privateKey, publicJwk, method, url: `${origin}/api/auth${path}`, nowSeconds, ...rest });
}
async function assertion(browser: TestBrowser, kind: "sign-in" | "step-up"): Promise<Redeemable> {
  const { body } = await browser.call<Ceremony<RequestOptions>>(`/v1/passkeys/${kind}/options`, {});
  const response = await browser.authenticator.get(body.publicKey);
  return { path: `/v1/passkeys/${kind}/verify`, json: { attemptId: body.attemptId, response } };
}
type Table =
  | "segno_users"
  | "segno_sessions"
  | "segno_passkeys"
  | "segno_identifiers"
  | "segno_refresh_families"
  | "segno_revoked_tokens";
const rows = async (site: Site, table: Table) => (await site.store.db.selectFrom(table).selectAll().execute()).length;
const told = async (site: Site, type: string) =>
  (await site.store.db.selectFrom("segno_outbox").selectAll().where("type", "=", type).execute()).length;

async function raisedOnce(site: Site): Promise<void> {
  expect([await told(site, "stepup.success"), await rows(site, "segno_sessions")]).toEqual([1, 1]);
  expect([await told(site, "session.revoked"), await told(site, "login.success")]).toEqual([0, 1]);
}

/** Name, and how to come to the point where one request redeems it. */
const kinds: Readonly<Record<string, Kind>> = {
  "a mailed code": async (site, browser) => {
    const { attemptId, code } = await startMail(site, browser);
    return {
      path: "/v1/email/verify",
      json: { attemptId, code },
      refusal: "attempt_expired",
      left: async () => {
        expect([await rows(site, "segno_sessions"), await rows(site, "segno_users")]).toEqual([1, 1]);
        expect(await told(site, "login.success")).toBe(1);
      },
    };
  },
  "a mailed code, for tokens": async (site, browser) => {
    const { attemptId, code } = await startMail(site, browser);
    return {
      path: "/v1/email/verify",
      json: { attemptId, code, mode: "token" },
      left: async () => {
        expect([await rows(site, "segno_refresh_families"), await told(site, "token.issued")]).toEqual([1, 1]);
      },
    };
  },
  "a mailed link": async (site, browser) => {
    const { token } = await startMail(site, browser);
    return {
      path: "/v1/email/link",
      json: { token },
      left: async () => expect(await rows(site, "segno_sessions")).toBe(1),
    };
  },
  "a code that adds an address": async (site, browser) => {
    await signInByMail(site, browser);
    const { attemptId, code } = await startMail(site, browser, "/v1/user/email/start", "new@example.com");
    return {
      path: "/v1/user/email/verify",
      json: { attemptId, code },
      left: async () => {
        expect(await rows(site, "segno_identifiers")).toBe(1);
        expect(await told(site, "email.verified")).toBe(2);
      },
    };
  },
  "a passkey sign-up": async (site, browser) => ({
    ...(await signUpByPasskey(browser)),
    refusal: "attempt_expired",
    left: async () => {
      for (const table of ["segno_users", "segno_passkeys", "segno_sessions"] as const)
        expect(await rows(site, table), table).toBe(1);
    },
  }),
  "a passkey sign-in": async (site, browser) => {
    const up = await signUpByPasskey(browser);
    await browser.call(up.path, up.json);
    return {
      ...(await assertion(browser, "sign-in")),
      left: async () => expect(await told(site, "login.success")).toBe(2),
    };
  },
  "a step-up": async (site, browser) => {
    const up = await signUpByPasskey(browser);
    await browser.call(up.path, up.json);
    return {
      ...(await assertion(browser, "step-up")),
      left: async () =>
        expect([await told(site, "stepup.success"), await rows(site, "segno_sessions")]).toEqual([1, 1]),
    };
  },
  "a step-up by a mailed code": async (site, browser) => {
    await signInByMail(site, browser);
    const { attemptId, code } = await startMail(site, browser, "/v1/email/start", email, { stepUp: true });
    return {
      path: "/v1/email/verify",
      json: { attemptId, code, stepUp: true },
      left: () => raisedOnce(site),
    };
  },
  "a step-up by a mailed code, for tokens": async (site, browser) => {
    const { accessToken } = await signInByMail(site, browser, "token");
    const { attemptId, code } = await startMail(site, browser);
    return {
      path: "/v1/email/verify",
      json: { attemptId, code, stepUp: true, mode: "token" },
      // one proof for each: what is raced is the code
      headers: async () => ({
        authorization: `DPoP ${accessToken}`,
        dpop: await proof("/v1/email/verify", { accessToken }),
      }),
      refusal: "attempt_expired",
      left: async () => {
        await raisedOnce(site);
        expect(await rows(site, "segno_refresh_families")).toBe(1);
      },
    };
  },
  "a step-up by a mailed link": async (site, browser) => {
    await signInByMail(site, browser);
    const { token } = await startMail(site, browser, "/v1/email/start", email, { stepUp: true });
    return {
      path: "/v1/email/link",
      json: { token },
      left: () => raisedOnce(site),
    };
  },
  "a further passkey": async (site, browser) => {
    const up = await signUpByPasskey(browser);
    await browser.call(up.path, up.json);
    const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/add/options", {});
    const response = await createSoftwareAuthenticator({ origin }).create(body.publicKey);
    return {
      path: "/v1/passkeys/add/verify",
      json: { attemptId: body.attemptId, response },
      left: async () => expect([await rows(site, "segno_passkeys"), await told(site, "passkey.added")]).toEqual([2, 2]),
    };
  },
  "a refresh token": async (site, browser) => {
    await signInByMail(site, browser);
    const { body } = await browser.call<{ refreshToken: string }>("/v1/session/grant", {});
    return {
      path: "/oauth2/token",
      form: { grant_type: "refresh_token", refresh_token: body.refreshToken, client_id: "segno" },
      // retries are answered: all with the one successor there is
      successes: (answers) => new Set(answers.map((answer) => answer.body.refresh_token)).size,
      left: async () => {
        const families = await site.store.db.selectFrom("segno_refresh_families").selectAll().execute();
        expect(families.map(({ generation, revoked_at }) => [generation, revoked_at])).toEqual([[2, null]]);
        expect(await told(site, "risk.alert")).toBe(0);
      },
    };
  },
  "a DPoP proof, at an API": async (site, browser) => {
    const { accessToken } = await signInByMail(site, browser, "token");
    const dpop = await proof("/v1/sessions", { method: "GET", accessToken });
    return {
      path: "/v1/sessions",
      method: "GET",
      headers: { cookie: "", authorization: `DPoP ${accessToken}`, dpop },
      refusal: "invalid_dpop_proof",
    };
  },
  "a DPoP proof, at the token endpoint": async (site, browser) => {
    const { refreshToken } = await signInByMail(site, browser, "token");
    const dpop = await proof("/oauth2/token");
    return {
      path: "/oauth2/token",
      form: { grant_type: "refresh_token", refresh_token: refreshToken, client_id: "segno" },
      headers: { dpop },
      refusal: "invalid_dpop_proof",
    };
  },
  "a DPoP proof, binding a new family": async (site, browser) => {
    await signInByMail(site, browser);
    return {
      path: "/v1/session/grant",
      json: {},
      headers: { dpop: await proof("/v1/session/grant") },
      refusal: "invalid_dpop_proof",
      left: async () => {
        const families = await site.store.db.selectFrom("segno_refresh_families").select("dpop_jkt").execute();
        expect(families).toEqual([{ dpop_jkt: await jwkThumbprint((await dpopKey).publicJwk) }]);
      },
    };
  },
  "the end of a session": async (site, browser) => {
    await signInByMail(site, browser);
    // answered alike however often: what counts is that it ends once
    return {
      path: "/v1/sign-out",
      json: {},
      successes: () => 1,
      left: async () => expect(await told(site, "session.revoked")).toBe(1),
    };
  },
  "the deletion of an account": async (site, browser) => {
    await signInByMail(site, browser);
    return {
      path: "/v1/user",
      method: "DELETE",
      json: {},
      left: async () => expect(await told(site, "user.deleted")).toBe(1),
    };
  },
};

async function requestOf(thing: Redeemable, browser: TestBrowser): Promise<Request> {
  const { json, form, method = "POST" } = thing;
  const headers = typeof thing.headers === "function" ? await thing.headers() : (thing.headers ?? {});
  const type = form === undefined ? "application/json" : "application/x-www-form-urlencoded";
  const body = form === undefined ? json : new URLSearchParams(form).toString();
  return new Request(`${origin}/api/auth${thing.path}`, {
    method,
    headers: {
      origin,
      cookie: browser.cookies.header(new URL(origin)) ?? "",
      ...(body === undefined ? {} : { "content-type": type }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
}

async function send(site: Site, request: Request): Promise<Answer> {
  const response = await site.handler(request, { remoteAddress: "203.0.113.10" });
  const text = await response.text();
  return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : {} };
}
const isSuccess = ({ status }: Answer) => status < 300 || status === 303;

describe.each(testDatabases)("on $name", ({ name, skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }

  /** Two engines on one database; in memory there is only one. */
  let sites: readonly [Site, Site];
  let database: TestDatabase;
  beforeAll(async () => {
    database = await create();
    const one = await openSite({ source: database.source() });
    // either of them may send a mail that the other put into the queue
    const open = () => openSite({ source: database.source(), more: { email: one.mail } });
    sites = name === "sqlite memory" ? [one, one] : [one, await open()];
  });
  beforeEach(() => sites[0].reset());
  afterAll(async () => {
    for (const site of new Set(sites)) await site.close();
    await database.drop();
  });

  it.each(Object.entries(kinds))("T-023, T-024: %s: of 50 at once exactly one counts", async (_kind, prepare) => {
    const [one, two] = sites;
    const browser = one.browser();
    const thing = await prepare(one, browser);
    const requests = await Promise.all(Array.from({ length: parallel }, () => requestOf(thing, browser)));
    const answers = await Promise.all(requests.map((request, index) => send(index % 2 === 0 ? one : two, request)));
    expect(answers.filter(({ status }) => status >= 500)).toEqual([]);
    const successes = thing.successes ?? ((all) => all.filter(isSuccess).length);
    expect(successes(answers)).toBe(1);
    if (thing.refusal !== undefined) {
      const refusals = answers.filter((answer) => !isSuccess(answer));
      expect(new Set(refusals.map(({ body }) => body.code ?? body.error))).toEqual(new Set([thing.refusal]));
    }
    await thing.left?.(one);
    // and never again
    const late = await send(two, await requestOf(thing, browser));
    if (thing.successes === undefined) expect(isSuccess(late)).toBe(false);
  });

  it("T-023: link and code of one mail at once: one of them", async () => {
    const [one, two] = sites;
    const browser = one.browser();
    const { attemptId, code, token } = await startMail(one, browser);
    const byLink: Redeemable = { path: "/v1/email/link", json: { token } };
    const byCode: Redeemable = { path: "/v1/email/verify", json: { attemptId, code } };
    const answers = await Promise.all(
      Array.from({ length: 10 }, async (_, index) =>
        send(index % 4 < 2 ? one : two, await requestOf(index % 2 === 0 ? byLink : byCode, browser)),
      ),
    );
    expect(answers.filter(isSuccess)).toHaveLength(1);
    expect(await rows(one, "segno_sessions")).toBe(1);
  });

  it("T-103: one passkey counter value used in ten ceremonies at once passes once", async () => {
    const [one, two] = sites;
    const device = createSoftwareAuthenticator({ origin, signCount: 1 });
    const browser = one.browser({ authenticator: device });
    const up = await signUpByPasskey(browser);
    await browser.call(up.path, up.json);
    const ceremonies: Redeemable[] = [];
    for (let index = 0; index < 10; index += 1) {
      const { body } = await browser.call<Ceremony<RequestOptions>>("/v1/passkeys/sign-in/options", {});
      const response = await device.get(body.publicKey, { counter: 7 });
      ceremonies.push({ path: "/v1/passkeys/sign-in/verify", json: { attemptId: body.attemptId, response } });
    }
    const answers = await Promise.all(
      ceremonies.map(async (ceremony, index) => send(index % 2 === 0 ? one : two, await requestOf(ceremony, browser))),
    );
    expect(answers.filter(isSuccess)).toHaveLength(1);
    expect(await told(one, "risk.alert")).toBe(9);
  });

  it("T-105: parallel removals of the last two passkeys leave one", async () => {
    const [one, two] = sites;
    const browser = one.browser();
    const up = await signUpByPasskey(browser);
    await browser.call(up.path, up.json);
    const { body } = await browser.call<Ceremony<CreationOptions>>("/v1/passkeys/add/options", {});
    const response = await createSoftwareAuthenticator({ origin }).create(body.publicKey);
    await browser.call("/v1/passkeys/add/verify", { attemptId: body.attemptId, response });
    const { body: list } = await browser.call<{ passkeys: { id: string }[] }>("/v1/passkeys");
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const path = `/v1/passkeys/${list.passkeys[index % 2]?.id}`;
        return send(index % 4 < 2 ? one : two, await requestOf({ path, method: "DELETE" }, browser));
      }),
    );
    expect(await rows(one, "segno_passkeys")).toBe(1);
  });

  it("T-096: of 50 wrong codes at once five are compared, and then not even the right one", async () => {
    const [one, two] = sites;
    const browser = one.browser();
    const { attemptId, code } = await startMail(one, browser);
    const wrong: Redeemable = {
      path: "/v1/email/verify",
      json: { attemptId, code: code === "000000" ? "000001" : "000000" },
    };
    const answers = await Promise.all(
      Array.from({ length: parallel }, async (_, index) =>
        send(index % 2 === 0 ? one : two, await requestOf(wrong, browser)),
      ),
    );
    expect(answers.filter(({ body }) => body.code === "wrong_code")).toHaveLength(5);
    const late = await send(two, await requestOf({ path: "/v1/email/verify", json: { attemptId, code } }, browser));
    expect(late.status).toBe(400);
  });
});
