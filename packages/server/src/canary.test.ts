// Marked values through every flow and every way it fails; then a search for them wherever they must not be.
import { readFileSync } from "node:fs";
import { inspect } from "node:util";
import { createDpopProof, generateDpopKeyPair, type TelemetryHook } from "@segno/core";
import {
  createMailCapture,
  createSoftwareAuthenticator,
  createTestSegno,
  type CreationOptions,
  type RequestOptions,
  type TestBrowser,
  type TestSegno,
} from "@segno/testing";
import type { KyselyPlugin } from "kysely";
import { describe, expect, it } from "vitest";
import { faultsOf, type JsonSchema } from "../test/json-schema.js";
import { startOtel } from "../test/otel-kit.js";
import { testDatabases } from "../test/stores.js";
import type { Db, Logger, Store } from "./engine.js";
import type { StoreSource } from "./storage/index.js";

const email = "canary.ada.7319@example.com";
const otherEmail = "canary.other.7319@example.net";
const newEmail = "canary.new.7319@example.org";
const name = "Canary 555 0177 4242";
const address = "198.51.100.77";
const userAgent = "CanaryAgent/7319 (Macintosh; Mac OS X) Chrome/140.0 Safari/537.36";
const engineSecret = "canary-engine-secret-7319-abcdefghijklmnop";
const introspectionSecret = "canary-introspection-secret-7319-abcdefgh";
/** A telephone number in the shape of a name that a page makes. */
const phone = "5550177424255501774242";
const personal = [email, newEmail, otherEmail, name, address, phone, "CanaryAgent"];

const schemaFile = new URL("../../../docs/schemas/events.schema.json", import.meta.url);
const eventSchema = JSON.parse(readFileSync(schemaFile, "utf8")) as JsonSchema;

interface Ceremony<Options> {
  attemptId: string;
  publicKey: Options;
}

/** Everything said by the engine while it runs. */
function listen() {
  const logged: string[] = [];
  const traced: string[] = [];
  const events: string[] = [];
  const problems: string[] = [];
  const secrets = new Set<string>([engineSecret, introspectionSecret]);
  const write = (message: string, fields?: unknown) =>
    void logged.push(`${message} ${inspect(fields, { depth: 12, showHidden: true })}`);
  const logger: Logger = { debug: write, info: write, warn: write, error: write };
  const note =
    (stage: string) =>
    (...values: unknown[]) =>
      void traced.push(`${stage} ${inspect(values, { depth: 12 })}`);
  const hook: TelemetryHook = {
    before: note("before"),
    after: note("after"),
    error: note("error"),
    finally: note("finally"),
  };
  return { logged, traced, events, problems, secrets, logger, hook };
}
type Heard = ReturnType<typeof listen>;

/** A store whose next statements fail with what a driver says: the row itself. */
function failing(inner: StoreSource): { readonly source: StoreSource; fail(message: string | undefined): void } {
  let fault: string | undefined;
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => {
      if (fault !== undefined) throw Object.assign(new Error(fault), { code: "23502", detail: fault });
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return {
    fail: (message) => {
      fault = message;
    },
    source: {
      describe: inner.describe,
      async open(context): Promise<Store> {
        const store = await inner.open(context);
        return {
          ...store,
          db: store.db.withPlugin(plugin),
          transaction: (work) => store.transaction((trx: Db) => work(trx.withPlugin(plugin))),
        };
      },
    },
  };
}

/** One person, all the way through, with every wrong turn on the way. */
async function live(
  test: TestSegno,
  heard: Heard,
  store: ReturnType<typeof failing>,
  mail: ReturnType<typeof createMailCapture>,
) {
  const { secrets } = heard;
  const open = () => test.browser({ remoteAddress: address, userAgent });
  const call = async <Body = Record<string, unknown>>(
    browser: TestBrowser,
    path: string,
    body?: unknown,
    init: RequestInit = {},
  ) => {
    const headers = new Headers(init.headers);
    if (body !== undefined && !headers.has("content-type")) headers.set("content-type", "application/json");
    const isText = typeof body === "string";
    const response = await browser.fetch(`/api/auth${path}`, {
      method: body === undefined ? "GET" : "POST",
      ...init,
      headers,
      ...(body === undefined ? {} : { body: isText ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    if (response.status >= 400) heard.problems.push(text, JSON.stringify([...response.headers]));
    for (const cookie of response.headers.getSetCookie()) {
      const value = cookie.split(";")[0]?.split("=").slice(1).join("=") ?? "";
      if (value !== "") secrets.add(value);
    }
    return { status: response.status, body: (text.startsWith("{") ? JSON.parse(text) : {}) as Body };
  };
  const read = async (to: string) => {
    const { text } = await mail.next(to);
    const token = text.match(/token=([\w-]+)/)?.[1];
    const code = text.replace(/https?:\S+/g, "").match(/\b\d{6}\b/)?.[0] ?? "";
    if (token !== undefined) secrets.add(token);
    secrets.add(code);
    return { token: token ?? "", code };
  };
  const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
  const asForm = { headers: { "content-type": "application/x-www-form-urlencoded" } };
  const keep = (tokens: Readonly<Record<string, unknown>> | undefined) => {
    for (const key of ["accessToken", "refreshToken", "access_token", "refresh_token"])
      if (typeof tokens?.[key] === "string") secrets.add(tokens[key]);
    return tokens ?? {};
  };

  // sign-in by mail, after everything that goes wrong; the mail server quotes the address once
  const ada = open();
  mail.failNext(new Error(`550 <${otherEmail}> unknown at ${address}`));
  const start = await call<{ attemptId: string }>(ada, "/v1/email/start", {
    email: otherEmail,
    returnTo: "/x",
  });
  await test.settle();
  test.clock.advance({ seconds: 2 });
  const again = await call<{ attemptId: string }>(ada, "/v1/email/start", { email, displayName: name });
  const { code, token } = await read(email);
  const wrong = code === "111111" ? "222222" : "111111";
  await call(ada, "/v1/email/verify", { attemptId: again.body.attemptId, code: wrong });
  await call(ada, "/v1/email/verify", { attemptId: start.body.attemptId, code });
  await call(open(), "/v1/email/verify", { attemptId: again.body.attemptId, code });
  await call(ada, "/v1/email/verify", { attemptId: again.body.attemptId, code, email, token });
  await call(ada, "/v1/email/verify", `{"attemptId":"${email}","code":${code}`);
  await call(ada, `/v1/email/link?token=${token}`);
  await call(ada, `/v1/email/link?token=${token}&token=${token}`);
  await call(open(), "/v1/email/link", form({ token }), asForm);
  await call(ada, "/v1/email/link", { token: `${token}x` });
  await call(ada, "/v1/email/link", form({ token }), {
    headers: { ...asForm.headers, origin: "https://evil.example" },
  });
  for (const path of ["/v1/email/verify", "/v1/email/start"]) {
    store.fail(`Failing row contains (${email}, ${name}, ${code}, ${token}, ${address}).`);
    await call(ada, path, path.endsWith("start") ? { email } : { attemptId: again.body.attemptId, code });
    store.fail(undefined);
  }
  const signedIn = await call(ada, "/v1/email/verify", { attemptId: again.body.attemptId, code });
  expect(signedIn.status).toBe(200);
  await call(ada, "/v1/email/verify", { attemptId: again.body.attemptId, code });

  // tokens: bound and unbound, refreshed, repeated, reused, revoked, introspected
  const key = await generateDpopKeyPair();
  const nowSeconds = () => test.clock.nowMs() / 1000;
  const proof = async (path: string, method = "POST", accessToken?: string) => {
    const made = await createDpopProof({
      ...key,
      method,
      url: `${test.origin}/api/auth${path}`,
      nowSeconds: nowSeconds(),
      ...(accessToken === undefined ? {} : { accessToken }),
    });
    secrets.add(made);
    return made;
  };
  const bound = keep(
    (await call(ada, "/v1/session/grant", {}, { headers: { dpop: await proof("/v1/session/grant") } })).body,
  );
  const plain = keep((await call(ada, "/v1/session/grant", {})).body);
  keep((await call(ada, "/v1/session/token", {})).body);
  await call(ada, "/v1/session/token", { audience: email, scope: name });
  await call(ada, "/v1/session/grant", {}, { headers: { dpop: "canary.not.aproof" } });
  const used = await proof("/oauth2/token");
  const refresh = (refreshToken: unknown, headers: Record<string, string> = {}) =>
    call(
      ada,
      "/oauth2/token",
      form({ grant_type: "refresh_token", refresh_token: String(refreshToken), client_id: "segno" }),
      { headers: { ...asForm.headers, ...headers } },
    );
  keep((await refresh(bound.refreshToken, { dpop: used })).body);
  await refresh(bound.refreshToken, { dpop: used });
  await refresh(bound.refreshToken);
  const next = keep((await refresh(plain.refreshToken)).body);
  keep((await refresh(plain.refreshToken)).body);
  await refresh(`${String(next.refresh_token)}x`);
  store.fail(`duplicate key (${String(next.refresh_token)}, ${email})`);
  await refresh(next.refresh_token);
  await call(ada, "/v1/sessions", undefined, { headers: { authorization: `Bearer ${String(plain.accessToken)}` } });
  store.fail(undefined);
  const basic = Buffer.from(`rs:${introspectionSecret}`).toString("base64");
  secrets.add(basic);
  for (const authorization of [`Basic ${basic}`, `Basic ${basic}x`, "Basic x", `Bearer ${String(plain.accessToken)}`])
    await call(ada, "/oauth2/introspect", form({ token: String(plain.accessToken) }), {
      headers: { ...asForm.headers, authorization },
    });
  await call(
    ada,
    "/oauth2/introspect",
    form({ token: String(next.refresh_token), client_id: "rs", client_secret: "x" }),
    asForm,
  );
  test.clock.advance({ minutes: 1 });
  await refresh(plain.refreshToken);
  await call(ada, "/oauth2/revoke", form({ token: String(bound.accessToken), client_id: "segno" }), asForm);
  await call(ada, "/oauth2/revoke", form({ token: String(bound.refreshToken), client_id: "segno" }), asForm);
  for (const authorization of [
    `Bearer ${String(bound.accessToken)}`,
    `DPoP ${String(bound.accessToken)}`,
    "Bearer",
    "x",
  ])
    await call(ada, "/v1/sessions", undefined, {
      headers: { authorization, dpop: await proof("/v1/sessions", "GET") },
    });

  // passkeys: added, refused, used, removed
  const add = (await call<Ceremony<CreationOptions>>(ada, "/v1/passkeys/add/options", {})).body;
  const created = await ada.authenticator.create(add.publicKey);
  await call(ada, "/v1/passkeys/add/verify", { attemptId: add.attemptId, response: created, name, email });
  const added = await call<{ id: string }>(ada, "/v1/passkeys/add/verify", {
    attemptId: add.attemptId,
    response: created,
    name,
  });
  expect(added.status).toBe(200);
  await call(ada, "/v1/passkeys/add/verify", { attemptId: add.attemptId, response: created, name });
  for (const kind of ["sign-in", "step-up"]) {
    for (const isGood of [false, true]) {
      const { body } = await call<Ceremony<RequestOptions>>(ada, `/v1/passkeys/${kind}/options`, {});
      const device = isGood ? ada.authenticator : createSoftwareAuthenticator({ origin: test.origin });
      if (!isGood) await device.create(add.publicKey);
      const response = await device.get({ ...body.publicKey, allowCredentials: [] });
      const answer = await call(ada, `/v1/passkeys/${kind}/verify`, { attemptId: body.attemptId, response });
      expect(answer.status < 400).toBe(isGood);
    }
  }
  const up = (
    await call<Ceremony<CreationOptions>>(open(), "/v1/passkeys/sign-up/options", { displayName: name, email })
  ).body;
  await call(ada, "/v1/passkeys/sign-up/verify", { attemptId: up.attemptId, response: created });
  await call(ada, `/v1/passkeys/${added.body.id}`, { name: `${name} 2` }, { method: "PATCH" });
  await call(ada, `/v1/passkeys/${email}`, { name }, { method: "PATCH" });

  // the account: another address, another name, sessions, the wrong place
  const change = (await call<{ attemptId: string }>(ada, "/v1/user/email/start", { email: newEmail })).body;
  const changed = await read(newEmail);
  await call(ada, "/v1/user/email/verify", { attemptId: change.attemptId, code: wrong });
  expect((await call(ada, "/v1/user/email/verify", { attemptId: change.attemptId, code: changed.code })).status).toBe(
    200,
  );
  await call(ada, "/v1/user", { displayName: `${name} 3` }, { method: "PATCH" });
  await call(ada, "/v1/user", { displayName: [name] }, { method: "PATCH" });
  await call(ada, `/v1/${email}?email=${email}&token=${token}`);
  await call(ada, "/v1/session", undefined, { headers: { cookie: `__Host-segno.sid=${token}; __Host-segno.sid=x` } });
  const other = open();
  await call(other, "/v1/email/start", { email: newEmail });
  await read(newEmail);
  await test.segno.api.keys.rotate({ atOnce: true });

  // what a page tells of itself, what people agree to, where a request says it comes from
  const screen = { flow: phone, surface: "sign_in", method: "passkey", durationMs: 1 };
  const from = { headers: { "x-tenant": email, traceparent: `00-${phone}-${email}-01` } };
  await call(ada, "/v1/events", { events: [{ type: "ui.ceremony_ended", ...screen }] }, from);
  for (const odd of [{ reason: email }, { flow: email }, { email }, { method: name }]) {
    await call(ada, "/v1/events", { events: [{ type: "ui.ceremony_ended", ...screen, ...odd }] }, from);
  }
  expect((await call(ada, "/v1/consents", { purpose: "marketing", version: 1 }, from)).status).toBe(200);
  await call(ada, "/v1/consents", { purpose: email, version: 1 });
  await call(ada, `/v1/consents/${email}`, undefined, { method: "DELETE" });
  await call(ada, "/v1/consents/marketing", undefined, { method: "DELETE" });

  // five wrong codes, too many mails, too many requests
  const guess = open();
  const guessed = (await call<{ attemptId: string }>(guess, "/v1/email/start", { email: newEmail })).body;
  const right = await read(newEmail);
  for (let index = 0; index < 7; index += 1)
    await call(guess, "/v1/email/verify", { attemptId: guessed.attemptId, code: index < 6 ? wrong : right.code });
  for (let index = 0; index < 8; index += 1) await call(guess, "/v1/email/start", { email: newEmail });
  return { ada, call };
}

/** A secret as it is and as it would be told. */
function spellings(secret: string): readonly string[] {
  if (/^\d{6}$/.test(secret)) return [secret];
  const bytes = Buffer.from(secret);
  return [
    secret,
    encodeURIComponent(secret),
    bytes.toString("hex"),
    bytes.toString("base64url"),
    bytes.toString("base64").replace(/=+$/, ""),
  ];
}
function hits(texts: readonly string[], canaries: Iterable<string>): readonly string[] {
  const found = new Set<string>();
  for (const canary of canaries) {
    for (const spelling of spellings(canary)) {
      const isHit = /^\d{6}$/.test(spelling)
        ? (text: string) => new RegExp(`(?<![\\w.-])${spelling}(?![\\w.-])`).test(text)
        : (text: string) => text.includes(spelling);
      for (const text of texts) if (isHit(text)) found.add(`${canary.slice(0, 24)} in: ${text.slice(0, 300)}`);
    }
  }
  return [...found];
}

type Row = Readonly<Record<string, unknown>>;
const rowsOf = (dump: string) =>
  dump.split("\n").map((line) => {
    const space = line.indexOf(" ");
    return { table: line.slice(0, space), row: JSON.parse(line.slice(space + 1)) as Row };
  });

/** Every string of a dump, also those inside JSON. */
function stringsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(stringsOf);
  if (typeof value === "object" && value !== null) return Object.values(value).flatMap(stringsOf);
  if (typeof value !== "string") return [];
  if (!/^[[{]/.test(value)) return [value];
  return [value, ...stringsOf(JSON.parse(value))];
}

const kinds = testDatabases.filter((kind) => kind.name === "sqlite file" || kind.name === "postgres");
describe.each(kinds)("T-072: marked values ($name)", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  it.each([true, false])(
    "stay where they belong, and a dump signs nobody in (production: %s)",
    {
      timeout: 60_000,
    },
    async (production) => {
      const database = await create();
      const heard = listen();
      const otel = await startOtel();
      const store = failing(database.source());
      const mail = createMailCapture();
      const test = await createTestSegno({
        database: store.source,
        secret: `1:${engineSecret}`,
        production,
        // the thief below asks thousands of times
        rateLimit: production,
        logger: heard.logger,
        telemetry: [heard.hook, otel.hook],
        metrics: true,
        events: { sinks: [otel.sink] },
        email: { send: (message) => mail.send(message) },
        tokens: { introspectionClients: { rs: introspectionSecret } },
        consents: { marketing: { version: 1 } },
        tenant: ({ headers }) => headers.get("x-tenant"),
        experiment: ({ headers }) => ({ experiment: headers.get("x-tenant") ?? "none", variant: "a" }),
      });
      test.segno.on("*", (event) => {
        heard.events.push(JSON.stringify(event), inspect(event, { depth: 12 }));
        if (event.type === "login.success") throw new Error(`a listener that tells: ${JSON.stringify(event)}`);
      });
      const { ada, call } = await live(test, heard, store, mail);
      await test.settle();
      const dump = await test.dump();
      await expect.poll(async () => (await otel.flush(), otel.logs().length)).toBeGreaterThan(20);
      expect(otel.spans().length).toBeGreaterThan(100);
      expect(otel.points().length).toBeGreaterThan(20);
      const exported = [...otel.raw];
      const scraped = (await test.segno.metricsText()).split("\n");
      await otel.close();

      const rows = rowsOf(dump).filter(({ table }) => table === "segno_outbox");
      expect(rows.some(({ row }) => row["type"] === "ui.ceremony_ended")).toBe(true);
      for (const { row } of rows) {
        const event: unknown = JSON.parse(String(row["payload"]));
        expect(faultsOf(eventSchema, event), JSON.stringify(event)).toEqual([]);
      }

      const { secrets, logged, traced, events, problems } = heard;
      expect(secrets.size).toBeGreaterThan(25);
      for (const [where, texts] of Object.entries({ logged, traced, events, problems, exported, scraped })) {
        expect(texts.length, where).toBeGreaterThan(2);
        const isDevelopmentLog = where === "logged" && !production;
        // in development a failure's stack is logged, and a driver may quote the row in it
        const searched = isDevelopmentLog ? texts.filter((text) => !text.includes("stack:")) : texts;
        expect(hits(searched, [...secrets, ...personal]), where).toEqual([]);
      }
      expect(hits(dump.split("\n"), secrets)).toEqual([]);
      const places = rowsOf(dump).flatMap(({ table, row }) =>
        Object.entries(row).flatMap(([column, value]) =>
          personal.filter((text) => String(value).includes(text)).map((text) => `${text}: ${table}.${column}`),
        ),
      );
      expect([...new Set(places)].sort()).toEqual(
        [
          ...[name].flatMap((text) => [
            `${text}: segno_attempts.data`,
            `${text}: segno_passkeys.name`,
            `${text}: segno_users.display_name`,
          ]),
          ...(production ? [`${address}: segno_rate_limits.key`] : []),
          `${email}: segno_attempts.data`,
          `${email}: segno_attempts.identifier`,
          `${newEmail}: segno_attempts.identifier`,
          `${otherEmail}: segno_attempts.identifier`,
          `${newEmail}: segno_identifiers.value`,
        ].sort(),
      );

      if (!production) await tryAsThief(test, dump);
      expect((await call<{ user: object | null }>(ada, "/v1/session")).body.user).not.toBeNull();
      await test.close();
      await database.drop();
    },
  );
});

/** Every string of the dump as every kind of credential. */
async function tryAsThief(test: TestSegno, dump: string): Promise<void> {
  const strings = [...new Set(rowsOf(dump).flatMap(({ row }) => stringsOf(row)))].filter((text) => text.length < 4_000);
  expect(strings.length).toBeGreaterThan(100);
  const attempts = rowsOf(dump).filter(({ table }) => table === "segno_attempts");
  const ask = (path: string, init: RequestInit) =>
    test.segno.handler(new Request(`${test.origin}/api/auth${path}`, init), { remoteAddress: "192.0.2.66" });
  const headerSafe = strings.filter((text) => /^[\x21-\x7e]+$/.test(text));
  for (const text of headerSafe) {
    if (!/[;,"\\]/.test(text)) {
      const session = await ask("/v1/session", { headers: { cookie: `__Host-segno.sid=${text}` } });
      expect(await session.json(), "a session cookie").toEqual({ session: null, user: null });
    }
    const bearer = await ask("/v1/user", { headers: { authorization: `Bearer ${text}` } });
    expect(bearer.status, "an access token").toBe(401);
    const grant = { grant_type: "refresh_token", refresh_token: text, client_id: "segno" };
    const refreshed = await ask("/oauth2/token", { method: "POST", body: new URLSearchParams(grant) });
    expect(refreshed.status, "a refresh token").toBeGreaterThanOrEqual(400);
    const link = await ask("/v1/email/link", {
      method: "POST",
      headers: { origin: test.origin },
      body: new URLSearchParams({ token: text }),
    });
    expect(link.status, "a link").toBeGreaterThanOrEqual(400);
  }
  for (const { row } of attempts) {
    for (const text of [row.browser_hash, row.id, row.code_mac, row.link_hash]) {
      const headers = {
        origin: test.origin,
        "content-type": "application/json",
        cookie: `__Host-segno.tx=${String(text)}`,
      };
      const body = JSON.stringify({ attemptId: row.id, code: "000000" });
      const answer = await ask("/v1/email/verify", { method: "POST", headers, body });
      expect(((await answer.json()) as { code: string }).code, "a browser handle").not.toBe("wrong_code");
    }
  }
}
