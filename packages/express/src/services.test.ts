// Services at an API that checks tokens offline: who is let in, as what, and until when.
import { createIntrospection } from "@segno/core";
import { createTestSegno, type TestSegno } from "@segno/testing";
import express from "express";
import { afterEach, describe, expect, it } from "vitest";
import { serve } from "../test/serve.js";
import { getAuth, requireAccessToken, requireAuth } from "./index.js";

const audience = "https://orders.example.com";
const secret = "orders-secret-0123456789-abcdefghijklmnop";
const rs = { clientId: "orders-rs", clientSecret: "introspection-secret-0123456789" };
const opened: TestSegno[] = [];
afterEach(async () => {
  for (const test of opened.splice(0)) await test.close();
});

async function open() {
  const test = await createTestSegno({
    rateLimit: false,
    tokens: {
      scopes: ["orders:read"],
      audiences: ["https://app.example.com", audience],
      introspectionClients: { [rs.clientId]: rs.clientSecret },
    },
    services: {
      "orders-api": {
        authentication: { method: "client_secret_basic", secret },
        grants: ["client_credentials", "token_exchange"],
        scopes: ["orders:read"],
        audiences: [audience],
        mayActFor: { audiences: [audience] },
      },
    },
  });
  opened.push(test);
  const app = express();
  const check = {
    issuer: test.origin,
    audience,
    clock: test.clock,
    fetch: (url: string, init: object) => test.fetch(url, init),
  };
  const who: express.RequestHandler = (req, res) => {
    const auth = getAuth(req);
    if (auth.status === "service") return void res.json({ service: auth.clientId });
    if (auth.status === "authenticated") return void res.json({ user: auth.subject, actors: auth.actors ?? [] });
    res.json({ status: auth.status });
  };
  app.get("/people", requireAccessToken(check), who);
  app.get("/services", requireAccessToken({ ...check, caller: "service" }), who);
  app.get("/all", requireAccessToken({ ...check, caller: "any", scope: "orders:read" }), who);
  const url = `${test.origin}/api/auth/oauth2/introspect`;
  const introspection = createIntrospection({ url, ...rs, clock: test.clock, fetch: check.fetch });
  app.get("/sensitive", requireAccessToken({ ...check, caller: "any", introspection, fresh: true }), who);
  app.get("/below", requireAccessToken({ ...check, caller: "any" }), requireAuth(), who);
  const { origin } = await serve(app);
  const get = async (path: string, token: string) => {
    const response = await fetch(origin + path, { headers: { authorization: `Bearer ${token}` } });
    return { status: response.status, body: await response.json() };
  };
  const tokenOf = async (id: string, password: string, form: Readonly<Record<string, string>> = {}) => {
    const response = await test.fetch(`${test.origin}/api/auth/oauth2/token`, {
      method: "POST",
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        authorization: `Basic ${Buffer.from(`${id}:${password}`).toString("base64")}`,
      },
      body: new URLSearchParams({ grant_type: "client_credentials", ...form }).toString(),
    });
    return ((await response.json()) as { access_token: string }).access_token;
  };
  return { test, get, tokenOf };
}

describe("services at an API", () => {
  it("T-064, T-065: are let in where caller admits them, as what they are", async () => {
    const { test, get, tokenOf } = await open();
    const token = await tokenOf("orders-api", secret);
    expect(await get("/services", token)).toEqual({ status: 200, body: { service: "orders-api" } });
    expect(await get("/all", token)).toEqual({ status: 200, body: { service: "orders-api" } });
    expect(await get("/people", token)).toMatchObject({ status: 401, body: { code: "invalid_token" } });
    // a route that asks for a person below one that admits services
    expect(await get("/below", token)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    const { browser, user } = await test.signInAs("ada@example.com");
    const { body } = await browser.call<{ accessToken: string }>("/v1/session/token", { audience });
    expect(await get("/people", body.accessToken)).toMatchObject({ status: 200, body: { user: user.id, actors: [] } });
    expect(await get("/services", body.accessToken)).toMatchObject({ status: 401 });
    const exchanged = await tokenOf("orders-api", secret, {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: body.accessToken,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    });
    expect((await get("/people", exchanged)).body).toEqual({ user: user.id, actors: ["orders-api"] });
  });

  it("R075: a service account that was revoked is refused offline within five seconds", async () => {
    const { test, get, tokenOf } = await open();
    const { account, secret: own = "" } = await test.segno.api.createServiceAccount({
      name: "Nightly",
      scopes: ["orders:read"],
      audiences: [audience],
    });
    const others = await tokenOf("orders-api", secret);
    const token = await tokenOf(account.id, own);
    expect((await get("/services", token)).body).toEqual({ service: account.id });
    expect((await get("/sensitive", token)).body).toEqual({ service: account.id });
    expect(await test.segno.api.revokeServiceAccount(account.id)).toBe(true);
    // who asks anew each time knows at once
    expect((await get("/sensitive", token)).status).toBe(401);
    test.clock.advance({ seconds: 5 });
    expect((await get("/services", token)).status).toBe(401);
    expect((await get("/services", others)).status).toBe(200);
    expect(await test.segno.api.listServiceAccounts()).toMatchObject([
      { id: account.id, revokedReason: "by_operator" },
    ]);
    expect(await test.eventsOf("client.revoked")).toMatchObject([{ clientId: account.id, subject: null }]);
  });

  it("R075: what ends the session ends what a service was given in its user's name", async () => {
    const { test, get, tokenOf } = await open();
    const { browser, session } = await test.signInAs("ada@example.com");
    const { body } = await browser.call<{ accessToken: string }>("/v1/session/token", { audience });
    const exchanged = await tokenOf("orders-api", secret, {
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: body.accessToken,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    });
    expect((await get("/people", exchanged)).status).toBe(200);
    await test.segno.api.revokeSession(session.id);
    test.clock.advance({ seconds: 5 });
    expect((await get("/people", exchanged)).status).toBe(401);
  });
});
