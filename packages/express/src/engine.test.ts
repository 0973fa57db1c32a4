import { createTestSegno, type TestSegno } from "@segno/testing";
import express from "express";
import { afterEach, beforeEach, expect, it } from "vitest";
import { serve } from "../test/serve.js";
import { getAuth, requireAccessToken, requireAuth, segnoMiddleware, toExpress } from "./index.js";

// The adapter over a real engine and a real port.
let test: TestSegno;
let origin: string;
beforeEach(async () => {
  test = await createTestSegno({ tokens: { scopes: ["orders:read"] } });
  const { segno, clock } = test;
  const app = express();
  app.use("/api/auth", toExpress(segno));
  app.use("/.well-known", toExpress(segno));
  // as an API in another process would: keys by HTTP, here by the engine's own door
  const load = (url: string | URL | Request) => segno.handler(new Request(url));
  const { issuer } = segno;
  app.get(
    "/offline",
    requireAccessToken({ issuer, audience: issuer, scope: "orders:read", clock, fetch: load }),
    (req, res) => {
      res.json(getAuth(req));
    },
  );
  app.use(segnoMiddleware(segno));
  app.get("/orders", requireAuth({ scope: "orders:read" }), (req, res) => void res.json(getAuth(req)));
  app.get("/transfer", requireAuth({ maxAgeSeconds: 300 }), (_req, res) => void res.send("done"));
  app.get("/strong", requireAuth({ acr: "phr" }), (_req, res) => void res.send("done"));
  app.get("/fresh", requireAuth({ fresh: true }), (_req, res) => void res.send("done"));
  ({ origin } = await serve(app));
});
afterEach(() => test.close());

const json = { "content-type": "application/json", origin: "https://app.example.com" };
const post = (path: string, body: object, headers: Record<string, string> = {}) =>
  fetch(origin + path, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) });
const cookieOf = (response: Response) =>
  response.headers
    .getSetCookie()
    .map((line) => line.split(";")[0])
    .join("; ");

/** Through the port, as a browser would. @returns its Cookie header */
async function signIn(): Promise<string> {
  const started = await post("/api/auth/v1/email/start", { email: "ada@example.com" });
  expect(started.status).toBe(202);
  const { attemptId } = await started.json();
  const code = await test.mail.nextCode("ada@example.com");
  const done = await post("/api/auth/v1/email/verify", { attemptId, code }, { cookie: cookieOf(started) });
  expect(done.status).toBe(200);
  return cookieOf(done);
}

it("signs in over HTTP and opens routes with the cookie, until the session is signed out", async () => {
  const cookie = await signIn();
  const orders = await fetch(`${origin}/orders`, { headers: { cookie } });
  expect(await orders.json()).toMatchObject({ status: "authenticated", via: "session", scopes: ["orders:read"] });
  expect((await fetch(`${origin}/strong`, { headers: { cookie } })).headers.get("www-authenticate")).toContain(
    'acr_values="phr"',
  );
  expect((await post("/api/auth/v1/sign-out", {}, { cookie })).status).toBe(204);
  expect((await fetch(`${origin}/fresh`, { headers: { cookie } })).status).toBe(401);
  expect((await fetch(`${origin}/orders`, { headers: { cookie } })).status).toBe(401);
});

it("opens routes with the access token, through the engine and offline, until it expires", async () => {
  const cookie = await signIn();
  const issued = await post("/api/auth/v1/session/token", {}, { cookie });
  const headers = { authorization: `Bearer ${(await issued.json()).accessToken}` };
  for (const path of ["/orders", "/offline"]) {
    expect(await (await fetch(origin + path, { headers })).json()).toMatchObject({
      status: "authenticated",
      via: "access_token",
    });
  }
  test.clock.advance({ minutes: 6 });
  for (const path of ["/orders", "/offline"]) expect((await fetch(origin + path, { headers })).status).toBe(401);
});

it("judges the age of authentication by the engine's clock", async () => {
  const cookie = await signIn();
  expect((await fetch(`${origin}/transfer`, { headers: { cookie } })).status).toBe(200);
  test.clock.advance({ minutes: 6 });
  const late = await fetch(`${origin}/transfer`, { headers: { cookie } });
  expect(late.headers.get("www-authenticate")).toBe('Bearer error="insufficient_user_authentication", max_age=300');
});

it("serves keys and discovery at the origin root", async () => {
  expect((await (await fetch(`${origin}/.well-known/jwks.json`)).json()).keys.length).toBeGreaterThan(0);
  expect(await (await fetch(`${origin}/.well-known/openid-configuration`)).json()).toMatchObject({
    issuer: "https://app.example.com",
  });
});
