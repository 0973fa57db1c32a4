// Token exchange: a service acts for a user, within what both may, for as long as the user's own token lives.
import { hash } from "node:crypto";
import {
  type AccessTokenClaims,
  createAccessTokenVerifier,
  createDpopProof,
  generateDpopKeyPair,
  jwkThumbprint,
  type SegnoEventType,
} from "@segno/core";
import * as fc from "fast-check";
import { decodeProtectedHeader } from "jose";
import * as oauth from "oauth4webapi";
import { beforeEach, expect, it } from "vitest";
import {
  accessTokenType,
  type Answer,
  asserted,
  basic,
  billingAudience,
  billingKey,
  type ClientKey,
  exchangeGrant,
  ledgerAudience,
  ordersAudience,
  ordersKey,
  payloadOf,
  postForm,
  services,
} from "../../test/client-kit.js";
import { describeNodes } from "../../test/describe-nodes.js";
import {
  actor,
  addSession,
  besides,
  formRequest,
  keyApi,
  type Node,
  openNode,
  origin,
  rotateNow,
} from "../../test/engine-kit.js";
import { revokeSession } from "../sessions/index.js";
import { issueTokens, type IssueTokens } from "./index.js";
import { mintDelegatedToken } from "./mint-access-token.js";

const rs = { id: "rs", secret: "introspection-secret-0123456789" };
const options = {
  rateLimit: false,
  services,
  tokens: {
    scopes: ["orders:read", "orders:write", "billing:read"],
    audiences: [origin, ordersAudience, billingAudience],
    introspectionClients: { [rs.id]: rs.secret },
  },
};

describeNodes("token exchange", (nodes) => {
  let node: Node;
  beforeEach(async () => {
    node = await nodes.open(options);
  });

  const issue = async (input: Partial<IssueTokens> = {}) => {
    const session = input.session ?? (await addSession(node.engine)).session;
    const tokens = await node.engine.store.transaction((trx) =>
      issueTokens(node.engine, trx, { session, audience: ordersAudience, withRefresh: false, ...input }, actor),
    );
    return { session, token: tokens.accessToken };
  };
  const formOf = (subjectToken: string, more: Readonly<Record<string, string>> = {}) => ({
    grant_type: exchangeGrant,
    subject_token: subjectToken,
    subject_token_type: accessTokenType,
    resource: billingAudience,
    ...more,
  });
  const exchangeAs =
    (id: string, key: ClientKey) =>
    (subjectToken: string, more: Readonly<Record<string, string>> = {}, headers = {}, on = node): Promise<Answer> =>
      postForm(on, "token", { ...formOf(subjectToken, more), ...asserted(node, id, key) }, headers);
  const exchange = exchangeAs("orders-api", ordersKey);
  const exchangeOn = (subjectToken: string, more: Readonly<Record<string, string>> = {}) =>
    exchangeAs("billing-api", billingKey)(subjectToken, { resource: ledgerAudience, ...more });
  const introspect = (token: string) => postForm(node, "introspect", { token }, basic(rs.id, rs.secret));
  const eventsOf = async (type: SegnoEventType) => {
    const rows = await node.engine.store.db
      .selectFrom("segno_outbox")
      .select("payload")
      .where("type", "=", type)
      .execute();
    return rows.map(({ payload }) => JSON.parse(payload) as Record<string, unknown>);
  };
  const refused = { status: 400, body: { error: "invalid_request" } };

  it("RFC 8693 section 4.1: the user's own session, with who acts in act", async () => {
    const { session, token } = await issue();
    const { status, body } = await exchange(token);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      token_type: "Bearer",
      issued_token_type: accessTokenType,
      scope: "orders:read billing:read",
    });
    expect(body).not.toHaveProperty("refresh_token");
    const verifier = createAccessTokenVerifier({
      issuer: origin,
      audience: billingAudience,
      keys: node.engine.signer.keySet,
      clock: node.clock,
    });
    const claims = await verifier.verify(body.access_token ?? "");
    const before = payloadOf(token);
    expect(claims).toMatchObject({
      sub: session.user_id,
      sid: session.id,
      aud: billingAudience,
      client_id: "orders-api",
      act: { sub: "orders-api" },
      acr: before["acr"],
      amr: before["amr"],
      auth_time: before["auth_time"],
    });
    expect(claims.act).toEqual({ sub: "orders-api" });
    expect(claims.jti).not.toBe(before["jti"]);
    expect(await eventsOf("token.exchanged")).toMatchObject([
      {
        subject: session.user_id,
        sessionid: session.id,
        clientid: "orders-api",
        data: { jti: claims.jti, subjectJti: before["jti"], audience: [billingAudience], actors: ["orders-api"] },
      },
    ]);
  });

  it("goes on: who acts is first, who acted before comes behind, and no circle", async () => {
    const { token } = await issue();
    const first = (await exchange(token)).body.access_token ?? "";
    const second = await exchangeOn(first);
    expect(payloadOf(second.body.access_token ?? "")).toMatchObject({
      act: { sub: "billing-api", act: { sub: "orders-api" } },
      client_id: "billing-api",
      scope: "billing:read",
    });
    expect(await eventsOf("token.exchanged")).toMatchObject([{}, { data: { actors: ["billing-api", "orders-api"] } }]);
    // orders-api takes tokens for itself alone, of first-party clients alone
    expect(await exchange(second.body.access_token ?? "")).toMatchObject(refused);
    expect(await exchange(first)).toMatchObject(refused);
    expect(await exchangeOn(token)).toMatchObject(refused);
    // and billing-api those of orders-api alone, though a user's own token is for it
    expect(await exchangeOn((await issue({ audience: billingAudience })).token)).toMatchObject(refused);
  });

  it("T-079: one audience, and it is the client's to ask for", async () => {
    const { token } = await issue();
    const target = { status: 400, body: { error: "invalid_target" } };
    for (const resource of [origin, ordersAudience, "https://evil.example", "", `${billingAudience}/`]) {
      expect(await exchange(token, { resource }), resource).toMatchObject(target);
      expect(await exchange(token, { audience: resource }), resource).toMatchObject(target);
    }
    const two = new URLSearchParams({ ...formOf(token), ...asserted(node, "orders-api", ordersKey) });
    two.append("resource", ledgerAudience);
    expect(await postForm(node, "token", two.toString())).toMatchObject(target);
    const { resource: _, ...none } = formOf(token);
    expect(await postForm(node, "token", { ...none, ...asserted(node, "orders-api", ordersKey) })).toMatchObject(
      target,
    );
    const { body } = await postForm(node, "token", {
      ...none,
      audience: ledgerAudience,
      ...asserted(node, "orders-api", ordersKey),
    });
    expect(payloadOf(body.access_token ?? "")["aud"]).toBe(ledgerAudience);
  });

  it("never holds a scope that the subject or the client lacks", async () => {
    const scopes = ["orders:read", "orders:write", "billing:read"];
    await fc.assert(
      fc.asyncProperty(
        fc.subarray(scopes, { minLength: 1 }),
        fc.option(fc.subarray([...scopes, "admin"], { minLength: 1 })),
        async (held, asked) => {
          const { token } = await issue({ scope: held.join(" ") });
          const both = held.filter((scope) => ["orders:read", "billing:read"].includes(scope));
          const { status, body } = await exchange(token, asked === null ? {} : { scope: asked.join(" ") });
          if (asked !== null && !asked.every((scope) => both.includes(scope))) {
            expect(body).toMatchObject({ error: "invalid_scope" });
            return;
          }
          expect(status).toBe(200);
          const got = String(payloadOf(body.access_token ?? "")["scope"]);
          expect(got.split(" ").filter(Boolean).sort()).toEqual([...(asked ?? both)].sort());
        },
      ),
      { numRuns: 25 },
    );
  });

  it("never lives longer than the subject's token", async () => {
    const { token } = await issue();
    const { exp } = payloadOf(token);
    node.clock.advance({ seconds: 100 });
    const { body } = await exchange(token);
    expect(body).toMatchObject({ expires_in: 200 });
    expect(payloadOf(body.access_token ?? "")["exp"]).toBe(exp);
    // nor does a chain get any longer by being exchanged again
    node.clock.advance({ seconds: 100 });
    const { body: next } = await exchangeOn(body.access_token ?? "");
    expect(payloadOf(next.access_token ?? "")["exp"]).toBe(exp);
    node.clock.advance({ seconds: 106 });
    expect(await exchange(token)).toMatchObject(refused);
  });

  it("T-020, R073: what ends the session, the user or a client ends every token made from it", async () => {
    const { session, token } = await issue();
    const first = (await exchange(token)).body.access_token ?? "";
    const second = (await exchangeOn(first)).body.access_token ?? "";
    expect((await introspect(first)).body).toMatchObject({ active: true, act: { sub: "orders-api" } });
    expect((await introspect(second)).body).toMatchObject({ active: true });
    // a node that does not list orders-api any more believes neither its token nor one that was made from it
    const { "orders-api": _, ...others } = services;
    const without = await openNode(besides(node, nodes.database().source), {
      ...options,
      services: others,
      clock: node.clock,
    });
    try {
      for (const one of [first, second])
        expect((await postForm(without, "introspect", { token: one }, basic(rs.id, rs.secret))).body).toEqual({
          active: false,
        });
    } finally {
      await without.stop();
    }
    await node.engine.store.transaction((trx) =>
      revokeSession(node.engine, trx, { sessionId: session.id, userId: session.user_id, reason: "by_operator" }, actor),
    );
    for (const one of [token, first, second]) expect((await introspect(one)).body).toEqual({ active: false });
    expect(await exchange(token)).toMatchObject(refused);
    expect(await exchangeOn(first)).toMatchObject(refused);
    const suspended = await issue();
    await node.engine.store.db.updateTable("segno_users").set({ status: "suspended" }).execute();
    expect(await exchange(suspended.token)).toMatchObject(refused);
  });

  it("R119: what a key signed for a service in a user's name ends with the key, and so does the session", async () => {
    const { session, token } = await issue();
    const { session: other } = await issue();
    await rotateNow(node);
    const { body } = await exchange(token);
    const { kid } = decodeProtectedHeader(body.access_token ?? "");
    expect(kid).not.toBe(decodeProtectedHeader(token).kid);
    await keyApi(node).compromise(kid ?? "", { sinceMs: 0 });
    expect((await introspect(body.access_token ?? "")).body).toEqual({ active: false });
    const rows = await node.engine.store.db
      .selectFrom("segno_sessions")
      .select("id")
      .where("revoked_at", "is not", null)
      .execute();
    expect(rows.map(({ id }) => id)).toEqual([session.id]);
    expect(rows).not.toContainEqual({ id: other.id });
  });

  it("a token that was revoked itself cannot be exchanged", async () => {
    const { token } = await issue();
    expect((await postForm(node, "revoke", { token, client_id: "segno" })).status).toBe(200);
    expect(await exchange(token)).toMatchObject(refused);
  });

  it("T-085: nobody impersonates: without a client that proves itself, and is in act, there is no token", async () => {
    const { token } = await issue();
    expect(await postForm(node, "token", { ...formOf(token), client_id: "segno" })).toMatchObject({
      body: { error: "unauthorized_client" },
    });
    expect(await postForm(node, "token", formOf(token))).toMatchObject({
      status: 401,
      body: { error: "invalid_client" },
    });
    expect(await postForm(node, "token", { ...formOf(token), client_id: "orders-api" })).toMatchObject({ status: 401 });
    const { body } = await exchange(token, { requested_subject: "somebody-else", act: "", may_act: "x" });
    expect(payloadOf(body.access_token ?? "")).toMatchObject({
      act: { sub: "orders-api" },
      sub: payloadOf(token)["sub"],
    });
  });

  it("T-065: only access tokens of users that name the client are exchanged, whatever they are called", async () => {
    const { token, session } = await issue();
    const family = await issue({ session, withRefresh: true });
    const forEngine = await issue({ audience: origin });
    const ownToken = await postForm(node, "token", {
      grant_type: "client_credentials",
      resource: billingAudience,
      ...asserted(node, "orders-api", ordersKey),
    });
    const [head = "", body = "", signature = ""] = token.split(".");
    const tampered = Buffer.from(body, "base64url").toString().replace(ordersAudience, `${ordersAudience}#`);
    const bad: Readonly<Record<string, readonly [string, Readonly<Record<string, string>>?]>> = {
      "no token": [""],
      "something else": ["nonsense"],
      "a service's own token": [ownToken.body.access_token ?? ""],
      "a token for somebody else": [forEngine.token],
      "a token that was changed": [`${head}.${Buffer.from(tampered).toString("base64url")}.${signature}`],
      "a session id": [session.id],
      "a refresh token called access token": ["segno_rt_x"],
      "a token called a refresh token": [
        token,
        { subject_token_type: "urn:ietf:params:oauth:token-type:refresh_token" },
      ],
      "a token called an id token": [token, { subject_token_type: "urn:ietf:params:oauth:token-type:id_token" }],
      "a type in capitals": [token, { subject_token_type: accessTokenType.toUpperCase() }],
      "a refresh token asked for": [token, { requested_token_type: "urn:ietf:params:oauth:token-type:refresh_token" }],
      "an id token asked for": [token, { requested_token_type: "urn:ietf:params:oauth:token-type:id_token" }],
      "an actor type without its token": [token, { actor_token_type: accessTokenType }],
      "an actor token without its type": [token, { actor_token: ownToken.body.access_token ?? "" }],
      "a user as actor": [token, { actor_token: family.token, actor_token_type: accessTokenType }],
      "nonsense as actor": [token, { actor_token: "x", actor_token_type: accessTokenType }],
    };
    for (const [name, [subject, more]] of Object.entries(bad))
      expect(await exchange(subject, more), name).toMatchObject(refused);
    const { subject_token_type: _, ...untyped } = formOf(token);
    expect(await postForm(node, "token", { ...untyped, ...asserted(node, "orders-api", ordersKey) })).toMatchObject(
      refused,
    );
    // the client's own token may come along as the actor
    const good = await exchange(token, {
      actor_token: ownToken.body.access_token ?? "",
      actor_token_type: accessTokenType,
    });
    expect(payloadOf(good.body.access_token ?? "")["act"]).toEqual({ sub: "orders-api" });
    expect(await eventsOf("token.exchanged")).toHaveLength(1);
  });

  it("the engine itself takes no token of an actor: accounts are changed by their owners", async () => {
    const { token } = await issue();
    const { body } = await exchange(token);
    const of = (accessToken = "") => ({ headers: { authorization: `Bearer ${accessToken}` } });
    expect(await node.authenticate(of(body.access_token))).toEqual({ status: "invalid", reason: "token_audience" });
    // not even one that was made for it: the configuration refuses to, and so does the door
    const subject = payloadOf(token) as unknown as AccessTokenClaims;
    const service = node.engine.config.services.get("orders-api");
    if (service === undefined) throw new Error("no service");
    const input = { service, subject, subjectKid: "", audience: origin, scope: "", confirmation: undefined };
    const made = await node.engine.store.transaction((trx) => mintDelegatedToken(node.engine, trx, input));
    expect(await node.authenticate(of(made.token))).toEqual({ status: "invalid", reason: "invalid_token" });
  });

  it("R076: a bound token is exchanged with the proof of its key, and stays bound to it", async () => {
    const keys = await generateDpopKeyPair();
    const jkt = await jwkThumbprint(keys.publicJwk);
    const { token } = await issue({ jkt });
    const proof = (accessToken?: string, by = keys) =>
      createDpopProof({
        ...by,
        method: "POST",
        url: `${origin}/api/auth/oauth2/token`,
        nowSeconds: node.clock.nowMs() / 1000,
        ...(accessToken === undefined ? {} : { accessToken }),
      });
    const dpop = { error: "invalid_dpop_proof" };
    expect((await exchange(token)).body).toMatchObject(dpop);
    // RFC 9449 section 4.3: a proof without `ath`, of another token, by another key
    expect((await exchange(token, {}, { dpop: await proof() })).body).toMatchObject(dpop);
    expect((await exchange(token, {}, { dpop: await proof("x") })).body).toMatchObject(dpop);
    expect((await exchange(token, {}, { dpop: await proof(token, await generateDpopKeyPair()) })).body).toMatchObject(
      dpop,
    );
    const good = await proof(token);
    const { body } = await exchange(token, {}, { dpop: good });
    expect(body).toMatchObject({ token_type: "DPoP" });
    expect(payloadOf(body.access_token ?? "")["cnf"]).toEqual({ jkt });
    expect((await exchange(token, {}, { dpop: good })).body).toMatchObject(dpop);
    // a plain token becomes bound to the key that the client proves
    const plain = await issue();
    const bound = await exchange(plain.token, {}, { dpop: await proof() });
    expect(payloadOf(bound.body.access_token ?? "")["cnf"]).toEqual({ jkt });
  });

  it("RFC 8705: a token bound to a certificate is exchanged over a connection with that certificate", async () => {
    const certificateBound = true;
    const clock = node.clock;
    const chained = {
      ...services,
      "orders-api": { ...services["orders-api"], certificateBound },
    };
    const on = await openNode(besides(node, nodes.database().source), { ...options, services: chained, clock });
    const certificate = (text: string) => ({ raw: Buffer.from(text), isTrusted: false });
    const ask = async (
      [id, key]: readonly [string, ClientKey],
      form: Readonly<Record<string, string>>,
      shown?: { readonly raw: Uint8Array; readonly isTrusted: boolean },
    ) => {
      const request = formRequest("/api/auth/oauth2/token", { ...form, ...asserted(on, id, key) });
      const response = await on.handler(request, shown === undefined ? {} : { certificate: shown });
      return { status: response.status, body: (await response.json()) as Record<string, string> };
    };
    try {
      const orders = ["orders-api", ordersKey] as const;
      const billing = ["billing-api", billingKey] as const;
      const { token } = await issue();
      // a client whose tokens are bound gets none without a certificate
      expect(await ask(orders, formOf(token))).toMatchObject(refused);
      const first = await ask(orders, formOf(token), certificate("of orders"));
      const cnf = { "x5t#S256": hash("sha256", "of orders", "base64url") };
      expect(payloadOf(first.body["access_token"] ?? "")["cnf"]).toEqual(cnf);
      const onwards = formOf(first.body["access_token"] ?? "", { resource: ledgerAudience });
      expect(await ask(billing, onwards)).toMatchObject(refused);
      expect(await ask(billing, onwards, certificate("of billing"))).toMatchObject(refused);
      const second = await ask(billing, onwards, certificate("of orders"));
      expect(payloadOf(second.body["access_token"] ?? "")["cnf"]).toEqual(cnf);
    } finally {
      await on.stop();
    }
  });

  it("oauth4webapi exchanges a token", async () => {
    const send = async (url: string, init: object) => node.handler(new Request(url, init));
    const found = await oauth.discoveryRequest(new URL(origin), { algorithm: "oauth2", [oauth.customFetch]: send });
    const server = await oauth.processDiscoveryResponse(new URL(origin), found);
    expect(server.grant_types_supported).toContain(exchangeGrant);
    const skew = Math.floor(node.clock.nowMs() / 1000) - Math.floor(Date.now() / 1000);
    const me: oauth.Client = { client_id: "orders-api", [oauth.clockSkew]: skew };
    const jwk = { ...ordersKey.privateKey.export({ format: "jwk" }), alg: "ES256" };
    const key = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["sign"]);
    const { token, session } = await issue();
    const { grant_type, ...parameters } = formOf(token);
    const answer = await oauth.genericTokenEndpointRequest(
      server,
      me,
      oauth.PrivateKeyJwt({ key, kid: ordersKey.jwk.kid }),
      grant_type,
      parameters,
      { [oauth.customFetch]: send },
    );
    const got = await oauth.processGenericTokenEndpointResponse(server, me, answer);
    expect(payloadOf(got.access_token)).toMatchObject({ sub: session.user_id, act: { sub: "orders-api" } });
    expect(got["issued_token_type"]).toBe(accessTokenType);
  });
});
