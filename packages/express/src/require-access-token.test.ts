import { generateKeyPairSync, sign } from "node:crypto";
import {
  createDpopProof,
  createLocalKeySet,
  encodeBase64Url,
  generateDpopKeyPair,
  jwkThumbprint,
  type JwkSet,
} from "@segno/core";
import express from "express";
import { describe, expect, it, vi } from "vitest";
import { serve } from "../test/serve.js";
import { getAuth, type RequireAccessTokenOptions, requireAccessToken } from "./index.js";

const nowSeconds = 1_800_000_000;
const clock = { nowMs: () => nowSeconds * 1000 };
const issuer = "https://app.example.com";
const audience = "https://api.example.com";
const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const jwks = { keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "ES256", use: "sig" }] } as JwkSet;
const encode = (value: unknown) => encodeBase64Url(new TextEncoder().encode(JSON.stringify(value)));

function makeToken(claims: Record<string, unknown> = {}): string {
  const payload = {
    iss: issuer,
    aud: audience,
    sub: "user-1",
    client_id: "segno",
    jti: "t1",
    iat: nowSeconds - 10,
    exp: nowSeconds + 290,
    scope: "orders:read",
    sid: "s1",
    acr: "phr",
    amr: ["swk", "user", "mfa"],
    auth_time: nowSeconds - 60,
    ...claims,
  };
  const input = `${encode({ typ: "at+jwt", alg: "ES256", kid: "k1" })}.${encode(payload)}`;
  const signature = sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

async function api(options: Partial<RequireAccessTokenOptions> = {}) {
  const keys = "jwksUrl" in options || "fetch" in options ? {} : { keys: createLocalKeySet(jwks) };
  const without = { statusList: false, ...keys } as const;
  const app = express();
  app.use(
    "/v1",
    requireAccessToken({ issuer, audience, clock, ...without, ...options }),
    (req, res) => void res.json(getAuth(req)),
  );
  const { origin } = await serve(app);
  return (headers: Record<string, string>, path = "/v1/orders") => fetch(origin + path, { headers });
}

describe("requireAccessToken", () => {
  it("lets a good bearer token pass and tells who it is", async () => {
    const call = await api({ scope: "orders:read", acr: "phr", maxAgeSeconds: 60 });
    const response = await call({ authorization: `bearer ${makeToken()}` });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      status: "authenticated",
      subject: "user-1",
      sessionId: "s1",
      scopes: ["orders:read"],
      via: "access_token",
    });
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  it.each([
    ["nothing", {}, 401, "Bearer"],
    ["another scheme", { authorization: "Basic YTpi" }, 401, "Bearer"],
    ["no token", { authorization: "Bearer" }, 401, 'Bearer error="invalid_token"'],
    ["rubbish", { authorization: "Bearer a.b.c" }, 401, 'Bearer error="invalid_token"'],
    [
      "two tokens",
      { authorization: `Bearer ${makeToken()}, Bearer ${makeToken()}` },
      401,
      'Bearer error="invalid_token"',
    ],
    [
      "an expired one",
      { authorization: `Bearer ${makeToken({ exp: nowSeconds - 10 })}` },
      401,
      'Bearer error="invalid_token"',
    ],
    [
      "another audience",
      { authorization: `Bearer ${makeToken({ aud: issuer })}` },
      401,
      'Bearer error="invalid_token"',
    ],
    [
      "another issuer",
      { authorization: `Bearer ${makeToken({ iss: audience })}` },
      401,
      'Bearer error="invalid_token"',
    ],
    [
      "a missing scope",
      { authorization: `Bearer ${makeToken({ scope: "" })}` },
      403,
      'Bearer error="insufficient_scope", scope="orders:read"',
    ],
  ])("refuses %s", async (_name, headers, status, challenge) => {
    const response = await (await api({ scope: "orders:read" }))(headers as Record<string, string>);
    expect([response.status, response.headers.get("www-authenticate")]).toEqual([status, challenge]);
  });

  it("does not read a token from the query", async () => {
    expect((await (await api())({}, `/v1/orders?access_token=${makeToken()}`)).status).toBe(401);
  });

  it("RFC 9470 section 3: tells how to step up", async () => {
    const response = await (await api({ acr: "phrh", maxAgeSeconds: 30 }))({ authorization: `Bearer ${makeToken()}` });
    expect(response.headers.get("www-authenticate")).toBe(
      'Bearer error="insufficient_user_authentication", acr_values="phrh", max_age=30',
    );
  });

  it("fetches the key set of the issuer once, then checks offline", async () => {
    const load = vi.fn((_url: string, _init: { readonly headers: Record<string, string> }) =>
      Promise.resolve(Response.json(jwks)),
    );
    const call = await api({ fetch: load, verifierName: "orders" });
    for (let round = 0; round < 3; round += 1) {
      expect((await call({ authorization: `Bearer ${makeToken({ jti: `t${round}` })}` })).status).toBe(200);
    }
    expect(load).toHaveBeenCalledTimes(1);
    expect(String(load.mock.calls.flat()[0])).toContain(`${issuer}/.well-known/jwks.json`);
    expect(load.mock.calls[0]?.[1].headers).toMatchObject({ "segno-verifier": "orders" });
  });

  it.each([
    ["does not answer", () => Promise.reject(new Error("down"))],
    ["answers 500", () => Promise.resolve(new Response("no", { status: 500 }))],
    ["answers nonsense", () => Promise.resolve(new Response("<html>"))],
    [
      "leaks a private key",
      () => Promise.resolve(Response.json({ keys: [{ ...privateKey.export({ format: "jwk" }), kid: "k1" }] })),
    ],
  ])("T-019: answers 503 when the issuer %s, never 200", async (_name, load) => {
    const response = await (await api({ fetch: load }))({ authorization: `Bearer ${makeToken()}` });
    expect([response.status, (await response.json()).code]).toEqual([503, "key_set_unavailable"]);
    expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
  });

  it("R075: a token that isRevoked knows is refused, also when it was good a moment ago", async () => {
    let isGone = false;
    const call = await api({ isRevoked: () => isGone });
    const headers = { authorization: `Bearer ${makeToken()}` };
    expect((await call(headers)).status).toBe(200);
    isGone = true;
    expect((await call(headers)).status).toBe(401);
  });

  it.each([
    { issuer: undefined },
    { scopes: "orders:read" },
    { dpop: "maybe" },
    { dpop: "required", audience: "orders" },
    { jwksUrl: "http://evil.example/jwks" },
    { jwksUrl: "https://a.example/jwks", keys: createLocalKeySet(jwks) },
    { fresh: true },
    { fresh: "yes" },
    { statusLists: false },
  ])("T-018: options that would be skipped stop the start", (options) => {
    expect(() => requireAccessToken({ issuer, audience, ...options } as RequireAccessTokenOptions)).toThrow(TypeError);
  });
});

describe("requireAccessToken with DPoP (RFC 9449)", () => {
  async function bound() {
    const pair = await generateDpopKeyPair();
    const token = makeToken({ cnf: { jkt: await jwkThumbprint(pair.publicJwk) } });
    const prove = (changes: Record<string, unknown> = {}) =>
      createDpopProof({
        ...pair,
        method: "GET",
        url: `${audience}/v1/orders`,
        accessToken: token,
        nowSeconds,
        ...changes,
      });
    return { token, prove };
  }

  it("R076: a bound token passes with its proof, once", async () => {
    const { token, prove } = await bound();
    const call = await api({ dpop: "required" });
    const headers = { authorization: `DPoP ${token}`, dpop: await prove() };
    expect((await call(headers)).status).toBe(200);
    const again = await call(headers);
    expect([again.status, (await again.json()).code]).toEqual([401, "invalid_dpop_proof"]);
    expect((await call({ ...headers, dpop: await prove() })).status).toBe(200);
  });

  it("R076: a stolen token is worth nothing without its key", async () => {
    const { token, prove } = await bound();
    const thief = await bound();
    const call = await api();
    const attempts: Record<string, string>[] = [
      { authorization: `Bearer ${token}` },
      { authorization: `Bearer ${token}`, dpop: await prove() },
      { authorization: `DPoP ${token}` },
      { authorization: `DPoP ${token}`, dpop: await thief.prove() },
      { authorization: `DPoP ${token}`, dpop: await thief.prove({ accessToken: token }) },
      { authorization: `DPoP ${token}`, dpop: `${await prove()}, ${await prove()}` },
      { authorization: `DPoP ${token}`, dpop: await prove({ url: `${audience}/v1/other` }) },
      { authorization: `DPoP ${token}`, dpop: await prove({ url: "https://evil.example/v1/orders" }) },
      { authorization: `DPoP ${token}`, dpop: await prove({ method: "POST" }) },
      { authorization: `DPoP ${token}`, dpop: await prove({ nowSeconds: nowSeconds - 3600 }) },
    ];
    for (const [index, headers] of attempts.entries()) expect((await call(headers)).status, `${index}`).toBe(401);
  });

  it("required refuses a plain bearer token, and a plain token dressed as a bound one", async () => {
    const { prove } = await bound();
    const token = makeToken();
    const plain = await (await api({ dpop: "required" }))({ authorization: `Bearer ${token}` });
    expect([plain.status, plain.headers.get("www-authenticate")?.startsWith("DPoP ")]).toEqual([401, true]);
    const dressed = await (await api())({ authorization: `DPoP ${token}`, dpop: await prove({ accessToken: token }) });
    expect(dressed.status).toBe(401);
  });

  it("without a known origin bound tokens are refused and plain ones pass", async () => {
    const call = await api({ audience: "orders" });
    expect((await call({ authorization: `Bearer ${makeToken({ aud: "orders" })}` })).status).toBe(200);
    const { prove } = await bound();
    const token = makeToken({ aud: "orders", cnf: { jkt: "x".repeat(43) } });
    expect((await call({ authorization: `DPoP ${token}`, dpop: await prove() })).status).toBe(401);
  });

  it("a replay memory that cannot be asked answers 503", async () => {
    const { token, prove } = await bound();
    const call = await api({ isReplay: () => Promise.reject(new Error("down")) });
    expect((await call({ authorization: `DPoP ${token}`, dpop: await prove() })).status).toBe(503);
  });
});
