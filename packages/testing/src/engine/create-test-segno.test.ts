import { createAccessTokenVerifier, createRemoteKeySet } from "@segno/core";
import { afterEach, describe, expect, it } from "vitest";
import { createTestSegno, type TestSegno, type TestSegnoOptions } from "./create-test-segno.js";

const opened: TestSegno[] = [];
async function open(options?: TestSegnoOptions): Promise<TestSegno> {
  const test = await createTestSegno(options);
  opened.push(test);
  return test;
}
afterEach(async () => {
  await Promise.all(opened.splice(0).map((test) => test.close()));
});

describe("createTestSegno", () => {
  it("signs a person in by mail and hands over a browser and tokens", async () => {
    const test = await open();
    const ada = await test.signInAs("ada@example.com", { displayName: "Ada" });
    expect(ada).toMatchObject({
      isNewUser: true,
      user: { email: "ada@example.com", emailVerified: true, displayName: "Ada" },
    });
    const { body } = await ada.browser.call<{ user: { id: string } }>("/v1/session");
    expect(body.user.id).toBe(ada.user.id);
    const again = await test.signInAs("ada@example.com");
    expect(again).toMatchObject({ isNewUser: false, user: { id: ada.user.id } });
  });

  it("hands over an access token that an API elsewhere accepts, until the clock is turned", async () => {
    const test = await open();
    const { tokens, user } = await test.signInAs("ada@example.com");
    const { accessToken } = await tokens();
    const verifier = createAccessTokenVerifier({
      issuer: test.origin,
      audience: test.origin,
      clock: test.clock,
      keys: createRemoteKeySet({ url: `${test.origin}/.well-known/jwks.json`, fetch: test.fetch, clock: test.clock }),
    });
    expect(await verifier.verify(accessToken)).toMatchObject({ sub: user.id, acr: "aal1" });
    test.clock.advance({ minutes: 5, seconds: 6 });
    await expect(verifier.verify(accessToken)).rejects.toMatchObject({ code: "token_expired" });
  });

  it("signs up with a passkey, and in again with the same device", async () => {
    const test = await open();
    const { browser, user, session } = await test.signUpWithPasskey({ displayName: "Grace" });
    expect(session.acr).toBe("phr");
    await browser.call("/v1/sign-out", {});
    const { body } = await browser.call<{ attemptId: string; publicKey: never }>("/v1/passkeys/sign-in/options", {});
    const response = await browser.authenticator.get(body.publicKey);
    const signedIn = await browser.call<{ user: object }>("/v1/passkeys/sign-in/verify", {
      attemptId: body.attemptId,
      response,
    });
    expect(signedIn.body.user).toMatchObject({ id: user.id });
  });

  it("captures events in order, by type", async () => {
    const test = await open();
    const { user, session } = await test.signInAs("ada@example.com");
    expect(await test.eventsOf("user.created")).toHaveLength(1);
    const [login] = await test.eventsOf("login.success");
    expect(login?.subject).toBe(user.id);
    expect(test.events.map(({ type }) => type)).toContain("session.created");
    expect(session.userId).toBe(user.id);
  });

  it("shows every row, so that secrets at rest can be looked for", async () => {
    const test = await open();
    const { browser, tokens, session } = await test.signInAs("ada@example.com");
    const { refreshToken } = await tokens();
    const rows = await test.dump();
    expect(rows).toContain(session.id);
    expect(rows).not.toContain(refreshToken);
    expect(rows).not.toContain(browser.cookies.get("__Host-segno.sid"));
  });

  it("lets the clock end a session", async () => {
    const test = await open();
    const { browser } = await test.signInAs("ada@example.com");
    test.clock.advance({ days: 15 });
    expect((await browser.call("/v1/session")).body).toMatchObject({ session: null });
  });

  it("gives each browser cookies, a device and an address of its own", async () => {
    const test = await open();
    const [ada, bob] = [await test.signInAs("ada@example.com"), await test.signInAs("bob@example.com")];
    expect(ada.browser.cookies.get("__Host-segno.sid")).not.toBe(bob.browser.cookies.get("__Host-segno.sid"));
    const signedIn = await test.signInAs("carol@example.com", { browser: ada.browser });
    expect(signedIn.browser).toBe(ada.browser);
  });
});

describe("the same seed and clock", () => {
  async function story(options: TestSegnoOptions) {
    const test = await open(options);
    const ada = await test.signInAs("ada@example.com");
    const grace = await test.signUpWithPasskey({ displayName: "Grace" });
    const jwks = await (await test.fetch("/.well-known/jwks.json")).text();
    return {
      ids: [ada.user.id, ada.session.id, grace.user.id],
      tokens: await ada.tokens(),
      cookie: ada.browser.cookies.get("__Host-segno.sid"),
      jwks,
    };
  }
  const unsigned = (token: string) => token.slice(0, token.lastIndexOf("."));

  it("repeat ids, keys, opaque tokens and EdDSA access tokens byte for byte", async () => {
    const eddsa: TestSegnoOptions = { keys: { algorithm: "EdDSA" } };
    expect(await story(eddsa)).toEqual(await story(eddsa));
  });

  it("repeat all but the signature under ES256", async () => {
    const [first, second] = [await story({}), await story({})];
    expect({ ...first, tokens: 0 }).toEqual({ ...second, tokens: 0 });
    expect(first.tokens.refreshToken).toBe(second.tokens.refreshToken);
    expect(unsigned(first.tokens.accessToken)).toBe(unsigned(second.tokens.accessToken));
    expect(first.tokens.accessToken).not.toBe(second.tokens.accessToken);
  });

  it("and another seed, other everything", async () => {
    const [first, second] = [await story({ seed: "a" }), await story({ seed: "b" })];
    expect(first.ids.filter((id) => second.ids.includes(id))).toEqual([]);
    expect(first.jwks).not.toBe(second.jwks);
  });
});
