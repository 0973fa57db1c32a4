import { createHmac, createPrivateKey, generateKeyPairSync, sign } from "node:crypto";
import { createDpopProof, generateDpopKeyPair, type DpopKeyPair, jwkThumbprint } from "@segno/core";
import * as oauth from "oauth4webapi";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import * as client from "openid-client";
import {
  actor,
  addFamily,
  addSession,
  besides,
  formRequest,
  jsonRequest,
  type Node,
  openNode,
  origin,
  sessionCookie,
} from "../../test/engine-kit.js";
import type { Schema } from "../storage/schema.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { issueTokens, type IssueTokens } from "./index.js";

const audience = "https://api.example.com";
const rs = { id: "orders", secret: "s3cret-of-the-orders-api:with%odd/chars" };

describe.each(testDatabases)("OAuth endpoints: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  const options = {
    tokens: {
      audiences: [origin, audience],
      scopes: ["orders:read", "orders:write"],
      introspectionClients: { [rs.id]: rs.secret },
    },
  };
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source(), options);
  });
  afterEach(async () => {
    await node.stop();
    await database.drop();
  });

  const answer = async (request: Request, on: Node = node) => {
    const response = await on.handler(request);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  };
  const issue = async (input: Partial<IssueTokens> = {}) => {
    const session = input.session ?? (await addSession(node.engine)).session;
    return await node.engine.store.transaction((trx) =>
      issueTokens(node.engine, trx, { session, withRefresh: false, ...input }, actor),
    );
  };
  const basic = (id: string, secret: string) => ({
    authorization: `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString("base64")}`,
  });
  const introspect = (token: string, on: Node = node) =>
    answer(formRequest("/api/auth/oauth2/introspect", { token }, basic(rs.id, rs.secret)), on);
  const revoke = (token: string, clientId = "segno") =>
    answer(formRequest("/api/auth/oauth2/revoke", { token, client_id: clientId }));
  const refresh = (refreshToken: string, headers: Record<string, string> = {}) =>
    answer(
      formRequest(
        "/api/auth/oauth2/token",
        { grant_type: "refresh_token", client_id: "segno", refresh_token: refreshToken },
        headers,
      ),
    );
  const present = (authorization: string, headers: Record<string, string> = {}) =>
    answer(new Request(`${origin}/api/auth/v1/sessions`, { headers: { authorization, ...headers } }));

  it("answers a refresh as RFC 6749 says", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const { status, body, headers } = await refresh(refreshToken);
    expect(status).toBe(200);
    expect(headers.get("cache-control")).toBe("no-store");
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 300, scope: "orders:read orders:write" });
    expect(await refresh("segno_rt_nonsense")).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
    const wrong = { grant_type: "password", client_id: "segno", refresh_token: refreshToken };
    expect(await answer(formRequest("/api/auth/oauth2/token", wrong))).toMatchObject({
      status: 400,
      body: { error: "unsupported_grant_type" },
    });
  });

  it("gives the cookie session tokens within its audiences and scopes, and never to an access token", async () => {
    const { token } = await addSession(node.engine);
    const ask = (body: unknown, headers: Record<string, string>) =>
      answer(jsonRequest("POST", "/api/auth/v1/session/token", body, headers));
    const cookie = sessionCookie(token);
    const given = await ask({ audience, scope: "orders:read" }, cookie);
    expect(given).toMatchObject({
      status: 200,
      body: { tokenType: "Bearer", scope: "orders:read", expiresInSeconds: 300 },
    });
    expect(given.body.refreshToken).toBeUndefined();
    expect(await ask({ audience: "https://evil.example" }, cookie)).toMatchObject({
      status: 400,
      body: { code: "invalid_target" },
    });
    expect(await ask({ scope: "admin" }, cookie)).toMatchObject({ status: 400, body: { code: "invalid_scope" } });
    const own = await ask({}, cookie);
    expect(await ask({}, { authorization: `Bearer ${own.body.accessToken}` })).toMatchObject({ status: 403 });
    const grant = await answer(jsonRequest("POST", "/api/auth/v1/session/grant", {}, cookie));
    expect(grant.body.refreshToken).toMatch(/^segno_rt_/);
    expect((await refresh(grant.body.refreshToken)).status).toBe(200);
  });

  it("R073: introspection is by the store: revoke, and the next answer is inactive", async () => {
    const { opened, tokens, refreshToken } = await addFamily(node.engine);
    expect((await introspect(tokens.accessToken)).body).toMatchObject({
      active: true,
      sub: opened.session.user_id,
      token_type: "Bearer",
      iss: origin,
    });
    expect((await introspect(refreshToken)).body).toMatchObject({
      active: true,
      token_type: "refresh_token",
      client_id: "segno",
    });
    await node.engine.store.db.updateTable("segno_users").set({ status: "suspended" }).execute();
    expect((await introspect(tokens.accessToken)).body).toEqual({ active: false });
    expect((await introspect(refreshToken)).body).toEqual({ active: false });
    expect((await introspect("garbage")).body).toEqual({ active: false });
  });

  it("only listed clients introspect, in one way at a time; anybody may ask about their own session's tokens", async () => {
    const mine = await addFamily(node.engine);
    const yours = await addFamily(node.engine);
    const ask = (form: Record<string, string>, headers: Record<string, string> = {}) =>
      answer(formRequest("/api/auth/oauth2/introspect", { token: mine.tokens.accessToken, ...form }, headers));
    expect(await ask({})).toMatchObject({ status: 401, body: { error: "invalid_client" } });
    expect(await ask({}, basic(rs.id, "wrong"))).toMatchObject({ status: 401, body: { error: "invalid_client" } });
    expect(await ask({}, basic("__proto__", ""))).toMatchObject({ status: 401 });
    expect(await ask({ client_id: rs.id, client_secret: rs.secret })).toMatchObject({ body: { active: true } });
    // the second time round the header has been found good before
    for (let round = 0; round < 2; round += 1) {
      const good = basic(rs.id, rs.secret);
      expect(await ask({ client_secret: rs.secret }, good)).toMatchObject({ status: 400 });
      expect(await ask({ client_id: "other" }, good)).toMatchObject({ status: 401 });
      expect(await ask({ client_id: rs.id }, good)).toMatchObject({ body: { active: true } });
      expect(await ask({}, good)).toMatchObject({ body: { active: true } });
      expect(await ask({}, basic(rs.id, `${rs.secret}x`))).toMatchObject({ status: 401 });
    }
    expect(await ask({}, sessionCookie(mine.opened.token))).toMatchObject({ status: 401 });
    const own = { authorization: `Bearer ${mine.tokens.accessToken}` };
    expect(await ask({ token: mine.refreshToken }, own)).toMatchObject({ body: { active: true } });
    expect(await ask({ token: yours.tokens.accessToken }, own)).toMatchObject({ body: { active: false } });
  });

  it("T-069: after a 200 the token is refused: by the API, by introspection, on every node", async () => {
    const { tokens, refreshToken } = await addFamily(node.engine);
    const other = await openNode(besides(node, database.source), { ...options, clock: node.clock });
    const bearer = `Bearer ${tokens.accessToken}`;
    expect((await present(bearer)).status).toBe(200);
    expect(await revoke(tokens.accessToken, "stranger")).toMatchObject({
      status: 401,
      body: { error: "invalid_client" },
    });
    expect((await revoke(tokens.accessToken)).status).toBe(200);
    expect((await present(bearer)).status).toBe(401);
    expect((await introspect(tokens.accessToken, other)).body).toEqual({ active: false });
    expect(
      (await answer(new Request(`${origin}/api/auth/v1/sessions`, { headers: { authorization: bearer } }), other))
        .status,
    ).toBe(401);
    const { body: second } = await refresh(refreshToken);
    expect((await revoke(refreshToken)).status).toBe(200);
    expect(await refresh(second.refresh_token)).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
    expect((await revoke("whatever")).status).toBe(200);
    await other.stop();
  });

  describe("proof of possession", () => {
    let pair: DpopKeyPair;
    beforeEach(async () => {
      pair = await generateDpopKeyPair();
    });
    const proof = (more: Partial<Parameters<typeof createDpopProof>[0]> = {}) =>
      createDpopProof({
        ...pair,
        method: "GET",
        url: `${origin}/api/auth/v1/sessions`,
        nowSeconds: node.clock.nowMs() / 1000,
        ...more,
      });

    it("R076: a bound token needs its key, for this request, once", async () => {
      const { accessToken, tokenType } = await issue({ jkt: await jwkThumbprint(pair.publicJwk) });
      expect(tokenType).toBe("DPoP");
      const dpop = await proof({ accessToken });
      expect((await present(`DPoP ${accessToken}`, { dpop })).status).toBe(200);
      expect((await present(`DPoP ${accessToken}`, { dpop })).status).toBe(401); // replay
      expect((await present(`Bearer ${accessToken}`)).status).toBe(401);
      expect((await present(`DPoP ${accessToken}`)).status).toBe(401);
      const stolen = await generateDpopKeyPair();
      expect((await present(`DPoP ${accessToken}`, { dpop: await proof({ ...stolen, accessToken }) })).status).toBe(
        401,
      );
      const unbound = await issue();
      expect(
        (await present(`DPoP ${unbound.accessToken}`, { dpop: await proof({ accessToken: unbound.accessToken }) }))
          .status,
      ).toBe(401);
    });

    it("T-070: wrong method, URL, hash, age, algorithm or key material", async () => {
      const { accessToken } = await issue({ jkt: await jwkThumbprint(pair.publicJwk) });
      const nowSeconds = node.clock.nowMs() / 1000;
      const forge = (change: { header?: object; payload?: object }) => {
        const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
        const header = { typ: "dpop+jwt", alg: "ES256", jwk: publicKey.export({ format: "jwk" }), ...change.header };
        const payload = {
          jti: "x",
          htm: "GET",
          htu: `${origin}/api/auth/v1/sessions`,
          iat: nowSeconds,
          ...change.payload,
        };
        const input = [header, payload]
          .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
          .join(".");
        return `${input}.${sign("sha256", Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
      };
      const privateJwk = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "jwk" });
      const cases = [
        await proof({ accessToken, method: "POST" }),
        await proof({ accessToken, url: `${origin}/api/auth/v1/other` }),
        await proof({ accessToken, url: "https://evil.example/api/auth/v1/sessions" }),
        await proof({ accessToken: `${accessToken}x` }),
        await proof({}),
        await proof({ accessToken, nowSeconds: nowSeconds - 600 }),
        await proof({ accessToken, nowSeconds: nowSeconds + 600 }),
        forge({}),
        forge({ header: { jwk: privateJwk } }),
        forge({ header: { jwk: { kty: "oct", k: "AAAA" } } }),
        forge({ header: { alg: "none" } }),
        forge({ header: { alg: "HS256" } }),
        forge({ header: { typ: "JWT" } }),
        forge({ payload: { htu: `${origin}/api/auth/v1/sessions?x=1` } }),
        forge({ payload: { htu: `${origin}/api/auth/v1/sessions#x` } }),
        forge({ payload: { htu: ["a"] } }),
        forge({ payload: { jti: "" } }),
        forge({ payload: { jti: 7 } }),
        forge({ payload: { iat: "now" } }),
        "not.a.proof",
        "",
        `${await proof({ accessToken })}, ${await proof({ accessToken })}`,
      ];
      for (const [index, dpop] of cases.entries()) {
        expect((await present(`DPoP ${accessToken}`, { dpop })).status, `case ${index}`).toBe(401);
      }
      expect((await present(`DPoP ${accessToken}`, { dpop: await proof({ accessToken }) })).status).toBe(200);
    });

    it("T-023: of 50 parallel uses of one proof exactly one passes", async () => {
      const { accessToken } = await issue({ jkt: await jwkThumbprint(pair.publicJwk) });
      const dpop = await proof({ accessToken });
      const statuses = await Promise.all(
        Array.from({ length: 50 }, () => present(`DPoP ${accessToken}`, { dpop }).then(({ status }) => status)),
      );
      expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    });

    it("binds a family from its first proof on", async () => {
      const { token } = await addSession(node.engine);
      const grantUrl = `${origin}/api/auth/v1/session/grant`;
      const tokenUrl = `${origin}/api/auth/oauth2/token`;
      const at = (method: string, url: string, keys = pair) => proof({ ...keys, method, url });
      const grant = await answer(
        jsonRequest(
          "POST",
          "/api/auth/v1/session/grant",
          {},
          { ...sessionCookie(token), dpop: await at("POST", grantUrl) },
        ),
      );
      expect(grant.body.tokenType).toBe("DPoP");
      expect(await refresh(grant.body.refreshToken)).toMatchObject({ body: { error: "invalid_dpop_proof" } });
      const stranger = await generateDpopKeyPair();
      expect(await refresh(grant.body.refreshToken, { dpop: await at("POST", tokenUrl, stranger) })).toMatchObject({
        body: { error: "invalid_grant" },
      });
      expect(await refresh(grant.body.refreshToken, { dpop: await at("POST", tokenUrl) })).toMatchObject({
        status: 200,
        body: { token_type: "DPoP" },
      });
    });
  });

  it("T-051, T-060, T-061, T-065: no other key, algorithm, type or header makes an access token", async () => {
    const { session } = await addSession(node.engine);
    const { accessToken } = await issue({ session });
    const [head = "", body = ""] = accessToken.split(".");
    const header = JSON.parse(Buffer.from(head, "base64url").toString()) as { kid: string };
    const claims = JSON.parse(Buffer.from(body, "base64url").toString()) as Record<string, unknown>;
    const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString("base64url");
    const mine = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const forge = (changed: Record<string, unknown>) => {
      const input = `${encode({ alg: "ES256", typ: "at+jwt", kid: header.kid, ...changed })}.${body}`;
      return `${input}.${sign("sha256", Buffer.from(input), { key: mine.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
    };
    const publicKeys = await node.keyring.publicKeys();
    const hmacInput = `${encode({ alg: "HS256", typ: "at+jwt", kid: header.kid })}.${body}`;
    const signed = async (typ: string) =>
      (await node.keyring.sign({ typ }, { ...claims, exp: Number(claims["exp"]) })).token;
    const bad = [
      `${encode({ alg: "none", typ: "at+jwt" })}.${body}.`,
      `${encode({ alg: "none", typ: "at+jwt", kid: header.kid })}.${body}.AA`,
      `${hmacInput}.${createHmac("sha256", JSON.stringify(publicKeys.keys[0])).update(hmacInput).digest("base64url")}`,
      forge({}),
      forge({ jwk: mine.publicKey.export({ format: "jwk" }) }),
      forge({ jku: "https://evil.example/jwks" }),
      forge({ x5u: "https://evil.example/cert" }),
      forge({ kid: "../../etc/passwd" }),
      forge({ kid: "' or 1=1 --" }),
      forge({ kid: "x".repeat(10_000) }),
      forge({ crit: ["exp"] }),
      await signed("JWT"),
      await signed("id+jwt"),
      await signed("logout+jwt"),
      await signed("dpop+jwt"),
      await signed("secevent+jwt"),
      (await node.keyring.sign({ typ: "at+jwt" }, { ...claims, aud: audience, exp: Number(claims["exp"]) })).token,
      (
        await node.keyring.sign(
          { typ: "at+jwt" },
          { ...claims, iss: "https://evil.example", exp: Number(claims["exp"]) },
        )
      ).token,
      (await node.keyring.sign({ typ: "at+jwt" }, { ...claims, sid: undefined, exp: Number(claims["exp"]) })).token,
      accessToken.replace(/.$/, (last) => (last === "A" ? "B" : "A")),
    ];
    for (const [index, token] of bad.entries())
      expect((await present(`Bearer ${token}`)).status, `case ${index}`).toBe(401);
    expect((await present(`Bearer ${accessToken}`)).status).toBe(200);
    // a refresh token is no access token, nor a session token either
    const { refreshToken, opened } = await addFamily(node.engine);
    expect((await present(`Bearer ${refreshToken}`)).status).toBe(401);
    expect((await present(`Bearer ${opened.token}`)).status).toBe(401);
    expect((await refresh(accessToken)).status).toBe(400);
    expect((await present(`Bearer ${accessToken}`, sessionCookie(refreshToken))).status).toBe(200);
  });

  it("publishes documents that caches and other libraries understand", async () => {
    for (const path of ["jwks.json", "openid-configuration", "oauth-authorization-server"]) {
      for (const prefix of ["", "/api/auth"]) {
        const response = await node.handler(new Request(`${origin}${prefix}/.well-known/${path}`));
        expect(response.status, path).toBe(200);
        expect(response.headers.get("cache-control")).toBe("public, max-age=300, stale-while-revalidate=300");
        const etag = response.headers.get("etag") ?? "";
        const again = await node.handler(
          new Request(`${origin}/.well-known/${path}`, { headers: { "if-none-match": `W/${etag}` } }),
        );
        expect(again.status).toBe(304);
        expect(again.headers.get("etag")).toBe(etag);
      }
    }
    const jwks = await answer(new Request(`${origin}/.well-known/jwks.json`));
    expect(jwks.body.keys).toHaveLength(2);
    for (const key of jwks.body.keys)
      expect(Object.keys(key).sort()).toEqual(["alg", "crv", "kid", "kty", "use", "x", "y"]);
  });

  it("oauth4webapi reads the metadata, refreshes, introspects and revokes", async () => {
    const send = async (url: string, init: object) => node.handler(new Request(url, init));
    const options = { [oauth.customFetch]: send };
    const found = await oauth.discoveryRequest(new URL(origin), { algorithm: "oauth2", [oauth.customFetch]: send });
    const server = await oauth.processDiscoveryResponse(new URL(origin), found);
    const me: oauth.Client = { client_id: "segno" };
    const { refreshToken } = await addFamily(node.engine);
    const granted = await oauth.processRefreshTokenResponse(
      server,
      me,
      await oauth.refreshTokenGrantRequest(server, me, oauth.None(), refreshToken, options),
    );
    const resource: oauth.Client = { client_id: rs.id };
    const told = await oauth.processIntrospectionResponse(
      server,
      resource,
      await oauth.introspectionRequest(
        server,
        resource,
        oauth.ClientSecretBasic(rs.secret),
        granted.access_token,
        options,
      ),
    );
    expect(told).toMatchObject({ active: true, client_id: "segno" });
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(server, me, oauth.None(), granted.refresh_token ?? "", options),
    );
    expect((await refresh(granted.refresh_token ?? "")).status).toBe(400);
  });

  it("openid-client discovers and refreshes", async () => {
    const config = await client.discovery(new URL(origin), "segno", undefined, client.None(), {
      [client.customFetch]: async (url: string, init: object) => node.handler(new Request(url, init)),
    });
    expect(config.serverMetadata().issuer).toBe(origin);
    const { refreshToken } = await addFamily(node.engine);
    const tokens = await client.refreshTokenGrant(config, refreshToken);
    expect(tokens.refresh_token).not.toBe(refreshToken);
  });

  it("R074: a dump of every table holds nothing that signs anybody in", async () => {
    const { opened, tokens, refreshToken } = await addFamily(node.engine);
    const { body } = await refresh(refreshToken);
    let dump = "";
    const { db } = node.engine.store;
    const tables = (await db.introspection.getTables()).map(({ name }) => name as keyof Schema);
    expect(tables).toEqual(expect.arrayContaining(["segno_sessions", "segno_refresh_families", "segno_outbox"]));
    for (const table of tables.filter((name) => name.startsWith("segno_")))
      dump += JSON.stringify(await db.selectFrom(table).selectAll().execute());
    for (const secret of [opened.token, refreshToken, body.refresh_token, tokens.accessToken, body.access_token]) {
      expect(dump).not.toContain(secret);
      expect(dump).not.toContain(String(secret).slice(-40));
    }
    const rows = await node.engine.store.db.selectFrom("segno_keys").select("private_sealed").execute();
    for (const row of rows)
      expect(() => createPrivateKey({ key: JSON.parse(row.private_sealed), format: "jwk" })).toThrow();
    expect(dump).not.toMatch(/"d\\?":/);
    // what is in the dump does not work where the real thing would
    const family = await node.engine.store.db
      .selectFrom("segno_refresh_families")
      .selectAll()
      .executeTakeFirstOrThrow();
    for (const stolen of [family.current_hash, family.previous_hash, family.successor_nonce])
      expect((await refresh(stolen ?? "")).status).toBe(400);
  });
});
