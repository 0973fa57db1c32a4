import {
  type AccessRequirement,
  type AuthenticateInput,
  type AuthState,
  SegnoError,
  type SegnoEngine,
} from "@segno/core";
import express, { type Express } from "express";
import { describe, expect, it } from "vitest";
import { serve } from "../test/serve.js";
import { getAuth, requireAuth, segnoMiddleware } from "./index.js";

const nowSeconds = 1_800_000_000;
const signedIn = {
  status: "authenticated",
  subject: "user-1",
  sessionId: "session-1",
  clientId: "segno",
  scopes: ["orders:read"],
  acr: "aal1",
  amr: ["otp"],
  authTime: nowSeconds - 100,
  expiresAt: nowSeconds + 1000,
  via: "session",
} as const satisfies AuthState;

function fakeEngine(answer: (input: AuthenticateInput) => AuthState | Promise<AuthState>) {
  const asked: AuthenticateInput[] = [];
  const engine: SegnoEngine = {
    basePath: "/api/auth",
    issuer: "https://app.example.com",
    clock: { nowMs: () => nowSeconds * 1000 },
    handler: () => Promise.resolve(new Response()),
    authenticate: (input) => {
      asked.push(input);
      return answer(input);
    },
  };
  return { engine, asked };
}

/** An app with one protected route that tells who came through. */
function appWith(engine: SegnoEngine, options?: Parameters<typeof requireAuth>[0]): Express {
  const app = express().use(segnoMiddleware(engine));
  app.get("/x", requireAuth(options), (req, res) => void res.json(getAuth(req)));
  return app;
}

const cookie = { cookie: "__Host-segno.sid=abc" };

describe("segnoMiddleware and getAuth", () => {
  it("asks the engine once per request, with plain headers, the configured origin and the peer", async () => {
    const { engine, asked } = fakeEngine(() => signedIn);
    const app = express().use(segnoMiddleware(engine));
    app.get(
      "/a",
      requireAuth(),
      requireAuth({ scope: "orders:read" }),
      (req, res) => void res.json([getAuth(req), getAuth(req)]),
    );
    const { origin } = await serve(app);
    await fetch(`${origin}/a?b=1`, { headers: { ...cookie, host: "evil.example" } });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject({
      method: "GET",
      url: "https://app.example.com/a?b=1",
      peer: { remoteAddress: "127.0.0.1" },
    });
    expect(asked[0]?.headers).toMatchObject(cookie);
  });

  it("costs no look-up without a credential, nor on the engine's own routes", async () => {
    const { engine, asked } = fakeEngine(() => signedIn);
    const app = express().use(segnoMiddleware(engine));
    app.use((req, res) => void res.json(getAuth(req)));
    const { origin } = await serve(app);
    expect(await (await fetch(`${origin}/`)).json()).toEqual({ status: "anonymous" });
    await fetch(`${origin}/api/auth/v1/session`, { headers: cookie });
    expect(asked).toEqual([]);
  });

  it("T-043: a response whose handler looked is private, one that did not look is left alone", async () => {
    const { engine } = fakeEngine(() => Promise.resolve(signedIn));
    const app = express().use(segnoMiddleware(engine));
    app.use((_req, res, next) => {
      res.setHeader("Cache-Control", "public, max-age=60").vary("Origin");
      next();
    });
    app.get("/who", (req, res) => void res.json(getAuth(req).status));
    app.get("/public", (_req, res) => void res.json("same for all"));
    const { origin } = await serve(app);
    const who = await fetch(`${origin}/who`, { headers: cookie });
    expect([who.headers.get("cache-control"), who.headers.get("vary")]).toEqual([
      "no-store",
      "Origin, Authorization, Cookie",
    ]);
    const anonymous = await fetch(`${origin}/who`);
    expect(anonymous.headers.get("cache-control")).toBe("no-store");
    const open = await fetch(`${origin}/public`, { headers: cookie });
    expect([open.headers.get("cache-control"), open.headers.get("vary")]).toEqual(["public, max-age=60", "Origin"]);
  });

  it("T-044: two users at once never see each other's state", async () => {
    const waiting: (() => void)[] = [];
    const { engine } = fakeEngine(async ({ headers }) => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 2) for (const go of waiting.reverse()) go();
      });
      return { ...signedIn, subject: (headers as Record<string, string>)["cookie"] ?? "" };
    });
    const { origin } = await serve(appWith(engine));
    const ask = async (name: string) => (await fetch(`${origin}/x`, { headers: { cookie: name } })).json();
    expect(await Promise.all([ask("a=1"), ask("b=2")])).toMatchObject([{ subject: "a=1" }, { subject: "b=2" }]);
  });

  it("a public page outlives a store that cannot be asked", async () => {
    const { engine } = fakeEngine(() => Promise.reject(new SegnoError("store_unavailable")));
    const app = appWith(engine);
    app.get("/public", (_req, res) => void res.send("here"));
    const { origin } = await serve(app);
    expect(await (await fetch(`${origin}/public`, { headers: cookie })).text()).toBe("here");
    const refused = await fetch(`${origin}/x`, { headers: cookie });
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
  });
});

describe("requireAuth", () => {
  it("T-016: nothing set on req or res by other middleware is believed", async () => {
    const { engine } = fakeEngine(() => ({ status: "anonymous" }));
    const app = express().use((req, res, next) => {
      Object.assign(req, { auth: signedIn, user: signedIn, state: signedIn, segno: signedIn });
      Object.assign(res.locals, { auth: signedIn, user: signedIn });
      next();
    });
    app.use(segnoMiddleware(engine)).get("/x", requireAuth(), (_req, res) => void res.send("in"));
    const { origin } = await serve(app);
    expect((await fetch(`${origin}/x`)).status).toBe(401);
    expect((await fetch(`${origin}/x`, { headers: cookie })).status).toBe(401);
  });

  it("T-019: without segnoMiddleware, or with an engine that fails, the route stays shut", async () => {
    const app = express().get("/x", requireAuth(), (_req, res) => void res.send("in"));
    expect((await fetch(`${(await serve(app)).origin}/x`, { headers: cookie })).status).toBe(500);
    const failing = [
      () => {
        throw new Error("broken");
      },
      () => Promise.reject(new Error("broken")),
      () => undefined as unknown as AuthState,
      () => ({ status: "surprise" }) as unknown as AuthState,
    ];
    for (const answer of failing) {
      const { origin } = await serve(appWith(fakeEngine(answer).engine));
      expect((await fetch(`${origin}/x`, { headers: cookie })).status).toBeGreaterThanOrEqual(401);
    }
  });

  it("T-017: every combination of conditions holds only when each does", async () => {
    const good = { scope: "orders:read", acr: "aal1", maxAgeSeconds: 100 } as const;
    const bad = { scope: "orders:write", acr: "phr", maxAgeSeconds: 99 } as const;
    const names = ["scope", "acr", "maxAgeSeconds"] as const;
    for (let combination = 0; combination < 27; combination += 1) {
      const picks = names.map((name, index) => [name, Math.floor(combination / 3 ** index) % 3] as const);
      const entries = picks
        .filter(([, pick]) => pick > 0)
        .map(([name, pick]) => [name, pick === 1 ? good[name] : bad[name]]);
      const requirement = Object.fromEntries(entries) as AccessRequirement;
      const { origin } = await serve(appWith(fakeEngine(() => signedIn).engine, requirement));
      const { status } = await fetch(`${origin}/x`, { headers: cookie });
      expect([requirement, status === 200]).toEqual([requirement, picks.every(([, pick]) => pick !== 2)]);
    }
  });

  it("T-018: a state that lacks what a condition is about is refused", async () => {
    for (const hole of [
      { acr: undefined },
      { acr: null },
      { acr: "" },
      { authTime: undefined },
      { authTime: Number.NaN },
      { authTime: "x" },
      { scopes: [] },
    ]) {
      const { engine } = fakeEngine(() => ({ ...signedIn, ...hole }) as unknown as AuthState);
      const { origin } = await serve(appWith(engine, { scope: "orders:read", acr: "aal1", maxAgeSeconds: 600 }));
      expect((await fetch(`${origin}/x`, { headers: cookie })).status, JSON.stringify(hole)).toBeGreaterThanOrEqual(
        401,
      );
    }
  });

  it.each([
    { scope: undefined },
    { scope: "" },
    { scope: [] },
    { scope: ['a"b'] },
    { scopes: "a" },
    { acr: "" },
    { acr: 'a"' },
    { acr: undefined },
    { maxAgeSeconds: -1 },
    { maxAgeSeconds: Number.NaN },
    { maxAgeSeconds: "60" },
    { fresh: "yes" },
  ])("T-018: a condition that would be skipped stops the start: %j", (options) => {
    expect(() => requireAuth(options as AccessRequirement)).toThrow(TypeError);
  });

  it("answers 401 with a bare challenge to nobody, and problem+json with a request id", async () => {
    const { origin } = await serve(appWith(fakeEngine(() => signedIn).engine));
    const response = await fetch(`${origin}/x`);
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe("Bearer");
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.json()).toEqual({
      type: "urn:segno:error:unauthenticated",
      title: "Sign in to continue.",
      status: 401,
      code: "unauthenticated",
      requestId: response.headers.get("x-request-id"),
      retry: { when: "after_sign_in" },
    });
  });

  it("two causes that must look equal do: an expired and a forged token", async () => {
    const answers = [];
    for (const reason of ["token_expired", "token_signature"] as const) {
      const { origin } = await serve(appWith(fakeEngine(() => ({ status: "invalid", reason })).engine));
      const response = await fetch(`${origin}/x`, { headers: { authorization: "Bearer abc" } });
      const { requestId: _, ...problem } = await response.json();
      answers.push([response.status, response.headers.get("www-authenticate"), problem]);
    }
    expect(answers[0]).toEqual(answers[1]);
    expect(answers[0]).toMatchObject([401, 'Bearer error="invalid_token"', { code: "invalid_token" }]);
  });

  it("RFC 9470 section 3: tells how to step up", async () => {
    const { origin } = await serve(appWith(fakeEngine(() => signedIn).engine, { acr: "phr", maxAgeSeconds: 300 }));
    const response = await fetch(`${origin}/x`, { headers: cookie });
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toBe(
      'Bearer error="insufficient_user_authentication", acr_values="phr", max_age=300',
    );
    expect(await response.json()).toMatchObject({
      code: "insufficient_user_authentication",
      retry: { when: "after_step_up" },
    });
  });

  it("RFC 6750 section 3.1: answers 403 and names the scope that is missing", async () => {
    const { origin } = await serve(appWith(fakeEngine(() => signedIn).engine, { scope: "orders:write orders:read" }));
    const response = await fetch(`${origin}/x`, { headers: cookie });
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([
      403,
      'Bearer error="insufficient_scope", scope="orders:write orders:read"',
    ]);
  });

  it("challenges a DPoP caller in its own scheme", async () => {
    const { origin } = await serve(
      appWith(fakeEngine(() => ({ status: "invalid", reason: "invalid_dpop_proof" })).engine),
    );
    const response = await fetch(`${origin}/x`, { headers: { authorization: "DPoP abc" } });
    expect(response.headers.get("www-authenticate")).toMatch(/^DPoP error="invalid_dpop_proof", algs="/);
  });

  it("fresh asks the store again, and the newer answer counts", async () => {
    const { engine, asked } = fakeEngine(({ fresh }) =>
      fresh === true ? Promise.resolve({ status: "invalid", reason: "session_expired" }) : signedIn,
    );
    const { origin } = await serve(appWith(engine, { fresh: true }));
    const response = await fetch(`${origin}/x`, { headers: cookie });
    expect([response.status, asked.map((one) => one.fresh)]).toEqual([401, [false, true]]);
  });
});
