// What people agree to, and what tokens hold because of it.
import type { AccessTokenClaims } from "@segno/core";
import { createTestSegno, type SignedInBrowser, type TestSegno } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type TestDatabase, testDatabases } from "../../test/stores.js";

const claimsOf = (token: string) =>
  JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as AccessTokenClaims;

describe.each(testDatabases)("R056: consents ($name)", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let test: TestSegno;
  let ada: SignedInBrowser;
  beforeEach(async () => {
    database = await create();
    test = await createTestSegno({
      database: database.source(),
      rateLimit: false,
      tokens: { scopes: ["orders:read", "marketing:read"] },
      consents: { marketing: { version: 2, scopes: ["marketing:read"] }, newsletter: { version: 1 } },
    });
    ada = await test.signInAs("ada@example.com");
  });
  afterEach(async () => {
    await test.close();
    await database.drop();
  });
  const { browser } = { browser: () => ada.browser };
  const grant = (version = 2, purpose = "marketing") => browser().call("/v1/consents", { purpose, version });
  const withdraw = (purpose = "marketing") =>
    browser().call(`/v1/consents/${purpose}`, undefined, { method: "DELETE" });
  const scopeNow = async () => {
    const { body } = await browser().call<{ accessToken: string }>("/v1/session/token", {});
    return claimsOf(body.accessToken).scope;
  };

  it("a scope that needs a consent is in tokens only while it is given: the next token after a withdrawal lacks it", async () => {
    expect(await scopeNow()).toBe("orders:read");
    const tokens = await browser().call<{ refreshToken: string }>("/v1/session/grant", {});
    expect((await grant()).status).toBe(200);
    expect(await scopeNow()).toBe("orders:read marketing:read");
    const refresh = async (token: string, scope?: string) =>
      await browser().call<{ access_token: string; refresh_token: string; error: string }>("/oauth2/token", undefined, {
        method: "POST",
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({
          grant_type: "refresh_token",
          refresh_token: token,
          client_id: "segno",
          ...(scope === undefined ? {} : { scope }),
        }).toString(),
      });
    const first = await refresh(tokens.body.refreshToken);
    expect(claimsOf(first.body.access_token).scope).toBe("orders:read marketing:read");
    expect((await withdraw()).status).toBe(204);
    expect(await scopeNow()).toBe("orders:read");
    const second = await refresh(first.body.refresh_token);
    expect(claimsOf(second.body.access_token).scope).toBe("orders:read");
    expect((await refresh(second.body.refresh_token, "marketing:read")).body.error).toBe("invalid_scope");
    expect((await browser().call("/v1/session/token", { scope: "marketing:read" })).body).toMatchObject({
      code: "invalid_scope",
    });
  });

  it("a session by cookie never holds such a scope", async () => {
    await grant();
    const auth = await test.segno.authenticate({
      headers: { cookie: browser().cookies.header(new URL(test.origin)) ?? "" },
      method: "GET",
      url: `${test.origin}/`,
    });
    expect(auth).toMatchObject({ status: "authenticated", via: "session", scopes: ["orders:read"] });
  });

  it("tells purpose, version and who: the person, or the operator in process", async () => {
    await grant();
    await withdraw();
    await test.segno.api.grantConsent(ada.user.id, { purpose: "newsletter", version: 1 });
    const id = ada.user.id;
    expect(await test.eventsOf("consent.granted")).toMatchObject([
      {
        subject: id,
        actor: { type: "user", id },
        sessionId: ada.session.id,
        data: { purpose: "marketing", version: 2, scopes: ["marketing:read"] },
      },
      { subject: id, actor: { type: "operator", id: null }, data: { purpose: "newsletter", version: 1, scopes: [] } },
    ]);
    expect(await test.eventsOf("consent.withdrawn")).toMatchObject([
      { subject: id, actor: { type: "user", id }, data: { purpose: "marketing", version: 2 } },
    ]);
  });

  it("is written and told once, however often and at once it is said", async () => {
    await Promise.all(Array.from({ length: 50 }, () => grant()));
    expect(await test.eventsOf("consent.granted")).toHaveLength(1);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => test.segno.api.withdrawConsent(ada.user.id, "marketing")),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    expect(await test.eventsOf("consent.withdrawn")).toHaveLength(1);
  });

  it("an answer to another version is refused, and an older answer counts no more", async () => {
    expect((await grant(1)).body).toMatchObject({ code: "conflict" });
    expect((await grant(1, "unknown")).body).toMatchObject({ code: "not_found" });
    expect((await withdraw("unknown")).status).toBe(404);
    await grant();
    expect((await test.segno.api.listConsents(ada.user.id))[0]).toMatchObject({ isGranted: true, grantedVersion: 2 });
    const later = await createTestSegno({
      ...(database.address === undefined ? {} : { database: database.source() }),
      clock: test.clock,
      tokens: { scopes: ["marketing:read"] },
      consents: { marketing: { version: 3, scopes: ["marketing:read"] } },
    });
    if (database.address !== undefined) {
      expect(await later.segno.api.listConsents(ada.user.id)).toMatchObject([
        { version: 3, isGranted: false, grantedVersion: 2 },
      ]);
    }
    await later.close();
  });

  it("goes with the account, and answers nobody who is not signed in", async () => {
    await grant();
    await test.segno.api.deleteUser(ada.user.id);
    expect(await test.dump()).not.toContain("segno_consents {");
    expect((await test.browser().call("/v1/consents")).status).toBe(401);
    await expect(test.segno.api.grantConsent(ada.user.id, { purpose: "marketing", version: 2 })).rejects.toMatchObject({
      code: "not_found",
    });
  });
});

it("refuses a configuration that makes no sense, naming every fault", () => {
  const wrong = createTestSegno({
    tokens: { scopes: ["a"] },
    consents: { "No Name": { version: 0 }, fine: { version: 1, scopes: ["b"] } },
  });
  return expect(wrong).rejects.toThrow(/No Name.*plain name[\s\S]*version: must be[\s\S]*"b" is not one of/);
});
