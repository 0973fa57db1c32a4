import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createServiceDouble, json, openTab, problem, snapshotOf } from "./service.double.js";

const busy = (afterSeconds?: number) =>
  problem(503, "store_unavailable", {
    retry: { when: "after_delay", ...(afterSeconds === undefined ? {} : { afterSeconds }) },
  });

describe("retries", () => {
  it("repeats a read that met a passing fault, up to three tries in all", async () => {
    const service = createServiceDouble();
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    service.faults.push("offline", busy());
    expect((await client.sessions.list()).error).toBeNull();
    expect(service.seen).toHaveLength(3);
    service.faults.push(busy(), busy(), busy(), busy());
    expect((await client.sessions.list()).error?.code).toBe("store_unavailable");
    expect(service.seen).toHaveLength(6);
  });

  it("never repeats a write that could have two effects", async () => {
    const service = createServiceDouble();
    const client = openTab(service);
    service.faults.push("offline");
    expect((await client.email.start({ email: "ada@example.com" })).error?.code).toBe("network");
    service.faults.push(busy());
    expect((await client.passkeys.signUpVerify({ attemptId: "a", response: {} })).error?.code).toBe(
      "store_unavailable",
    );
    expect(service.seen).toHaveLength(2);
  });

  it("repeats only where the error says so", async () => {
    const service = createServiceDouble();
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    service.faults.push(problem(403, "forbidden"));
    expect((await client.sessions.list()).error).toMatchObject({
      code: "forbidden",
      retry: { when: "never" },
      requestId: "req-1",
    });
    expect(service.seen).toHaveLength(1);
  });

  it("waits as long as the service asks, and does not wait for what takes too long", async () => {
    const waits: number[] = [];
    const service = createServiceDouble();
    const client = openTab(service, {
      initialSession: snapshotOf("ada"),
      delay: async (milliseconds) => void waits.push(milliseconds),
    });
    service.faults.push(busy(2), busy());
    await client.sessions.list();
    expect(waits).toEqual([2000 + 225, 450]);
    service.faults.push(busy(60));
    expect((await client.sessions.list()).error?.retry).toEqual({ when: "after_delay", afterSeconds: 60 });
    expect(waits).toHaveLength(2);
  });

  it("gives up on an answer that does not come", async () => {
    const hanging: typeof fetch = (_input, init) =>
      new Promise((_, reject) => init?.signal?.addEventListener("abort", () => reject(init.signal?.reason)));
    const client = openTab(createServiceDouble(), { fetch: hanging, timeoutMs: 1 });
    expect((await client.email.start({ email: "ada@example.com" })).error?.code).toBe("timeout");
  });
});

describe("hostile answers", () => {
  it("T-050: never follows a redirect with a code, token or cookie in the request", async () => {
    const service = createServiceDouble();
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    await client.email.verify({ attemptId: "a", code: "ada" });
    await client.getToken();
    await client.fetch("https://app.example.com/orders");
    expect(service.seen.map((request) => request.init.redirect)).toEqual(service.seen.map(() => "error"));
  });

  it("T-071: keys such as __proto__ in an answer change nothing but that answer", async () => {
    const service = createServiceDouble();
    const client = openTab(service);
    const evil = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"session":null,"user":null}';
    service.answers.set("GET /v1/session", () => new Response(evil));
    await client.session.refresh();
    service.faults.push(
      new Response(`{"code":"__proto__","retry":{"__proto__":{"when":"after_delay"}},"title":"t"}`, { status: 400 }),
    );
    const { error } = await client.email.start({ email: "a@example.com" });
    expect(error).toMatchObject({ code: "__proto__", retry: { when: "never" } });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    expect(client.session.get().status).toBe("signed_out");
  });

  it("never throws and never signs anyone out, whatever an answer holds", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string()), fc.integer({ min: 400, max: 599 }), async (body, status) => {
        fc.pre(!body.includes("unauthenticated") && !body.includes("invalid_grant"));
        const service = createServiceDouble();
        const client = openTab(service, { initialSession: snapshotOf("ada") });
        service.faults.push(
          new Response(body, { status }),
          new Response(body, { status }),
          new Response(body, { status }),
        );
        const { data, error } = await client.sessions.list();
        expect(data).toBeNull();
        expect(typeof error?.code).toBe("string");
        expect(client.session.get().status).toBe("signed_in");
      }),
      { numRuns: 200 },
    );
  });

  it("reads what a step-up has to reach", async () => {
    const service = createServiceDouble();
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    const challenge = 'Bearer error="insufficient_user_authentication", acr_values="phr", max_age=600';
    service.faults.push(
      problem(
        401,
        "insufficient_user_authentication",
        { retry: { when: "after_step_up" } },
        { "www-authenticate": challenge },
      ),
    );
    const { error } = await client.passkeys.remove("p1");
    expect(error).toMatchObject({
      code: "insufficient_user_authentication",
      stepUp: { acr: "phr", maxAgeSeconds: 600 },
    });
    expect(client.session.get().status).toBe("signed_in");
  });

  it("escapes ids in paths", async () => {
    const service = createServiceDouble();
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    service.answers.set("DELETE /v1/sessions/..%2Fuser", () => new Response(null, { status: 204 }));
    expect((await client.sessions.revoke("../user")).error).toBeNull();
    expect(json({}).ok).toBe(true);
  });
});
