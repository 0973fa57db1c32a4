import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createIntrospection, createRemoteKeySet, createStatusList } from "@segno/core";
import { createTestSegno, type SignedInBrowser, type TestSegno } from "@segno/testing";
import express from "express";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { serve } from "../test/serve.js";
import { requireAccessToken, requireAuth } from "./index.js";

// Two engines on one database, and an API in front of neither: it knows the issuer's name and nothing else.
const audience = "https://api.example.com";
const introspector = { id: "orders", secret: "s3cret-of-the-orders-api" };

describe("an API that checks tokens offline", () => {
  let folder: string;
  let nodeA: TestSegno;
  let nodeB: TestSegno;
  let load: (url: string, init: object) => Promise<Response>;
  let isIssuerUp: boolean;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "segno-revocation-"));
    isIssuerUp = true;
    const database = join(folder, "segno.db");
    const tokens = {
      audiences: ["https://app.example.com", audience],
      scopes: ["orders:read"],
      introspectionClients: { [introspector.id]: introspector.secret },
    };
    nodeA = await createTestSegno({ database, tokens, seed: "a" });
    nodeB = await createTestSegno({ database, tokens, seed: "b", clock: nodeA.clock, email: nodeA.mail });
    let turn = 0;
    // a load balancer that knows no stickiness
    load = async (url, init) => {
      if (!isIssuerUp) throw new TypeError("fetch failed");
      turn += 1;
      return await (turn % 2 === 0 ? nodeA : nodeB).segno.handler(new Request(url, init), {
        remoteAddress: "198.18.0.1",
      });
    };
  });
  afterEach(async () => {
    await Promise.all([nodeA.close(), nodeB.close()]);
    rmSync(folder, { recursive: true, force: true });
  });

  async function tokenOf(signedIn: SignedInBrowser): Promise<string> {
    const { body } = await signedIn.browser.call("/v1/session/token", { audience });
    return (body as { accessToken: string }).accessToken;
  }
  async function api() {
    const { clock } = nodeA;
    const { issuer } = nodeA.segno;
    const introspection = createIntrospection({
      url: `${issuer}/api/auth/oauth2/introspect`,
      clientId: introspector.id,
      clientSecret: introspector.secret,
      clock,
      fetch: load,
    });
    const keys = createRemoteKeySet({ url: `${issuer}/.well-known/jwks.json`, clock, fetch: load });
    const statusList = createStatusList({ issuer, keys, clock, fetch: load });
    const common = { issuer, audience, clock, keys, statusList };
    const app = express();
    const done = (_req: express.Request, res: express.Response) => void res.send("done");
    app.get("/orders", requireAccessToken({ ...common, scope: "orders:read" }), done);
    app.get("/transfer", requireAccessToken({ ...common, introspection, fresh: true }), done);
    app.get("/below", requireAccessToken({ ...common, introspection }), requireAuth({ fresh: true }), done);
    app.get("/nobody-to-ask", requireAccessToken(common), requireAuth({ fresh: true }), done);
    app.use((_error: unknown, _req: express.Request, res: express.Response, _next: express.NextFunction) => {
      res.status(500).send("mistake");
    });
    const { origin } = await serve(app);
    const call = async (token: string, path = "/orders") => {
      const response = await fetch(origin + path, { headers: { authorization: `Bearer ${token}` } });
      const text = await response.text();
      return { status: response.status, retryAfter: response.headers.get("retry-after"), text };
    };
    return { call, statusList };
  }

  it("R075, T-069: what node A revokes is refused within 5 seconds while traffic flows, and nobody else is", async () => {
    const { call, statusList } = await api();
    const ada = await nodeA.signInAs("ada@example.com");
    const bob = await nodeA.signInAs("bob@example.com");
    const [hers, his] = [await tokenOf(ada), await tokenOf(bob)];
    for (let tick = 0; tick < 20; tick += 1) {
      nodeA.clock.advance({ milliseconds: 500 });
      expect([(await call(hers)).status, (await call(his)).status]).toEqual([200, 200]);
    }
    const form = new URLSearchParams({ token: hers, client_id: "segno" });
    const revoked = await nodeA.fetch("/api/auth/oauth2/revoke", { method: "POST", body: form });
    expect(revoked.status).toBe(200);
    let refusedAfterMs = Number.POSITIVE_INFINITY;
    for (let tick = 1; tick <= 20; tick += 1) {
      nodeA.clock.advance({ milliseconds: 500 });
      const { status } = await call(hers);
      if (status === 401) refusedAfterMs = Math.min(refusedAfterMs, tick * 500);
      else expect(refusedAfterMs).toBe(Number.POSITIVE_INFINITY);
      expect((await call(his)).status).toBe(200);
    }
    expect(refusedAfterMs).toBeLessThanOrEqual(5_000);
    // the session itself goes on: its next token is good
    expect((await call(await tokenOf(ada))).status).toBe(200);
    expect(statusList.state()).toMatchObject([{ isUsable: true, places: 1_048_576, bytes: 131_072, failures: 0 }]);
  });

  it("R075: a signed-out session's token is refused by the first request 5 seconds later, without traffic in between", async () => {
    const { call } = await api();
    const ada = await nodeA.signInAs("ada@example.com");
    const token = await tokenOf(ada);
    expect((await call(token)).status).toBe(200);
    await ada.browser.call("/v1/sign-out", {});
    nodeA.clock.advance({ seconds: 5 });
    expect((await call(token)).status).toBe(401);
  });

  it("F6: without the issuer it goes on for 30 seconds, then answers 503, and comes back by itself", async () => {
    const { call, statusList } = await api();
    const token = await tokenOf(await nodeA.signInAs("ada@example.com"));
    expect((await call(token)).status).toBe(200);
    isIssuerUp = false;
    nodeA.clock.advance({ seconds: 29 });
    expect((await call(token)).status).toBe(200);
    nodeA.clock.advance({ seconds: 2 });
    const refused = await call(token);
    expect([refused.status, JSON.parse(refused.text).code]).toEqual([503, "status_list_unavailable"]);
    expect(refused.retryAfter).toMatch(/^\d+$/);
    expect(statusList.state()[0]?.ageSeconds).toBe(31);
    isIssuerUp = true;
    nodeA.clock.advance({ seconds: 1 });
    expect((await call(token)).status).toBe(200);
  });

  it("T-020: fresh routes refuse at once, and never pass while the issuer cannot be asked", async () => {
    const { call } = await api();
    const ada = await nodeA.signInAs("ada@example.com");
    const token = await tokenOf(ada);
    for (const path of ["/orders", "/transfer", "/below"]) expect((await call(token, path)).status).toBe(200);
    isIssuerUp = false;
    for (const path of ["/transfer", "/below"]) expect((await call(token, path)).status).toBe(503);
    expect((await call(token)).status).toBe(200);
    isIssuerUp = true;
    await ada.browser.call("/v1/sign-out", {});
    for (const path of ["/transfer", "/below"]) expect((await call(token, path)).status).toBe(401);
    expect((await call(token)).status).toBe(200);
  });

  it("T-018: a condition nobody can look at stops the request", async () => {
    const { call } = await api();
    const token = await tokenOf(await nodeA.signInAs("ada@example.com"));
    expect(await call(token, "/nobody-to-ask")).toMatchObject({ status: 500, text: "mistake" });
  });

  it("T-019: with no issuer at the start it answers 503, and lets nobody pass", async () => {
    const token = await tokenOf(await nodeA.signInAs("ada@example.com"));
    const { call } = await api();
    isIssuerUp = false;
    for (let tick = 0; tick < 10; tick += 1) expect((await call(token)).status).toBe(503);
  });
});
