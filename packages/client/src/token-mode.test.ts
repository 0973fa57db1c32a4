import { describe, expect, it } from "vitest";
import { createMemoryStorage, type TokenStorage } from "./ports.js";
import { createServiceDouble, createTabs, json, openTab, type ServiceDouble } from "./service.double.js";

function openApp(service: ServiceDouble, storage: TokenStorage = createMemoryStorage(), more = {}) {
  return openTab(service, { mode: "token", storage, ...more });
}

const shared = (): TokenStorage => ({ ...createMemoryStorage(), isShared: true });

describe("token mode", () => {
  it("signs in without a cookie, sends the token, and survives a restart", async () => {
    const service = createServiceDouble();
    const storage = createMemoryStorage();
    const app = openApp(service, storage);
    await app.email.verify({ attemptId: "a", code: "ada" });
    expect(JSON.parse(service.seen[0]?.body ?? "")).toMatchObject({ mode: "token" });
    await app.sessions.list();
    expect(service.seen.at(-1)?.headers.get("authorization")).toMatch(/^Bearer /);
    expect(service.seen.map((request) => request.init.credentials)).toEqual(["omit", "omit"]);
    const restarted = openApp(service, storage);
    expect(await restarted.session.ready()).toMatchObject({ status: "signed_in", user: { id: "ada" } });
    expect(service.count("/oauth2/token")).toBe(1);
  });

  it("asks nothing at all while nobody has signed in", async () => {
    const service = createServiceDouble();
    expect((await openApp(service).session.ready()).status).toBe("signed_out");
    expect(service.seen).toHaveLength(0);
  });

  it("sends the same refresh token again when the answer was lost: the successor is the same", async () => {
    const service = createServiceDouble();
    const app = openApp(service);
    await app.email.verify({ attemptId: "a", code: "ada" });
    service.advance(290);
    let isLost = true;
    service.answers.set("POST /oauth2/token", (request) => {
      if (!isLost) return undefined;
      isLost = false;
      service.refresh = { previous: service.refresh.current, current: "rt-ada-next", holder: "ada" };
      expect(request.body).toContain("refresh_token=rt-ada-0");
      return new Response("", { status: 502 });
    });
    expect((await app.getToken()).error).toBeNull();
    service.advance(290);
    expect((await app.getToken()).error).toBeNull();
    expect(app.session.get().status).toBe("signed_in");
  });

  it("two windows with one storage rotate one family and never sign each other out", async () => {
    const service = createServiceDouble();
    const storage = shared();
    const tabs = createTabs();
    const [one, two] = [openApp(service, storage, tabs), openApp(service, storage, tabs)];
    two.session.subscribe(() => undefined);
    await one.email.verify({ attemptId: "a", code: "ada" });
    for (let round = 0; round < 5; round += 1) {
      service.advance(290);
      const answers = await Promise.all([one.getToken(), two.getToken(), one.getToken(), two.getToken()]);
      expect(answers.every((answer) => answer.error === null)).toBe(true);
    }
    expect(service.count("/oauth2/token")).toBe(5);
  });

  it("even without a lock, a refresh token that another window has rotated is no reason to sign out", async () => {
    const service = createServiceDouble();
    const storage = shared();
    const app = openApp(service, storage);
    await app.email.verify({ attemptId: "a", code: "ada" });
    service.advance(290);
    let hasRotated = false;
    service.answers.set("POST /oauth2/token", () => {
      if (hasRotated) return undefined;
      hasRotated = true;
      service.refresh = { previous: "rt-gone", current: "rt-ada-9", holder: "ada" };
      void storage.set(
        "segno:https://app.example.com/api/auth",
        JSON.stringify({ refreshToken: "rt-ada-9", holder: "ada|sid-ada" }),
      );
      return new Response('{"error":"invalid_grant"}', { status: 400 });
    });
    expect((await app.getToken()).error).toBeNull();
    expect(app.session.get().status).toBe("signed_in");
  });

  it("signs out and forgets when the grant is gone", async () => {
    const service = createServiceDouble();
    const storage = createMemoryStorage();
    const app = openApp(service, storage);
    await app.email.verify({ attemptId: "a", code: "ada" });
    service.advance(290);
    service.refresh = { previous: "", current: "other", holder: "ada" };
    expect((await app.getToken()).error?.code).toBe("invalid_grant");
    expect(app.session.get().status).toBe("signed_out");
    expect(await storage.get("segno:https://app.example.com/api/auth")).toBeNull();
  });

  it.each(["offline" as const, new Response("", { status: 503 })])("keeps the grant through a fault", async (fault) => {
    const service = createServiceDouble();
    const app = openApp(service);
    await app.email.verify({ attemptId: "a", code: "ada" });
    service.advance(400);
    service.faults.push(fault, "offline", "offline");
    expect((await app.getToken()).error?.retry.when).toBe("after_delay");
    expect(app.session.get().status).toBe("signed_in");
    expect((await app.getToken()).error).toBeNull();
  });

  it("a sign-out during a refresh is not undone by its answer", async () => {
    const service = createServiceDouble();
    const storage = createMemoryStorage();
    const app = openApp(service, storage);
    await app.email.verify({ attemptId: "a", code: "ada" });
    service.advance(290);
    service.answers.set("POST /v1/sign-out", () => new Response(null, { status: 204 }));
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = openTab(service, {
      mode: "token",
      storage,
      fetch: async (input, init) => {
        const answer = await service.fetch(input, init);
        if (String(input).endsWith("/oauth2/token")) await gate;
        return answer;
      },
      initialSession: app.session.get().user
        ? { session: app.session.get().session, user: app.session.get().user }
        : null,
    });
    const pending = slow.getToken();
    while (service.count("/oauth2/token") === 0) await new Promise((resolve) => setImmediate(resolve));
    await storage.remove("segno:https://app.example.com/api/auth");
    slow.session.seed(null);
    release();
    await pending;
    expect(await storage.get("segno:https://app.example.com/api/auth")).toBeNull();
  });

  it("T-041: names its browser with every attempt by the handle the service gave it, and with nothing else", async () => {
    const service = createServiceDouble();
    let made = 0;
    for (const path of ["/v1/email/start", "/v1/passkeys/sign-in/options"]) {
      service.answers.set(`POST ${path}`, (request) => {
        const isNew = request.headers.get("segno-browser") === "new";
        return json({ attemptId: "a" }, 200, isNew ? { "segno-browser": `handle-${(made += 1)}` } : {});
      });
    }
    const app = openApp(service);
    // Autofill and the mail form begin at the same moment: both attempts belong to one handle.
    await Promise.all([app.passkeys.signInOptions(), app.email.start({ email: "ada@example.com" })]);
    await app.email.verify({ attemptId: "a", code: "ada" });
    await app.sessions.list();
    expect(service.seen.map(({ headers }) => headers.get("segno-browser"))).toEqual([
      "new",
      "handle-1",
      "handle-1",
      null,
    ]);
    const page = openTab(service);
    await page.email.start({ email: "ada@example.com" });
    expect(service.seen.at(-1)?.headers.get("segno-browser")).toBeNull();
  });

  it("asks for the handle again when the first answer got lost", async () => {
    const service = createServiceDouble();
    service.faults.push("offline");
    service.answers.set("POST /v1/email/start", () => json({ attemptId: "a" }, 202, { "segno-browser": "handle" }));
    const app = openApp(service);
    const [lost, got] = await Promise.all([
      app.email.start({ email: "ada@example.com" }),
      app.email.start({ email: "ada@example.com" }),
    ]);
    expect([lost.error?.code, got.error]).toEqual(["network", null]);
    await app.email.verify({ attemptId: "a", code: "ada" });
    expect(service.seen.at(-1)?.headers.get("segno-browser")).toBe("handle");
  });
});
