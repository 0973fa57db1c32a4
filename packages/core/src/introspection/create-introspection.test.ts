import { beforeEach, describe, expect, it } from "vitest";
import type { KeySetFetch } from "../tokens/fetch-text.js";
import { outcome, turnableClock } from "../tokens/token.double.js";
import { createIntrospection, type IntrospectionOptions } from "./create-introspection.js";

const url = "https://app.example.com/api/auth/oauth2/introspect";
const clientSecret = "s3cret:with%odd/chars and blanks";
let clock: ReturnType<typeof turnableClock>;
let requests: Parameters<KeySetFetch>[];
let answer: () => Response | Promise<Response>;

function introspectionOf(options: Partial<IntrospectionOptions> = {}) {
  const fetch: KeySetFetch = async (...request) => {
    requests.push(request);
    return await answer();
  };
  return createIntrospection({ url, clientId: "orders", clientSecret, clock, fetch, ...options });
}
const later = (seconds: number) => clock.turnTo(clock.nowMs() / 1000 + seconds);
const active = (claims: object = {}) =>
  Response.json({
    active: true,
    token_type: "Bearer",
    jti: "t1",
    sid: "s1",
    sub: "u1",
    exp: clock.nowMs() / 1000 + 300,
    ...claims,
  });

beforeEach(() => {
  clock = turnableClock();
  requests = [];
  answer = () => active();
});

describe("createIntrospection", () => {
  it("RFC 7662 section 2.1: posts the token as a form, with the client's credentials form-encoded first", async () => {
    expect(await introspectionOf().introspect("a b&c")).toMatchObject({ active: true, sub: "u1" });
    const [to, init] = requests[0] ?? [];
    expect([to, init?.method, init?.body]).toEqual([url, "POST", "token=a+b%26c&token_type_hint=access_token"]);
    const [id = "", secret = ""] = atob((init?.headers["authorization"] ?? "").slice("Basic ".length)).split(":");
    expect([id, decodeURIComponent(secret.replaceAll("+", " "))]).toEqual(["orders", clientSecret]);
  });

  it("believes active for five seconds, never past the token's end, and asks again when it is to be fresh", async () => {
    const introspection = introspectionOf();
    await introspection.introspect("one");
    later(4.9);
    await introspection.introspect("one");
    expect(requests).toHaveLength(1);
    await introspection.introspect("one", { fresh: true });
    expect(requests).toHaveLength(2);
    later(5);
    answer = () => active({ exp: clock.nowMs() / 1000 + 1 });
    await introspection.introspect("one");
    later(1);
    await introspection.introspect("one");
    expect(requests).toHaveLength(4);
    await introspection.introspect("two");
    expect(requests).toHaveLength(5);
  });

  it("R075: a revocation that is known here ends what is remembered", async () => {
    let isGone = false;
    const introspection = introspectionOf({ isRevoked: () => isGone });
    await introspection.introspect("one");
    isGone = true;
    answer = () => Response.json({ active: false });
    expect(await introspection.introspect("one")).toBeUndefined();
    const own = introspectionOf();
    answer = () => active();
    await own.introspect("one");
    expect([own.forget({}), own.forget({ sid: "s2" }), own.forget({ sid: "s1" })]).toEqual([0, 0, 1]);
    answer = () => Response.json({ active: false });
    expect(await own.introspect("one")).toBeUndefined();
  });

  it("T-020: an answer that was under way when its token was forgotten is not remembered", async () => {
    const introspection = introspectionOf();
    let send: (response: Response) => void = () => {};
    answer = () => new Promise((resolve) => (send = resolve));
    const asking = introspection.introspect("one");
    await new Promise((resolve) => setImmediate(resolve));
    introspection.forget({ sid: "s1" });
    send(active());
    await asking;
    answer = () => Response.json({ active: false });
    expect(await introspection.introspect("one")).toBeUndefined();
  });

  it("F17, T-068: callers at once cause one request for each token, and those that say fresh one each", async () => {
    const introspection = introspectionOf();
    const many = Array.from({ length: 50 }, () => introspection.introspect("one"));
    const answers = await Promise.all([...many, introspection.introspect("two")]);
    expect(answers.every((claims) => claims?.sub === "u1")).toBe(true);
    expect(requests).toHaveLength(2);
    await Promise.all([1, 2, 3].map(() => introspection.introspect("one", { fresh: true })));
    expect(requests).toHaveLength(5);
    const uncached = introspectionOf({ cacheSeconds: 0 });
    await Promise.all([1, 2].map(() => uncached.introspect("one")));
    expect(requests).toHaveLength(7);
    answer = () => new Response(null, { status: 503 });
    const failing = introspectionOf();
    const outcomes = await Promise.all([1, 2].map(() => outcome(() => failing.introspect("one"))));
    expect(outcomes).toEqual(["store_unavailable", "store_unavailable"]);
    answer = () => active();
    expect(await failing.introspect("one")).toBeDefined();
  });

  it("T-020: nobody shares an answer that was under way when its token was revoked or forgotten", async () => {
    let isGone = false;
    const introspection = introspectionOf({ isRevoked: () => isGone });
    const sends: ((response: Response) => void)[] = [];
    answer = () => new Promise((resolve) => sends.push(resolve));
    const early = introspection.introspect("one");
    const joined = introspection.introspect("one");
    await new Promise((resolve) => setImmediate(resolve));
    expect(sends).toHaveLength(1);
    isGone = true;
    answer = () => Response.json({ active: false });
    sends[0]?.(active());
    expect(await early).toBeDefined();
    expect(await joined).toBeUndefined();
    isGone = false;
    answer = () => new Promise((resolve) => sends.push(resolve));
    const before = introspection.introspect("two");
    await new Promise((resolve) => setImmediate(resolve));
    introspection.forget({ sid: "s1" });
    answer = () => Response.json({ active: false });
    expect(await introspection.introspect("two")).toBeUndefined();
    sends[1]?.(active());
    expect(await before).toBeDefined();
  });

  it("remembers neither not active nor a failure", async () => {
    const introspection = introspectionOf();
    answer = () => Response.json({ active: false });
    expect(await introspection.introspect("one")).toBeUndefined();
    answer = () => new Response(null, { status: 503 });
    expect(await outcome(() => introspection.introspect("one"))).toBe("store_unavailable");
    answer = () => active();
    expect(await introspection.introspect("one")).toBeDefined();
  });

  it.each([
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://evil.example" } })],
    ["not modified", () => new Response(null, { status: 304 })],
    ["its refusal of our credentials", () => Response.json({ error: "invalid_client" }, { status: 401 })],
    ["a page", () => new Response("<html>")],
    ["a list", () => Response.json([true])],
    ["active twice", () => new Response('{"active":false,"active":true}')],
    ["much too much", () => new Response("x".repeat(70_000))],
    ["nothing in time", () => new Promise<Response>(() => {})],
  ])("T-019: %s is not an answer", async (_name, make) => {
    answer = make;
    expect(await outcome(() => introspectionOf({ timeoutMs: 20 }).introspect("one"))).toBe("store_unavailable");
  });

  it.each([undefined, null, "true", 1, {}])("T-018: active %j is not active", async (value) => {
    answer = () => active({ active: value });
    expect(await introspectionOf().introspect("one")).toBeUndefined();
  });

  it("keeps a bounded number of answers", async () => {
    const introspection = introspectionOf({ maxEntries: 2 });
    for (const token of ["one", "two", "three", "two", "three"]) await introspection.introspect(token);
    expect(requests).toHaveLength(3);
    await introspection.introspect("one");
    expect(requests).toHaveLength(4);
  });

  it("refuses to start with options that mean nothing", () => {
    const bad: Partial<IntrospectionOptions>[] = [
      { url: "http://app.example.com/x" },
      { clientId: "" },
      { clientSecret: "" },
      { cacheSeconds: -1 },
      { cacheSeconds: 301 },
      { timeoutMs: 0 },
      { maxEntries: 0 },
    ];
    for (const options of bad) expect(() => introspectionOf(options)).toThrow(TypeError);
  });
});
