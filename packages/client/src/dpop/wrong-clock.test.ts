import { generateDpopKeyPair, isSegnoError, verifyDpopProof } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  createServiceDouble,
  createTabs,
  fakeJwt,
  json,
  openTab,
  problem,
  type SeenRequest,
  snapshotOf,
} from "../service.double.js";

const serviceStart = Date.UTC(2026, 0, 1);
const tokenUrl = "https://app.example.com/api/auth/v1/session/token";
const api = "https://app.example.com/orders";
const minute = 60_000;

beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: serviceStart }));
afterEach(() => void vi.useRealTimers());

/** A service whose clock is its own: it checks every proof by it, and tells it in `Date` unless `hidesDate`. */
async function openWorld(options: { hidesDate?: boolean } = {}) {
  const service = createServiceDouble();
  const pair = await generateDpopKeyPair();
  const world = {
    service,
    tabs: createTabs(),
    serviceMs: serviceStart,
    verdicts: [] as string[],
    /** Time passes, for everybody. */
    pass(milliseconds: number) {
      world.serviceMs += milliseconds;
      service.advance(milliseconds / 1000);
      vi.setSystemTime(Date.now() + milliseconds);
    },
    openTab: () =>
      openTab(service, {
        dpop: true,
        proofKeys: { load: async () => pair },
        initialSession: snapshotOf("ada"),
        ...world.tabs,
        fetch: async (input, init) => {
          const request: SeenRequest = {
            method: init?.method ?? "GET",
            path: new URL(String(input)).pathname,
            headers: new Headers(init?.headers),
            body: "",
            init: init ?? {},
          };
          return await answer(request, String(input));
        },
      }),
  };
  let serial = 0;
  const answer = async (request: SeenRequest, url: string): Promise<Response> => {
    const nowSeconds = world.serviceMs / 1000;
    const headers: Record<string, string> = options.hidesDate ? {} : { date: new Date(world.serviceMs).toUTCString() };
    const isTokenCall = url === tokenUrl;
    const bearer = request.headers.get("authorization")?.replace("DPoP ", "");
    try {
      await verifyDpopProof({
        proof: request.headers.get("dpop") ?? "",
        method: request.method,
        url,
        nowSeconds,
        ...(bearer === undefined ? {} : { accessToken: bearer, expectedJkt: await thumbprint() }),
      });
    } catch (error) {
      if (!isSegnoError(error)) throw error;
      world.verdicts.push(`${isTokenCall ? "token" : "api"} ${String(error.detail["reason"])}`);
      const challenge = { "www-authenticate": `DPoP error="${error.code}"` };
      // An API is not the service: its Date is not believed.
      const shown = isTokenCall ? headers : { date: new Date(0).toUTCString() };
      return problem(401, error.code, {}, { ...challenge, ...shown });
    }
    world.verdicts.push(isTokenCall ? "token" : "api");
    if (!isTokenCall) return json({ ok: true });
    serial += 1;
    const accessToken = fakeJwt({ sid: "sid-ada", iat: Math.floor(nowSeconds), jti: `t${serial}` });
    return json({ accessToken, tokenType: "DPoP", expiresInSeconds: 300, scope: "" }, 200, headers);
  };
  const thumbprint = async () => {
    const { jwkThumbprint } = await import("@segno/core");
    return await jwkThumbprint(pair.publicJwk);
  };
  return world;
}

describe("a device whose clock is wrong", () => {
  it.each([-7 * 24 * 60, -15, -2, 1, 15, 7 * 24 * 60])(
    "by %i minutes gets a bound token by asking twice",
    async (off) => {
      const world = await openWorld();
      vi.setSystemTime(serviceStart + off * minute);
      const client = world.openTab();
      expect((await client.getToken()).error).toBeNull();
      expect(world.verdicts).toEqual([`token ${off < 0 ? "iat_old" : "iat_future"}`, "token"]);
      expect((await client.fetch(api)).status).toBe(200);
      world.pass(5 * minute);
      expect((await client.getToken()).error).toBeNull();
      // Learnt once: nothing is refused any more.
      expect(world.verdicts.slice(2)).toEqual(["api", "token"]);
    },
  );

  it("asks once where the clock is right", async () => {
    const world = await openWorld();
    const client = world.openTab();
    await client.getToken();
    expect((await client.fetch(api)).status).toBe(200);
    expect(world.verdicts).toEqual(["token", "api"]);
  });

  it("does not ask again where the answer tells no time, or the time was not the reason", async () => {
    const silent = await openWorld({ hidesDate: true });
    vi.setSystemTime(serviceStart + 15 * minute);
    expect((await silent.openTab().getToken()).error?.code).toBe("invalid_dpop_proof");
    expect(silent.verdicts).toHaveLength(1);

    const service = createServiceDouble();
    let asked = 0;
    service.answers.set("POST /v1/session/token", () => {
      asked += 1;
      const date = new Date(Date.now() + 2_000).toUTCString();
      return problem(401, "invalid_dpop_proof", {}, { "www-authenticate": 'DPoP error="invalid_dpop_proof"', date });
    });
    const pair = await generateDpopKeyPair();
    const proofKeys = { load: async () => pair };
    const client = openTab(service, { dpop: true, proofKeys, initialSession: snapshotOf("ada") });
    expect((await client.getToken()).error?.code).toBe("invalid_dpop_proof");
    expect(asked).toBe(1);
    expect(client.session.get().status).toBe("signed_in");
  });

  it("a clock that lies each time is followed once a call, not in a loop", async () => {
    const service = createServiceDouble();
    let asked = 0;
    service.answers.set("POST /v1/session/token", () => {
      asked += 1;
      const date = new Date(serviceStart + asked * 60 * minute).toUTCString();
      return problem(401, "invalid_dpop_proof", {}, { "www-authenticate": 'DPoP error="invalid_dpop_proof"', date });
    });
    const pair = await generateDpopKeyPair();
    const proofKeys = { load: async () => pair };
    const client = openTab(service, { dpop: true, proofKeys, initialSession: snapshotOf("ada") });
    await client.getToken();
    expect(asked).toBe(2);
  });

  it("a clock set while the page is open: the API refuses, the next token tells the time", async () => {
    const world = await openWorld();
    const client = world.openTab();
    await client.fetch(api);
    vi.setSystemTime(serviceStart - 15 * minute);
    world.verdicts.length = 0;
    expect((await client.fetch(api)).status).toBe(200);
    expect(world.verdicts).toEqual(["api iat_old", "token iat_old", "token", "api"]);
  });

  it("another tab learns it along with the token", async () => {
    const world = await openWorld();
    vi.setSystemTime(serviceStart + 15 * minute);
    const [one, two] = [world.openTab(), world.openTab()];
    two.session.subscribe(() => undefined);
    await one.getToken();
    world.verdicts.length = 0;
    expect((await two.fetch(api)).status).toBe(200);
    expect(world.verdicts).toEqual(["api"]);
  });

  it("never moves the end of a token: that is counted in elapsed time", async () => {
    const world = await openWorld();
    vi.setSystemTime(serviceStart + 15 * minute);
    const client = world.openTab();
    const first = (await client.getToken()).data;
    world.pass(284_000);
    expect((await client.getToken()).data).toBe(first);
    world.pass(2_000);
    expect((await client.getToken()).data).not.toBe(first);
  });
});
