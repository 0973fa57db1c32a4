import { describe, expect, it } from "vitest";
import { createServiceDouble, createTabs, json, openTab, problem, settle, snapshotOf } from "./service.double.js";

const path = "/v1/session/token";

describe("session", () => {
  it("asks once for any number of subscribers and readers", async () => {
    const service = createServiceDouble();
    service.setCookie("ada");
    const client = openTab(service);
    for (let index = 0; index < 5; index += 1) client.session.subscribe(() => undefined)();
    client.session.subscribe(() => undefined);
    await Promise.all([client.session.ready(), client.session.ready(), client.getToken()]);
    expect(service.count("/v1/session")).toBe(1);
    expect(client.session.get()).toMatchObject({ status: "signed_in", user: { id: "ada" } });
  });

  it("asks nothing when the page was rendered with a session", async () => {
    const service = createServiceDouble();
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    client.session.subscribe(() => undefined);
    expect((await client.session.ready()).status).toBe("signed_in");
    expect(service.seen).toHaveLength(0);
  });

  it("makes no request and needs no browser when it is only created", () => {
    const service = createServiceDouble();
    openTab(service);
    expect(service.seen).toHaveLength(0);
  });

  it("keeps loading, with the reason, while the service cannot be reached, and recovers", async () => {
    const service = createServiceDouble();
    service.setCookie("ada");
    service.faults.push("offline", "offline", "offline");
    const client = openTab(service);
    client.session.subscribe(() => undefined);
    await settle();
    expect(client.session.get()).toMatchObject({ status: "loading", error: { code: "network" } });
    await client.session.refresh();
    expect(client.session.get().status).toBe("signed_in");
  });

  it("drops a reply that is older than a sign-in", async () => {
    const service = createServiceDouble();
    service.isHolding = true;
    const client = openTab(service);
    const first = client.session.refresh();
    await settle();
    service.isHolding = false;
    await client.email.verify({ attemptId: "a", code: "ada" });
    service.release();
    await first;
    expect(client.session.get()).toMatchObject({ status: "signed_in", user: { id: "ada" } });
  });

  it("tells the other tabs of a sign-in, a new name and a sign-out", async () => {
    const service = createServiceDouble();
    const tabs = createTabs();
    const [one, two] = [openTab(service, tabs), openTab(service, tabs)];
    two.session.subscribe(() => undefined);
    await settle();
    expect(two.session.get().status).toBe("signed_out");
    await one.email.verify({ attemptId: "a", code: "ada" });
    expect(two.session.get()).toMatchObject({ status: "signed_in", user: { id: "ada" } });
    service.answers.set("PATCH /v1/user", () => json({ ...snapshotOf("ada").user, displayName: "Ada L." }));
    await one.user.update({ displayName: "Ada L." });
    expect(two.session.get().user?.displayName).toBe("Ada L.");
    await one.signOut();
    expect(two.session.get().status).toBe("signed_out");
  });

  it("ignores late news of the end of a session that is not the current one", async () => {
    const service = createServiceDouble();
    const channel = createTabs().openChannel();
    const tab = openTab(service, { openChannel: () => channel, initialSession: snapshotOf("ada") });
    tab.session.subscribe(() => undefined);
    channel.onmessage?.({ data: { kind: "session", snapshot: null, from: "bob|sid-bob" } });
    expect(tab.session.get().user?.id).toBe("ada");
    channel.onmessage?.({ data: { kind: "session", snapshot: null, from: "ada|sid-ada" } });
    expect(tab.session.get().status).toBe("signed_out");
  });

  it("says that it is still signed in when the sign-out did not arrive", async () => {
    const service = createServiceDouble();
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    service.faults.push("offline", "offline", "offline");
    expect((await client.signOut()).error?.code).toBe("network");
    expect(client.session.get().status).toBe("signed_in");
  });
});

describe("getToken", () => {
  it("hands out one token until 15 seconds before its end, then a new one", async () => {
    const service = createServiceDouble();
    service.setCookie("ada");
    const client = openTab(service);
    const first = await client.getToken();
    service.advance(284);
    expect(await client.getToken()).toEqual(first);
    service.advance(2);
    const second = await client.getToken();
    expect(second.data).not.toBe(first.data);
    expect(service.count(path)).toBe(2);
  });

  it("makes one request for fifty callers in two tabs", async () => {
    const service = createServiceDouble();
    service.setCookie("ada");
    const tabs = createTabs();
    const [one, two] = [openTab(service, tabs), openTab(service, tabs)];
    await Promise.all([one.session.ready(), two.session.ready()]);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => (index % 2 === 0 ? one : two).getToken()),
    );
    expect(service.count(path)).toBe(1);
    expect(new Set(answers.map((answer) => answer.data)).size).toBe(1);
  });

  it.each([
    ["offline", () => "offline" as const, "network"],
    ["a broken service", () => problem(500, "internal", { retry: { when: "after_delay" } }), "internal"],
    ["a proxy's page", () => new Response("<html>Bad gateway</html>", { status: 502 }), "internal"],
    [
      "too many requests",
      () => problem(429, "rate_limited", { retry: { when: "after_delay", afterSeconds: 60 } }),
      "rate_limited",
    ],
    ["a captive portal", () => new Response("<html>Pay for wifi</html>", { status: 200 }), "unexpected_response"],
    ["a firewall's 401", () => new Response("go away", { status: 401 }), "unexpected_response"],
    ["a firewall's 403", () => new Response("go away", { status: 403 }), "unexpected_response"],
  ])("signs nobody out: %s", async (_name, fault, code) => {
    const service = createServiceDouble();
    service.setCookie("ada");
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    await client.getToken();
    service.advance(290);
    service.faults.push(fault(), fault(), fault());
    const early = await client.getToken();
    // A transient fault inside the last 15 seconds goes unnoticed: the old token still works.
    if (early.error !== null) expect(early.error.code).toBe(code);
    service.advance(30);
    service.faults.splice(0, 3, fault(), fault(), fault());
    expect((await client.getToken()).error?.code).toBe(code);
    expect(client.session.get().status).toBe("signed_in");
    service.faults.length = 0;
    expect((await client.getToken()).error).toBeNull();
  });

  it("signs out here and in the other tabs when the service says that there is no session", async () => {
    const service = createServiceDouble();
    service.setCookie("ada");
    const tabs = createTabs();
    const [one, two] = [openTab(service, tabs), openTab(service, tabs)];
    await Promise.all([one.session.ready(), two.session.ready()]);
    service.setCookie(null);
    expect((await one.getToken()).error?.code).toBe("unauthenticated");
    expect([one.session.get().status, two.session.get().status]).toEqual(["signed_out", "signed_out"]);
    const asked = service.seen.length;
    expect((await two.getToken()).error?.code).toBe("unauthenticated");
    expect(service.seen).toHaveLength(asked);
  });

  it("gets a new token after a step-up: the old one proves too little", async () => {
    const service = createServiceDouble();
    service.setCookie("ada");
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    const before = await client.getToken();
    const { user, session } = snapshotOf("ada");
    const raised = { status: "signed_in", isNewUser: false, user, session: { ...session, acr: "phr" } };
    service.answers.set("POST /v1/passkeys/step-up/verify", () => json(raised));
    await client.passkeys.stepUpVerify({ attemptId: "a", response: {} });
    expect((await client.getToken()).data).not.toBe(before.data);
  });

  it("notices a cookie that changed hands behind its back", async () => {
    const service = createServiceDouble();
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    service.setCookie("bob");
    expect((await client.getToken()).error?.code).toBe("unauthenticated");
    expect(client.session.get().user?.id).toBe("bob");
  });

  it("keeps audiences apart", async () => {
    const service = createServiceDouble();
    service.setCookie("ada");
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    const tokens = await Promise.all([client.getToken(), client.getToken({ audience: "https://api.example.com" })]);
    expect(tokens[0].data).not.toBe(tokens[1].data);
    expect(service.seen.map((request) => request.body)).toContain('{"audience":"https://api.example.com"}');
  });
});
