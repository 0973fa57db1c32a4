import { afterEach, describe, expect, it, vi } from "vitest";
import type { SegnoError } from "../errors.js";
import type { KeySetFetch } from "./fetch-text.js";
import type { JwkSet, PublicJwk } from "./jwk.js";
import { createRemoteKeySet, type RemoteKeySetOptions } from "./remote-key-set.js";
import { audience, goodClaims, issuedAt, issuer, outcome, signToken, testKey, turnableClock } from "./token.double.js";
import { createAccessTokenVerifier } from "./verify-access-token.js";

const url = "https://app.example.com/.well-known/jwks.json";
const one = testKey("one");
const two = testKey("two");
const ask = (kid: string) => ({ kid, alg: "ES256" }) as const;

/** An issuer's key set endpoint that can be changed, broken and counted. */
function endpoint(keys: readonly PublicJwk[]) {
  let current: () => Response | Promise<Response> = () => answer({ keys });
  const requests: Parameters<KeySetFetch>[] = [];
  const answer = (jwks: JwkSet | string, headers: Record<string, string> = {}) =>
    new Response(typeof jwks === "string" ? jwks : JSON.stringify(jwks), { headers });
  const fetch: KeySetFetch = async (...request) => {
    requests.push(request);
    return current();
  };
  return {
    fetch,
    requests,
    serve: (jwks: JwkSet | string, headers?: Record<string, string>) => {
      current = () => answer(jwks, headers);
    },
    answerWith: (make: () => Response | Promise<Response>) => {
      current = make;
    },
  };
}

function setUp(keys: readonly PublicJwk[] = [one.jwk], options: Partial<RemoteKeySetOptions> = {}) {
  const remote = endpoint(keys);
  const clock = turnableClock();
  const problems: SegnoError[] = [];
  const onProblem = (error: SegnoError) => void problems.push(error);
  const set = createRemoteKeySet({ url, fetch: remote.fetch, clock, onProblem, ...options });
  return { remote, clock, problems, set };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("createRemoteKeySet", () => {
  afterEach(() => vi.useRealTimers());

  it("fetches once however many callers wait (single flight)", async () => {
    const { remote, set } = setUp();
    expect(set.current(ask("one"))).toBeUndefined();
    const found = await Promise.all(Array.from({ length: 100 }, () => set.resolve(ask("one"))));
    expect(new Set(found).size).toBe(1);
    expect(found[0]?.kid).toBe("one");
    expect(remote.requests).toHaveLength(1);
    expect(remote.requests[0]?.[1].redirect).toBe("manual");
  });

  it("T-068: 1,000 unknown kids cause at most one request per cool-down, and known keys keep working", async () => {
    const { remote, clock, set } = setUp();
    await set.resolve(ask("one"));
    for (const period of [1, 2, 3]) {
      clock.turnTo(issuedAt + period * 30);
      const answers = await Promise.all(Array.from({ length: 1000 }, (_, index) => set.resolve(ask(`x${index}`))));
      expect(answers.every((answer) => answer === undefined)).toBe(true);
      expect(set.current(ask("one"))?.kid).toBe("one");
      expect(remote.requests).toHaveLength(1 + period);
    }
  });

  it("learns a rotated key once the cool-down is over", async () => {
    const { remote, clock, set } = setUp();
    await set.resolve(ask("one"));
    remote.serve({ keys: [one.jwk, two.jwk] });
    expect(await set.resolve(ask("two"))).toBeUndefined();
    clock.turnTo(issuedAt + 30);
    expect((await set.resolve(ask("two")))?.kid).toBe("two");
  });

  it("revalidates in the background with the ETag and keeps serving", async () => {
    const { remote, clock, set } = setUp();
    remote.serve({ keys: [one.jwk] }, { etag: '"v1"' });
    await set.resolve(ask("one"));
    clock.turnTo(issuedAt + 61);
    remote.answerWith(() => new Response(null, { status: 304 }));
    const before = set.current(ask("one"));
    expect(before?.kid).toBe("one");
    await settle();
    expect(remote.requests[1]?.[1].headers["if-none-match"]).toBe('"v1"');
    clock.turnTo(issuedAt + 100);
    expect(set.current(ask("one"))).toBe(before);
    expect(remote.requests).toHaveLength(2);
  });

  it("drops a key the issuer has withdrawn, also for tokens in the verifier's cache", async () => {
    const { remote, clock, set } = setUp([one.jwk, two.jwk]);
    const verifier = createAccessTokenVerifier({ issuer, audience, keys: set, clock });
    const token = signToken(one, goodClaims({ exp: issuedAt + 3000 }));
    await verifier.verify(token);
    remote.serve({ keys: [two.jwk] });
    clock.turnTo(issuedAt + 61);
    await verifier.verify(token);
    await settle();
    expect(await outcome(() => verifier.verify(token))).toBe("token_key_unknown");
  });

  it("uses the last good set while the issuer is down, up to the stated bound", async () => {
    const { remote, clock, problems, set } = setUp([one.jwk], { maxStaleSeconds: 600 });
    await set.resolve(ask("one"));
    remote.answerWith(() => Promise.reject(new Error("connection refused")));
    for (let at = 60; at <= 600; at += 60) {
      clock.turnTo(issuedAt + at);
      expect((await set.resolve(ask("one")))?.kid).toBe("one");
      await settle();
    }
    clock.turnTo(issuedAt + 601);
    expect(set.current(ask("one"))).toBeUndefined();
    expect(await outcome(() => set.resolve(ask("one")))).toBe("key_set_unavailable");
    expect(problems.length).toBeGreaterThan(5);
    remote.serve({ keys: [one.jwk] });
    clock.turnTo(issuedAt + 700);
    expect((await set.resolve(ask("one")))?.kid).toBe("one");
  });

  it("T-019: no key set at start is 'cannot be decided', never 'unknown' and never 'good'", async () => {
    const { remote, clock, set } = setUp();
    remote.answerWith(() => Promise.reject(new Error("down")));
    const verifier = createAccessTokenVerifier({ issuer, audience, keys: set, clock });
    expect(await outcome(() => verifier.verify(signToken(one)))).toBe("key_set_unavailable");
    expect(verifier.verifySync(signToken(one))).toBeUndefined();
    const retry: unknown = await set.resolve(ask("one")).catch((error: SegnoError) => error.retryAfterSeconds);
    expect(retry).toBe(30);
    expect(remote.requests).toHaveLength(1);
  });

  it("an unknown kid after a failed refresh cannot be decided either", async () => {
    const { remote, clock, set } = setUp();
    await set.resolve(ask("one"));
    remote.answerWith(() => Promise.reject(new Error("down")));
    clock.turnTo(issuedAt + 31);
    expect(await outcome(() => set.resolve(ask("two")))).toBe("key_set_unavailable");
    expect((await set.resolve(ask("one")))?.kid).toBe("one");
  });

  it.each([
    ["private material", JSON.stringify({ keys: [{ ...one.jwk, d: "AA" }] })],
    ["a kid used twice", JSON.stringify({ keys: [one.jwk, { ...two.jwk, kid: "one" }] })],
    ["a broken key", JSON.stringify({ keys: [{ ...one.jwk, x: "AAAA" }] })],
    ["no JSON", "<html>"],
    ["no key set", "[]"],
  ])("T-063: refuses a set with %s, tells, and keeps the last good one", async (_name, body) => {
    const { remote, clock, problems, set } = setUp();
    const before = await set.resolve(ask("one"));
    remote.serve(body);
    clock.turnTo(issuedAt + 61);
    set.current(ask("one"));
    await settle();
    expect(set.current(ask("one"))).toBe(before);
    expect(problems.map(({ code }) => code)).toEqual(["key_set_unavailable"]);
    expect(remote.requests).toHaveLength(2);
  });

  it.each([
    ["a redirect", () => new Response(null, { status: 302, headers: { location: "https://evil.example" } })],
    ["an error status", () => new Response("{}", { status: 500 })],
    ["304 to a request without ETag", () => new Response(null, { status: 304 })],
    ["no body", () => new Response(null)],
    ["too many bytes", () => new Response(new Uint8Array(65_537))],
    ["bytes that are not UTF-8", () => new Response(new Uint8Array([0xff, 0xfe]))],
  ])("refuses %s", async (_name, make) => {
    const { remote, problems, set } = setUp();
    remote.answerWith(make);
    expect(await outcome(() => set.resolve(ask("one")))).toBe("key_set_unavailable");
    expect(problems).toHaveLength(1);
  });

  it("stops waiting for an issuer that never answers, and aborts the request", async () => {
    vi.useFakeTimers();
    const { remote, set } = setUp([one.jwk], { timeoutMs: 2000 });
    remote.answerWith(() => new Promise<Response>(() => undefined));
    const waiting = outcome(() => set.resolve(ask("one")));
    await vi.advanceTimersByTimeAsync(2000);
    expect(await waiting).toBe("key_set_unavailable");
    expect(remote.requests[0]?.[1].signal.aborted).toBe(true);
  });

  it("T-076: a clock set back neither freezes the set nor keeps it from refreshing", async () => {
    const { remote, clock, set } = setUp();
    await set.resolve(ask("one"));
    remote.serve({ keys: [two.jwk] });
    clock.turnTo(issuedAt - 3600);
    expect(set.current(ask("one"))?.kid).toBe("one");
    await settle();
    expect(set.current(ask("two"))?.kid).toBe("two");
  });

  it("survives an observer that throws", async () => {
    const { remote, set } = setUp([one.jwk], {
      onProblem: () => {
        throw new Error("observer");
      },
    });
    remote.answerWith(() => new Response("{}", { status: 500 }));
    expect(await outcome(() => set.resolve(ask("one")))).toBe("key_set_unavailable");
  });

  it("uses the platform's fetch when none is given", async () => {
    const platform = vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json({ keys: [one.jwk] }));
    const found = await createRemoteKeySet({ url: new URL(url) }).resolve(ask("one"));
    expect(found?.kid).toBe("one");
    expect(platform).toHaveBeenCalledOnce();
    platform.mockRestore();
  });

  it("tells the issuer its name, where it has one, and takes no name that breaks a header", async () => {
    const { remote, set } = setUp([one.jwk], { verifierName: "orders.eu-1" });
    await set.resolve(ask("one"));
    expect(remote.requests[0]?.[1].headers).toMatchObject({ "segno-verifier": "orders.eu-1" });
    const plain = setUp();
    await plain.set.resolve(ask("one"));
    expect(plain.remote.requests[0]?.[1].headers).not.toHaveProperty("segno-verifier");
    for (const verifierName of ["", "a b", "a\r\nx: y", "ü", "x".repeat(65)])
      expect(() => createRemoteKeySet({ url, verifierName })).toThrow(TypeError);
  });

  it("refuses an unsafe URL and senseless limits", () => {
    for (const bad of [
      "http://app.example.com/jwks",
      "ftp://localhost/x",
      "not a url",
      "http://localhost.evil.example/",
    ]) {
      expect(() => createRemoteKeySet({ url: bad }), bad).toThrow(TypeError);
    }
    for (const good of ["http://localhost:3000/jwks", "http://127.0.0.1/jwks", "http://[::1]/jwks"]) {
      expect(() => createRemoteKeySet({ url: good })).not.toThrow();
    }
    const limits = ["cooldownSeconds", "refreshSeconds", "maxStaleSeconds", "timeoutMs", "maxBytes"] as const;
    for (const name of limits) {
      for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        expect(() => createRemoteKeySet({ url, [name]: value }), name).toThrow(TypeError);
      }
    }
  });
});
