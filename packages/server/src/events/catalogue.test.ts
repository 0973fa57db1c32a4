// A life in which nearly everything happens: every event it writes fits the published schema, and the examples of the page
// of events are these. To record them anew: SEGNO_UPDATE_DOCS=1 npm test -- packages/server/src/events/catalogue.test.ts
import { readFileSync, writeFileSync } from "node:fs";
import { eventSchemaVersions, type SegnoEventType } from "@segno/core";
import { createSoftwareAuthenticator, createTestSegno, type TestBrowser, type TestSegno } from "@segno/testing";
import { expect, it } from "vitest";
import { faultsOf, type JsonSchema } from "../../test/json-schema.js";
import type { WrappingCustody } from "../keys/index.js";

const at = (name: string) => new URL(`../../../../docs/schemas/${name}`, import.meta.url);
const schema = JSON.parse(readFileSync(at("events.schema.json"), "utf8")) as JsonSchema;
type CloudEvent = Readonly<Record<string, unknown>> & { readonly type: string };

const nameOf = ({ type }: CloudEvent) => type.replace(/^dev\.segno\.|\.v\d+$/g, "") as SegnoEventType;

/** Every row of the outbox, as it was committed. */
async function written(test: TestSegno): Promise<readonly CloudEvent[]> {
  await test.settle();
  return (await test.dump())
    .split("\n")
    .filter((line) => line.startsWith("segno_outbox "))
    .map((line) => JSON.parse(line.slice("segno_outbox ".length)) as { payload: string })
    .map(({ payload }) => JSON.parse(payload) as CloudEvent);
}

interface Ceremony {
  readonly attemptId: string;
  readonly publicKey: never;
}

const form = (fields: Record<string, string>) => ({
  method: "POST",
  body: new URLSearchParams(fields).toString(),
  headers: { "content-type": "application/x-www-form-urlencoded" },
});

async function passkeys(test: TestSegno): Promise<void> {
  const { browser } = await test.signUpWithPasskey();
  const step = async (path: string, make: (options: never) => Promise<unknown>, body: object = {}) => {
    const { attemptId, publicKey } = (await browser.call<Ceremony>(`/v1/passkeys/${path}/options`, body)).body;
    return await browser.call<{ id: string }>(`/v1/passkeys/${path}/verify`, {
      attemptId,
      response: await make(publicKey),
    });
  };
  const second = createSoftwareAuthenticator({ origin: test.origin });
  const added = await step("add", (options) => second.create(options));
  expect(added.status).toBe(200);
  await browser.call(`/v1/passkeys/${added.body.id}`, { name: "Phone" }, { method: "PATCH" });
  test.clock.advance({ minutes: 11 });
  expect((await browser.call(`/v1/passkeys/${added.body.id}`, undefined, { method: "DELETE" })).status).toBe(401);
  await step("step-up", (options) => browser.authenticator.get(options));
  expect((await browser.call(`/v1/passkeys/${added.body.id}`, undefined, { method: "DELETE" })).status).toBe(204);
  await browser.call("/v1/passkeys/sign-in/options", { autofill: true });
}

async function tokens(test: TestSegno, browser: TestBrowser): Promise<void> {
  const { refreshToken } = (await browser.call<{ refreshToken: string }>("/v1/session/grant", {})).body;
  const refresh = () =>
    browser.call<{ refresh_token: string }>(
      "/oauth2/token",
      undefined,
      form({ grant_type: "refresh_token", refresh_token: refreshToken, client_id: "segno" }),
    );
  await refresh();
  test.clock.advance({ minutes: 1 });
  await refresh();
  const { accessToken } = (await browser.call<{ accessToken: string }>("/v1/session/token", { audience: "urn:a" }))
    .body;
  const { api } = test.segno;
  const billing = await api.createServiceAccount({ name: "billing", scopes: ["a"], audiences: ["urn:b"] });
  const { id } = billing.account;
  const basic = (client: string, secret: string) => `Basic ${Buffer.from(`${client}:${secret}`).toString("base64")}`;
  const asService = (client: string, secret: string, fields: Record<string, string>) => ({
    ...form(fields),
    headers: { ...form({}).headers, authorization: basic(client, secret) },
  });
  const own = asService(id, billing.secret ?? "", { grant_type: "client_credentials" });
  expect((await test.fetch("/api/auth/oauth2/token", own)).status).toBe(200);
  await api.revokeServiceAccount(id);
  const exchange = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: accessToken,
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
  };
  const exchanged = await test.fetch(
    "/api/auth/oauth2/token",
    asService("orders", "orders-secret-0123456789-abcdefgh", exchange),
  );
  expect(exchanged.status).toBe(200);
}

async function account(test: TestSegno, browser: TestBrowser, userId: string): Promise<void> {
  await browser.call("/v1/user", { displayName: "Ada" }, { method: "PATCH" });
  await browser.call("/v1/consents", { purpose: "marketing", version: 1 });
  await browser.call("/v1/consents/marketing", undefined, { method: "DELETE" });
  const flow = "A".repeat(22);
  const facts = { flow, surface: "sign_in" };
  const events = [
    { type: "ui.exposed", ...facts, canUsePasskey: true },
    { type: "ui.method_shown", ...facts, method: "passkey" },
    { type: "ui.ceremony_started", ...facts, method: "passkey" },
    { type: "ui.ceremony_ended", ...facts, method: "passkey", reason: "passkey_cancelled", durationMs: 4_200 },
    { type: "ui.abandoned", ...facts, durationMs: 9_000 },
  ];
  expect((await browser.call("/v1/events", { events })).status).toBe(204);
  await test.segno.api.suspendUser(userId);
  await test.segno.api.resumeUser(userId);
  await test.segno.api.deleteUser(userId);
}

/** A custody in memory that can be told not to answer. */
function custody(): WrappingCustody & { isAway: boolean } {
  const answer = async <Value>(value: Value): Promise<Value> => {
    if (self.isAway) throw new Error("away");
    return value;
  };
  const self: WrappingCustody & { isAway: boolean } = {
    isAway: false,
    mode: "wrapped",
    name: "test",
    wrap: (plain) => answer(Buffer.from(plain).toString("base64url")),
    unwrap: (wrapped) => answer(Buffer.from(wrapped, "base64url")),
    check: () => answer(undefined),
  };
  return self;
}

async function keys(test: TestSegno, vault: ReturnType<typeof custody>): Promise<void> {
  const { keys: verbs } = test.segno.api;
  const first = (await verbs.status()).keys.find(({ state }) => state === "signing")?.kid ?? "";
  await verbs.rotate({ atOnce: true });
  await verbs.compromise(first, { sinceMs: test.clock.nowMs() - 1_000 });
  test.clock.advance({ hours: 2 });
  vault.isAway = true;
  await test.signInAs("eve@example.com").catch(() => undefined);
  vault.isAway = false;
  test.clock.advance({ minutes: 2 });
  await verbs.rotate({ atOnce: true }).catch(() => undefined);
}

/** Nothing that a request can bring about, or only after weeks: read in tests of their own. */
const elsewhere: readonly SegnoEventType[] = [
  "attempt.abandoned",
  "key.retired",
  "key.destroyed",
  "key.used",
  "key.custody_failed",
  "key.custody_recovered",
  "slo.alert",
  "slo.recovered",
];

it("R051 R101: every event fits its schema, from the first to the last", async () => {
  const vault = custody();
  const test = await createTestSegno({
    rateLimit: false,
    audit: {},
    keys: { custody: vault },
    tenant: () => "acme",
    tokens: { scopes: ["a", "m"], audiences: ["https://app.example.com", "urn:a"] },
    consents: { marketing: { version: 1, scopes: ["m"] } },
    services: {
      orders: {
        authentication: { method: "client_secret_basic", secret: "orders-secret-0123456789-abcdefgh" },
        grants: ["client_credentials", "token_exchange"],
        scopes: ["a"],
        audiences: ["urn:b"],
        mayActFor: { audiences: ["urn:a"] },
      },
    },
  });
  await passkeys(test);
  const ada = await test.signInAs("ada@example.com");
  await ada.browser.call("/v1/email/verify", { attemptId: crypto.randomUUID(), code: "123456" });
  await tokens(test, ada.browser);
  await account(test, ada.browser, ada.user.id);
  await keys(test, vault);
  const events = await written(test);
  await test.close();

  for (const event of events) expect(faultsOf(schema, event), JSON.stringify(event)).toEqual([]);
  const names = new Set(events.map(nameOf));
  const missing = Object.keys(eventSchemaVersions).filter((name) => !names.has(name as SegnoEventType));
  expect(missing.filter((name) => !elsewhere.includes(name as SegnoEventType))).toEqual([]);

  if (process.env["SEGNO_UPDATE_DOCS"] === "1") {
    const examples: Record<string, CloudEvent> = {};
    for (const event of events) examples[nameOf(event)] ??= event;
    const inOrder = Object.keys(eventSchemaVersions).flatMap((name) => {
      const example = examples[name];
      return example === undefined ? [] : [[name, example] as const];
    });
    writeFileSync(at("event-examples.json"), `${JSON.stringify(Object.fromEntries(inOrder), null, 2)}\n`);
  }
  const examples = JSON.parse(readFileSync(at("event-examples.json"), "utf8")) as Record<string, CloudEvent>;
  for (const [name, example] of Object.entries(examples)) expect(faultsOf(schema, example), name).toEqual([]);
});

it("the schema refuses what is not listed, what is missing and what is of another kind", () => {
  const examples = JSON.parse(readFileSync(at("event-examples.json"), "utf8")) as Record<string, CloudEvent>;
  const good = examples["login.success"] ?? { type: "", data: {} };
  const data = good["data"] as Readonly<Record<string, unknown>>;
  expect(faultsOf(schema, good)).toEqual([]);
  for (const bad of [
    { ...good, email: "ada@example.com" },
    { ...good, data: { ...data, email: "ada@example.com" } },
    { ...good, data: { ...data, method: "password" } },
    { ...good, data: { ...data, amr: "otp" } },
    { ...good, data: {} },
    { ...good, type: "login.success" },
    { ...good, outcome: "failure" },
    { ...good, failureclass: "unknown" },
    { ...good, requestid: undefined },
  ]) {
    expect(faultsOf(schema, JSON.parse(JSON.stringify(bad))), JSON.stringify(bad)).not.toEqual([]);
  }
});
