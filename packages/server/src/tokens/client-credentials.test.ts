// Tokens of services: what they say, where they are good, and where they are not.
import { createAccessTokenVerifier, createDpopProof, generateDpopKeyPair, jwkThumbprint } from "@segno/core";
import * as oauth from "oauth4webapi";
import * as client from "openid-client";
import { beforeEach, describe, expect, it } from "vitest";
import {
  asserted,
  basic,
  billingAudience,
  ledgerAudience,
  ordersAudience,
  ordersKey,
  ordersSecret,
  payloadOf,
  postForm,
  services,
} from "../../test/client-kit.js";
import { describeNodes } from "../../test/describe-nodes.js";
import { addFamily, besides, type Node, openNode, origin } from "../../test/engine-kit.js";

const rs = { id: "rs", secret: "introspection-secret-0123456789" };
const own = {
  authentication: { method: "client_secret_basic", secret: ordersSecret } as const,
  scopes: ["jobs:run"],
  audiences: [origin],
};
const options = {
  rateLimit: false,
  services: { ...services, jobs: own },
  tokens: {
    scopes: ["orders:read"],
    audiences: [origin, ordersAudience],
    introspectionClients: { [rs.id]: rs.secret },
  },
};

describeNodes("client_credentials", (nodes) => {
  let node: Node;
  beforeEach(async () => {
    node = await nodes.open(options);
  });

  const grant = { grant_type: "client_credentials" };
  const askOrders = (form: Readonly<Record<string, string>> = {}, headers = {}) =>
    postForm(node, "token", { ...grant, ...asserted(node, "orders-api", ordersKey), ...form }, headers);
  const askReports = (form: Readonly<Record<string, string>> = {}, headers = {}) =>
    postForm(node, "token", { ...grant, ...form }, { ...basic("reports", ordersSecret), ...headers });
  const introspect = (token: string, on = node) => postForm(on, "introspect", { token }, basic(rs.id, rs.secret));
  const call = (token: string, path: string, method = "GET") =>
    node.handler(
      new Request(`${origin}/api/auth${path}`, { method, headers: { authorization: `Bearer ${token}`, origin } }),
    );
  const verifier = (audience: string) =>
    createAccessTokenVerifier({
      issuer: origin,
      audience,
      keys: node.engine.signer.keySet,
      clock: node.clock,
      caller: "service",
    });

  it("RFC 9068: a token about the client and no user, for one audience, without a refresh token", async () => {
    const { status, body } = await askReports();
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 120, scope: "orders:read" });
    expect(Object.keys(body).sort()).toEqual(["access_token", "expires_in", "scope", "token_type"]);
    const claims = await verifier(ordersAudience).verify(body.access_token ?? "");
    expect(claims).toMatchObject({ iss: origin, sub: "reports", client_id: "reports", aud: ordersAudience });
    for (const ofUsers of ["sid", "acr", "amr", "auth_time", "act"]) expect(claims).not.toHaveProperty(ofUsers);
    await node.events.drain();
    const [event] = await node.engine.store.db
      .selectFrom("segno_outbox")
      .select("payload")
      .where("type", "=", "token.issued")
      .execute();
    expect(JSON.parse(event?.payload ?? "")).toMatchObject({
      clientid: "reports",
      data: { jti: claims.jti, audience: [ordersAudience], scope: "orders:read" },
    });
    expect(JSON.parse(event?.payload ?? "")).not.toHaveProperty("subject");
  });

  it("T-085: a client uses the grants listed for it", async () => {
    const refused = { status: 400, body: { error: "unauthorized_client" } };
    expect(await postForm(node, "token", { ...grant, client_id: "segno" })).toMatchObject(refused);
    const exchange = { grant_type: "urn:ietf:params:oauth:grant-type:token-exchange" };
    expect(await askReports(exchange)).toMatchObject(refused);
    const { refreshToken } = await addFamily(node.engine);
    expect(await askReports({ grant_type: "refresh_token", refresh_token: refreshToken })).toMatchObject(refused);
    for (const grant_type of ["password", "implicit", "", "CLIENT_CREDENTIALS", "authorization_code"]) {
      expect(await askReports({ grant_type }), grant_type).toMatchObject({ body: { error: "unsupported_grant_type" } });
    }
  });

  it("gives the scopes that are listed, or fewer", async () => {
    const target = { resource: billingAudience };
    expect((await askOrders(target)).body).toMatchObject({ scope: "orders:read billing:read" });
    expect((await askOrders({ ...target, scope: "billing:read" })).body).toMatchObject({ scope: "billing:read" });
    for (const scope of ["admin", "billing:read admin", "BILLING:READ", "*", "billing:*"]) {
      expect(await askOrders({ ...target, scope }), scope).toMatchObject({
        status: 400,
        body: { error: "invalid_scope" },
      });
    }
  });

  it("T-079, RFC 8707: aud is what was asked for and is allowed, nothing else", async () => {
    const audOf = async (form: string) => {
      const fixed = new URLSearchParams({ ...grant, ...asserted(node, "orders-api", ordersKey) });
      const { status, body } = await postForm(node, "token", `${fixed}&${form}`);
      return status === 200 ? payloadOf(body.access_token ?? "")["aud"] : body.error;
    };
    const billing = encodeURIComponent(billingAudience);
    const ledger = encodeURIComponent(ledgerAudience);
    expect(await audOf(`resource=${billing}`)).toBe(billingAudience);
    expect(await audOf(`resource=${billing}&resource=${ledger}`)).toEqual([billingAudience, ledgerAudience]);
    expect(await audOf(`resource=${billing}&resource=${billing}`)).toBe(billingAudience);
    // with two audiences there is no default
    expect(await audOf("")).toBe("invalid_target");
    const refused = [
      "resource=",
      `resource=${encodeURIComponent(origin)}`,
      `resource=${encodeURIComponent(ordersAudience)}`,
      `resource=${billing}%2F`,
      `resource=${billing}&resource=https%3A%2F%2Fevil.example`,
      `resource=${billing.toUpperCase()}`,
    ];
    for (const form of refused) expect(await audOf(form), form).toBe("invalid_target");
    const flood = Array.from({ length: 9 }, () => `resource=${billing}`).join("&");
    expect(await audOf(flood)).toBe("invalid_request");
    // a refresh may name its own audience and no other, and asking for another spends nothing
    const { refreshToken } = await addFamily(node.engine);
    const refresh = (resource: string) =>
      postForm(node, "token", {
        grant_type: "refresh_token",
        client_id: "segno",
        refresh_token: refreshToken,
        resource,
      });
    expect(await refresh(billingAudience)).toMatchObject({ status: 400, body: { error: "invalid_target" } });
    expect((await refresh(origin)).status).toBe(200);
  });

  it("R076: a DPoP proof binds the token, and it is then good with a proof alone", async () => {
    const keys = await generateDpopKeyPair();
    const proof = await createDpopProof({
      ...keys,
      method: "POST",
      url: `${origin}/api/auth/oauth2/token`,
      nowSeconds: node.clock.nowMs() / 1000,
    });
    const { body } = await askReports({}, { dpop: proof });
    expect(body).toMatchObject({ token_type: "DPoP" });
    expect(payloadOf(body.access_token ?? "")["cnf"]).toEqual({ jkt: await jwkThumbprint(keys.publicJwk) });
    expect(await askReports({}, { dpop: proof })).toMatchObject({ body: { error: "invalid_dpop_proof" } });
  });

  it("T-064, T-065: no route of the engine takes a service for a user, and no service is anybody's account", async () => {
    const { body } = await postForm(node, "token", grant, basic("jobs", ordersSecret));
    const token = body.access_token ?? "";
    const headers = { authorization: `Bearer ${token}` };
    expect(await node.authenticate({ headers })).toMatchObject({
      status: "service",
      clientId: "jobs",
      scopes: ["jobs:run"],
    });
    for (const [method, path] of [
      ["GET", "/v1/sessions"],
      ["GET", "/v1/user"],
      ["DELETE", "/v1/user"],
      ["POST", "/v1/session/token"],
      ["POST", "/v1/session/grant"],
      ["POST", "/v1/passkeys/add/options"],
    ] as const) {
      const response = await call(token, path, method);
      expect([401, 403, 404, 405], `${method} ${path}`).toContain(response.status);
    }
    expect((await call(token, "/v1/sessions")).status).toBe(403);
    const session = (await (await call(token, "/v1/session")).json()) as { session: unknown };
    expect(session.session ?? null).toBeNull();
    // a user whose id is the client's, as nobody can have it, changes nothing about that
    const twin = {
      id: "jobs",
      status: "active" as const,
      display_name: null,
      user_handle: "h",
      created_at: 0,
      updated_at: 0,
    };
    await node.engine.store.db.insertInto("segno_users").values(twin).execute();
    expect((await call(token, "/v1/sessions")).status).toBe(403);
    // and a token for somewhere else is good nowhere here
    const other = (await askReports()).body.access_token ?? "";
    expect((await call(other, "/v1/sessions")).status).toBe(401);
  });

  it("R073, R115: introspection tells what is good now: revoked, expired and unlisted clients' tokens are not", async () => {
    const { body } = await askReports();
    const token = body.access_token ?? "";
    const told = await introspect(token);
    expect(told.body).toMatchObject({ active: true, sub: "reports", client_id: "reports", token_type: "Bearer" });
    for (const ofUsers of ["sid", "acr", "amr", "auth_time"]) expect(told.body).not.toHaveProperty(ofUsers);
    const without = await openNode(besides(node, nodes.database().source), {
      ...options,
      services: { jobs: own },
      clock: node.clock,
    });
    try {
      expect((await introspect(token, without)).body).toEqual({ active: false });
    } finally {
      await without.stop();
    }
    // RFC 7009: by its own client, which must prove itself
    const revoke = (headers: Readonly<Record<string, string>>, form = {}) =>
      postForm(node, "revoke", { token, ...form }, headers);
    expect((await revoke(basic("reports", "wrong"))).status).toBe(401);
    expect((await revoke({}, { client_id: "reports" })).status).toBe(401);
    expect(await revoke(basic("jobs", ordersSecret))).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
    expect((await introspect(token)).body).toMatchObject({ active: true });
    expect((await revoke(basic("reports", ordersSecret))).status).toBe(200);
    expect((await introspect(token)).body).toEqual({ active: false });
  });

  it("T-118: no token is made when the store or the key fails", async () => {
    const real = node.engine.signer.sign;
    const broken = { ...node.engine.signer, sign: async () => Promise.reject(new Error("no key")) };
    Object.assign(node.engine, { signer: broken });
    const { status, body } = await askReports();
    expect(status).toBeGreaterThanOrEqual(500);
    expect(body).not.toHaveProperty("access_token");
    Object.assign(node.engine, { signer: { ...broken, sign: real } });
    const rows = await node.engine.store.db
      .selectFrom("segno_outbox")
      .select("id")
      .where("type", "=", "token.issued")
      .execute();
    expect(rows).toHaveLength(0);
    expect((await askReports()).status).toBe(200);
  });

  describe("clients that others wrote", () => {
    const send = async (url: string, init: object) => node.handler(new Request(url, init));
    const subtle = async () =>
      await crypto.subtle.importKey(
        "jwk",
        { ...ordersKey.privateKey.export({ format: "jwk" }), alg: "ES256" },
        { name: "ECDSA", namedCurve: "P-256" },
        false,
        ["sign"],
      );

    it("oauth4webapi discovers, authenticates with a key, gets and revokes a token", async () => {
      const nowSeconds = Math.floor(node.clock.nowMs() / 1000);
      const found = await oauth.discoveryRequest(new URL(origin), { algorithm: "oauth2", [oauth.customFetch]: send });
      const server = await oauth.processDiscoveryResponse(new URL(origin), found);
      const me: oauth.Client = {
        client_id: "orders-api",
        [oauth.clockSkew]: nowSeconds - Math.floor(Date.now() / 1000),
      };
      const key = { key: await subtle(), kid: ordersKey.jwk.kid };
      const got = await oauth.processClientCredentialsResponse(
        server,
        me,
        await oauth.clientCredentialsGrantRequest(
          server,
          me,
          oauth.PrivateKeyJwt(key),
          { resource: billingAudience },
          { [oauth.customFetch]: send },
        ),
      );
      expect(await verifier(billingAudience).verify(got.access_token)).toMatchObject({ sub: "orders-api" });
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(server, me, oauth.PrivateKeyJwt(key), got.access_token, {
          [oauth.customFetch]: send,
        }),
      );
      expect((await introspect(got.access_token)).body).toEqual({ active: false });
    });

    it("openid-client does the same with a secret in the header", async () => {
      const config = await client.discovery(
        new URL(origin),
        "reports",
        undefined,
        client.ClientSecretBasic(ordersSecret),
        { [client.customFetch]: async (url: string, init: object) => node.handler(new Request(url, init)) },
      );
      const tokens = await client.clientCredentialsGrant(config, { scope: "orders:read" });
      expect(await verifier(ordersAudience).verify(tokens.access_token)).toMatchObject({ sub: "reports" });
      expect(config.serverMetadata().grant_types_supported).toContain("client_credentials");
    });
  });
});
