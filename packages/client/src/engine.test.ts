import { generateDpopKeyPair } from "@segno/core";
import { createInMemoryClient, createTestSegno, type TestSegno } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createSegnoClient, type SegnoClient, type SegnoClientOptions } from "./index.js";
import { createTabs } from "./service.double.js";

let test: TestSegno;
beforeEach(async () => {
  test = await createTestSegno();
});
afterEach(async () => {
  vi.useRealTimers();
  await test.close();
});

async function signIn(client: SegnoClient, email = "ada@example.com") {
  const started = await client.email.start({ email });
  const code = await test.mail.nextCode(email);
  return await client.email.verify({ attemptId: started.data?.attemptId ?? "", code });
}

/** A native app: no cookies, no origin of a page. */
function openApp(options: SegnoClientOptions = {}): SegnoClient {
  return createSegnoClient({
    mode: "token",
    baseUrl: test.origin,
    fetch: test.browser().fetch,
    clock: test.clock,
    openChannel: () => undefined,
    delay: async () => undefined,
    ...options,
  });
}

describe("against the engine", () => {
  it("walks through every call a signed-in person makes", async () => {
    const { client } = createInMemoryClient(test.segno);
    expect((await client.session.ready()).status).toBe("signed_out");
    expect((await signIn(client)).error).toBeNull();
    expect((await client.user.update({ displayName: "Ada" })).data?.displayName).toBe("Ada");
    expect(client.session.get().user?.displayName).toBe("Ada");
    const { data: list } = await client.sessions.list();
    const id = list?.sessions[0]?.id ?? "";
    expect((await client.sessions.rename(id, { deviceName: "Desk" })).data?.deviceName).toBe("Desk");
    expect(client.session.get().session?.deviceName).toBe("Desk");
    expect((await client.sessions.revokeMany("others")).data).toEqual({ revoked: 0 });
    expect((await client.passkeys.list()).data?.passkeys).toEqual([]);
    expect((await client.signOut()).error).toBeNull();
    expect((await client.sessions.list()).error?.code).toBe("unauthenticated");
  });

  it("a session revoked elsewhere ends here with the next token, and only then", async () => {
    const tabs = createTabs();
    const { client } = createInMemoryClient(test.segno, tabs);
    await signIn(client);
    const { client: other } = createInMemoryClient(test.segno);
    await signIn(other);
    expect((await client.getToken()).error).toBeNull();
    await other.sessions.revokeMany("others");
    test.clock.advance({ minutes: 5 });
    expect((await client.getToken()).error?.code).toBe("unauthenticated");
    expect(client.session.get().status).toBe("signed_out");
    expect(other.session.get().status).toBe("signed_in");
  });

  it("two tabs of one browser share one token", async () => {
    const browser = test.browser();
    const tabs = createTabs();
    const { client: one } = createInMemoryClient(test.segno, { browser, ...tabs });
    const { client: two } = createInMemoryClient(test.segno, { browser, ...tabs });
    await Promise.all([one.session.ready(), two.session.ready()]);
    await signIn(one);
    const [first, second] = await Promise.all([one.getToken(), two.getToken()]);
    expect(first.data).toBe(second.data);
    expect(await test.eventsOf("token.issued")).toHaveLength(1);
  });

  it("token mode rotates through an hour without a sign-out", async () => {
    const app = openApp();
    const answer = await signIn(app);
    expect(answer.data?.tokens?.refreshToken).toMatch(/^segno_rt_/);
    for (let round = 0; round < 12; round += 1) {
      test.clock.advance({ minutes: 5 });
      expect((await app.getToken()).error).toBeNull();
    }
    expect((await app.sessions.list()).error).toBeNull();
    expect((await app.signOut()).error).toBeNull();
    expect(app.session.get().status).toBe("signed_out");
  });

  it("an answer that got lost costs nothing: the same refresh token gets the same successor", async () => {
    let isLossy = false;
    const { fetch } = test.browser();
    const app = openApp({
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        if (!isLossy || !String(input).endsWith("/oauth2/token")) return response;
        isLossy = false;
        throw new TypeError("connection reset");
      },
    });
    await signIn(app);
    test.clock.advance({ minutes: 5 });
    isLossy = true;
    expect((await app.getToken()).error).toBeNull();
    test.clock.advance({ minutes: 5 });
    expect((await app.getToken()).error).toBeNull();
    expect(await test.eventsOf("risk.alert")).toEqual([]);
  });

  it("binds tokens to a key, in both modes (RFC 9449)", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: test.clock.nowMs() });
    const pair = await generateDpopKeyPair();
    const proofKeys = { load: async () => pair };
    const { client } = createInMemoryClient(test.segno, { dpop: true, proofKeys });
    await signIn(client);
    const claims = (token: string | null) =>
      JSON.parse(Buffer.from(token?.split(".")[1] ?? "", "base64url").toString());
    expect(claims((await client.getToken()).data).cnf.jkt).toMatch(/^[\w-]{43}$/);
    const app = openApp({ dpop: true, proofKeys });
    await signIn(app, "bob@example.com");
    test.clock.advance({ minutes: 5 });
    vi.setSystemTime(test.clock.nowMs());
    expect(claims((await app.getToken()).data).cnf.jkt).toMatch(/^[\w-]{43}$/);
    const listed = await app.sessions.list();
    expect(listed.error).toBeNull();
  });

  it.each([-15, 15])("binds tokens where the device's clock is %i minutes off", async (off) => {
    vi.useFakeTimers({ toFake: ["Date"], now: test.clock.nowMs() + off * 60_000 });
    const pair = await generateDpopKeyPair();
    const proofKeys = { load: async () => pair };
    const { client } = createInMemoryClient(test.segno, { dpop: true, proofKeys });
    await signIn(client);
    expect((await client.getToken()).error).toBeNull();
    const app = openApp({ dpop: true, proofKeys });
    expect((await signIn(app, "bob@example.com")).error).toBeNull();
    expect((await app.sessions.list()).error).toBeNull();
    test.clock.advance({ minutes: 5 });
    vi.setSystemTime(test.clock.nowMs() + off * 60_000);
    expect((await app.getToken()).error).toBeNull();
  });

  it("token mode needs no cookie at all, and T-041: another app cannot finish its attempt", async () => {
    const cookies: (string | null)[] = [];
    const bare: typeof fetch = async (input, init) => {
      const request = new Request(input, init);
      const response = await test.segno.handler(request, { remoteAddress: "203.0.113.30" });
      cookies.push(request.headers.get("cookie"), response.headers.get("set-cookie"));
      return response;
    };
    const [app, thief] = [openApp({ fetch: bare }), openApp({ fetch: bare })];
    await thief.passkeys.signInOptions();
    const attemptId = (await app.email.start({ email: "ada@example.com" })).data?.attemptId ?? "";
    const code = await test.mail.nextCode("ada@example.com");
    expect((await thief.email.verify({ attemptId, code })).error?.code).toBe("wrong_browser");
    expect((await app.email.verify({ attemptId, code })).error).toBeNull();
    expect((await app.user.startEmail({ email: "ada@work.example" })).error).toBeNull();
    const id = (await app.sessions.list()).data?.sessions[0]?.id;
    expect(id).toBe(app.session.get().session?.id);
    expect(cookies.every((cookie) => cookie === null)).toBe(true);
  });

  it("buys a grant for another part of the app, bound to the key, and keeps none of it", async () => {
    vi.useFakeTimers({ toFake: ["Date"], now: test.clock.nowMs() });
    const pair = await generateDpopKeyPair();
    const { client } = createInMemoryClient(test.segno, { dpop: true, proofKeys: { load: async () => pair } });
    expect((await client.sessions.grant()).error?.code).toBe("unauthenticated");
    await signIn(client);
    const { data } = await client.sessions.grant();
    expect(data).toMatchObject({ tokenType: "DPoP", refreshToken: expect.stringMatching(/^segno_rt_/) });
    expect((await client.getToken()).data).not.toBe(data?.accessToken);
    const app = openApp();
    await signIn(app, "bob@example.com");
    expect((await app.sessions.grant()).error?.code).toBe("forbidden");
    expect(app.session.get().status).toBe("signed_in");
  });

  it.each(["cookie", "token"] as const)("%s mode: a mailed code raises the session there is", async (mode) => {
    const client = mode === "token" ? openApp() : createInMemoryClient(test.segno).client;
    await signIn(client);
    const before = client.session.get().session;
    test.clock.advance({ minutes: 11 });
    expect((await client.user.startEmail({ email: "new@example.com", locale: "de" })).error).toMatchObject({
      stepUp: { acr: "aal1", maxAgeSeconds: 600 },
    });
    const started = await client.email.start({ email: "ada@example.com" });
    const code = await test.mail.nextCode("ada@example.com");
    expect((await client.email.stepUpVerify({ attemptId: started.data?.attemptId ?? "", code })).error).toBeNull();
    expect(client.session.get().session).toMatchObject({ id: before?.id });
    expect((await client.user.startEmail({ email: "new@example.com", locale: "de" })).error).toBeNull();
    expect((await client.sessions.list()).data?.sessions).toHaveLength(1);
    expect((await test.mail.next("new@example.com")).subject).toContain("bestätigen");
  });
});
