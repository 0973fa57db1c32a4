// Every operation of the OpenAPI document, against what a client must not decide: fields of the server, ids of others.
import type { SignedInBrowser, TestBrowser, TestSegno } from "@segno/testing";
import { createTestSegno } from "@segno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestDatabase, testDatabases } from "../test/stores.js";

interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema: Shape }>> };
}
interface Shape {
  readonly properties?: Readonly<Record<string, unknown>>;
}
interface Route {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

const uuid = "01890000-0000-7000-8000-000000000000";
const assertion = {
  id: "AAAA",
  rawId: "AAAA",
  type: "public-key",
  response: { clientDataJSON: "AAAA", authenticatorData: "AAAA", signature: "AAAA", userHandle: "AAAA" },
};
const registration = {
  id: "AAAA",
  rawId: "AAAA",
  type: "public-key",
  response: { clientDataJSON: "AAAA", attestationObject: "AAAA", transports: ["internal"] },
};
/** A body that passes validation, for every operation that takes one. A new route must be entered here. */
const bodies: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  signOut: {},
  renameSession: { deviceName: "x" },
  revokeSessions: { which: "others" },
  createSessionToken: {},
  createSessionGrant: {},
  grantConsent: { purpose: "marketing", version: 1 },
  reportUiEvents: { events: [{ type: "ui.exposed", flow: "A".repeat(22), surface: "sign_in", canUsePasskey: true }] },
  updateUser: { displayName: "x" },
  deleteUser: {},
  startEmailSignIn: { email: "somebody@example.com" },
  verifyEmailCode: { attemptId: uuid, code: "123456" },
  redeemEmailLink: { token: "x" },
  startEmailAdd: { email: "somebody@example.com" },
  verifyEmailAdd: { attemptId: uuid, code: "123456" },
  startPasskeySignUp: {},
  finishPasskeySignUp: { attemptId: uuid, response: registration },
  startPasskeySignIn: {},
  finishPasskeySignIn: { attemptId: uuid, response: assertion },
  startPasskeyStepUp: {},
  finishPasskeyStepUp: { attemptId: uuid, response: assertion },
  startPasskeyAdd: {},
  finishPasskeyAdd: { attemptId: uuid, response: registration },
  renamePasskey: { name: "x" },
  token: { grant_type: "refresh_token", refresh_token: "x", client_id: "segno" },
  introspect: { token: "x" },
  revoke: { token: "x", client_id: "segno" },
  verifySignalStream: { stream_id: "partner", state: "x" },
  pollSignals: { maxEvents: 1, returnImmediately: true, ack: [], setErrs: {} },
  receiveSignal: {},
};

async function routesOf(test: TestSegno): Promise<readonly Route[]> {
  const { paths }: { paths: Record<string, Record<string, Operation>> } = await (
    await test.fetch("/api/auth/openapi.json")
  ).json();
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  );
}
const contentOf = ({ operation }: Route) => Object.entries(operation.requestBody?.content ?? {});
const isForm = (route: Route) => contentOf(route)[0]?.[0] === "application/x-www-form-urlencoded";

/** Sends a body as the route takes it. */
function send(
  from: TestBrowser,
  route: Route,
  input: { path?: string; body?: Readonly<Record<string, unknown>> | undefined; headers?: Record<string, string> },
): Promise<Response> {
  const { path = route.path, body, headers = {} } = input;
  const asForm = isForm(route) && route.path.startsWith("/oauth2/");
  const type = asForm ? "application/x-www-form-urlencoded" : "application/json";
  return from.fetch(`/api/auth${path}`, {
    method: route.method,
    headers: { ...(body === undefined ? {} : { "content-type": type }), ...headers },
    ...(body === undefined
      ? {}
      : { body: asForm ? new URLSearchParams(body as Record<string, string>).toString() : JSON.stringify(body) }),
  });
}

const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Every column of every table, as a client might spell it, and what other systems were taken over by. */
function serverFields(dump: string): readonly string[] {
  const columns = dump
    .split("\n")
    .flatMap((line) => Object.keys(JSON.parse(line.slice(line.indexOf(" ") + 1)) as Record<string, unknown>));
  const classics = [
    "user",
    "userID",
    "uid",
    "sub",
    "subject",
    "role",
    "roles",
    "isAdmin",
    "admin",
    "verified",
    "banned",
  ];
  const more = ["emailVerified", "scopes", "permissions", "limits", "data", "override", "jkt", "iss", "aud", "exp"];
  return [...new Set([...columns, ...columns.map(camel), ...classics, ...more])];
}

/** One of each dialect: nothing here depends on how many connections there are. */
const databases = testDatabases.filter(({ name }) => name === "sqlite memory" || name === "postgres");

describe.each(databases)("every route ($name)", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let test: TestSegno;
  let routes: readonly Route[];
  beforeAll(async () => {
    database = await create();
    test = await createTestSegno({
      database: database.source(),
      rateLimit: false,
      tokens: { introspectionClients: { rs: "introspection-secret-0123456789abcdef" } },
      consents: { marketing: { version: 1 } },
      sharedSignals: {
        streams: {
          partner: {
            audience: "https://partner.example/",
            token: "a-token-of-the-stream-0123456789abcdef",
            delivery: { method: "poll" },
          },
        },
        transmitters: [
          {
            issuer: "https://idp.example.com",
            jwksUri: "https://idp.example.com/jwks.json",
            audience: "https://app.example.com",
            subjectOf: () => null,
            on: {},
          },
        ],
      },
    });
    routes = await routesOf(test);
  });
  afterAll(async () => {
    await test.close();
    await database.drop();
  });

  it("T-001, T-007: a field that only the server sets is refused by name, beside a body that is good without it", async () => {
    const signedIn = await test.signInAs("fields@example.com");
    await test.signInAs("fields@example.com", { browser: signedIn.browser });
    await test.signUpWithPasskey();
    await signedIn.tokens();
    await signedIn.browser.call("/v1/email/start", { email: "fields@example.com" });
    const names = serverFields(await test.dump());
    expect(names.length).toBeGreaterThan(80);
    const stranger = test.browser();
    const withBody = routes.filter((route) => contentOf(route).length > 0);
    expect(withBody.map(({ operation }) => operation.operationId).sort()).toEqual(Object.keys(bodies).sort());
    for (const route of withBody.filter(({ path }) => !path.startsWith("/oauth2/"))) {
      const { operationId } = route.operation;
      const allowed = Object.keys(contentOf(route)[0]?.[1].schema.properties ?? {});
      const path = route.path.replace("{id}", uuid);
      // anonymous first: on a public route the field must be what is refused, on others the missing caller
      for (const name of names.filter((field) => !allowed.includes(field))) {
        const body = { ...bodies[operationId], [name]: signedIn.user.id };
        const anonymous = await send(stranger, route, { path, body });
        expect([400, 401], `${operationId} ${name}`).toContain(anonymous.status);
        const caller = await send(signedIn.browser, route, { path, body });
        expect(caller.status, `${operationId} ${name}`).toBe(400);
        const text = await caller.text();
        if (caller.headers.get("content-type") === "application/problem+json") {
          const problem: { code: string; fields: { path: string }[] } = JSON.parse(text);
          expect([problem.code, problem.fields.map((field) => field.path)], `${operationId} ${name}`).toEqual([
            "invalid_input",
            [name],
          ]);
        }
      }
    }
    expect((await signedIn.browser.call<{ user: { id: string } }>("/v1/session")).body.user.id).toBe(signedIn.user.id);
  });

  it("T-001: what the token endpoint is sent besides changes neither whose token it is nor what it may", async () => {
    const ada = await test.signInAs("claims-a@example.com");
    const bob = await test.signInAs("claims-b@example.com");
    const { refreshToken } = await ada.tokens();
    const more = { sub: bob.user.id, user_id: bob.user.id, sid: bob.session.id, acr: "phrh", aud: "other", exp: "9" };
    const response = await ada.browser.fetch("/api/auth/oauth2/token", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded", "x-user-id": bob.user.id },
      body: new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: refreshToken,
        client_id: "segno",
        ...more,
      }).toString(),
    });
    const { access_token: token }: { access_token: string } = await response.json();
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString());
    expect(claims).toMatchObject({ sub: ada.user.id, sid: ada.session.id, acr: "aal1", aud: test.origin });
  });

  it("T-001, T-022: nobody sees or changes anything of another, whatever ids the request names", async () => {
    const bob = await victim(test);
    const ids = await idsOf(test, bob);
    expect(ids.length).toBeGreaterThan(8);
    const before = await rowsOf(test, ids);
    const secrets = [...ids, "bob@example.com", "Bob the victim", "Bob's key"];
    const stranger = test.browser();
    let mallory = await attacker(test);
    for (const route of routes) {
      for (const id of ids) {
        for (const way of ["cookie", "bearer", "anonymous"] as const) {
          const sender = way === "cookie" ? mallory.browser : stranger;
          const authorization = way === "bearer" ? { authorization: `Bearer ${mallory.accessToken}` } : {};
          const answer = await send(sender, route, {
            path: `${route.path.replace("{id}", id)}?userId=${id}&user_id=${id}&sub=${id}&id=${id}`,
            body: bodyNaming(route, id),
            headers: { ...authorization, "x-user-id": id, "x-segno-user": id, "x-forwarded-user": id },
          });
          expect(answer.status, `${route.operation.operationId} ${way}`).toBeLessThan(500);
          const text = await answer.text();
          if (endings.has(route.operation.operationId) && way !== "anonymous") mallory = await attacker(test);
          for (const secret of secrets.filter((other) => other !== id))
            expect(text, `${route.operation.operationId} ${way} ${id}`).not.toContain(secret);
        }
      }
    }
    expect(await rowsOf(test, ids)).toEqual(before);
    expect((await bob.browser.call<{ user: { id: string } }>("/v1/session")).body.user.id).toBe(bob.user.id);
  }, 60_000);
});

/** After these the attacker may have to sign in again. */
const endings = new Set(["signOut", "deleteUser", "revokeSession", "revokeSessions", "finishPasskeyStepUp"]);

/** A valid body with `id` wherever a text goes. */
function bodyNaming(route: Route, id: string): Readonly<Record<string, unknown>> | undefined {
  const body = bodies[route.operation.operationId];
  if (body === undefined) return undefined;
  const isUuid = /^[0-9a-f-]{36}$/.test(id);
  const changed = Object.entries(body).map(([key, value]): [string, unknown] => {
    if (["attemptId", "token", "refresh_token"].includes(key)) return [key, isUuid || key !== "attemptId" ? id : uuid];
    if (key !== "response") return [key, value];
    const response = value as typeof assertion;
    const plain = id.replaceAll("-", "_");
    return [
      key,
      { ...response, id: plain, rawId: plain, response: { ...response.response, userHandle: plain.slice(0, 86) } },
    ];
  });
  return Object.fromEntries(changed);
}

/** A user with everything a user can have, and with attempts of every kind under way. */
async function victim(test: TestSegno): Promise<SignedInBrowser> {
  const bob = await test.signUpWithPasskey({ displayName: "Bob the victim" });
  const { browser } = bob;
  const mailed = await browser.call<{ attemptId: string }>("/v1/user/email/start", { email: "bob@example.com" });
  const code = await test.mail.nextCode("bob@example.com");
  await browser.call("/v1/user/email/verify", { attemptId: mailed.body.attemptId, code });
  const { body: list } = await browser.call<{ passkeys: { id: string }[] }>("/v1/passkeys");
  await browser.call(`/v1/passkeys/${list.passkeys[0]?.id}`, { name: "Bob's key" }, { method: "PATCH" });
  await bob.tokens();
  await test.signInAs("bob@example.com");
  await browser.call("/v1/passkeys/step-up/options", {});
  await browser.call("/v1/passkeys/add/options", {});
  await browser.call("/v1/user/email/start", { email: "bob@example.org" });
  await test.mail.nextCode("bob@example.org");
  await test.settle();
  return bob;
}

async function attacker(test: TestSegno): Promise<{ browser: TestBrowser; accessToken: string }> {
  const { browser, user } = await test.signUpWithPasskey({ displayName: "Mallory" });
  expect(user.email).toBeNull();
  const { body } = await browser.call<{ accessToken: string }>("/v1/session/token", {});
  return { browser, accessToken: body.accessToken };
}

type Row = Readonly<Record<string, unknown>>;
async function tablesOf(test: TestSegno): Promise<readonly { table: string; row: Row }[]> {
  return (await test.dump()).split("\n").map((line) => {
    const space = line.indexOf(" ");
    return { table: line.slice(0, space), row: JSON.parse(line.slice(space + 1)) as Row };
  });
}

/** Ids of everything that belongs to a user: no secret among them. */
async function idsOf(test: TestSegno, { user }: SignedInBrowser): Promise<readonly string[]> {
  const rows = (await tablesOf(test)).filter(
    ({ table, row }) => table !== "segno_outbox" && (row.user_id === user.id || row.id === user.id),
  );
  const columns = ["id", "credential_id", "user_handle"];
  return [
    ...new Set(
      rows.flatMap(({ row }) => columns.flatMap((column) => (typeof row[column] === "string" ? [row[column]] : []))),
    ),
  ];
}

/** What the store holds of these ids. When a session was last seen may change: its owner looks. */
async function rowsOf(test: TestSegno, ids: readonly string[]): Promise<readonly string[]> {
  return (await tablesOf(test))
    .filter(({ table }) => table !== "segno_outbox")
    .map(({ table, row }) => `${table} ${JSON.stringify({ ...row, last_seen_at: 0, idle_expires_at: 0 })}`)
    .filter((line) => ids.some((id) => line.includes(id)))
    .sort();
}
