// Service accounts: made at run time, with listed scopes and an end.
import { beforeEach, expect, it } from "vitest";
import { asserted, basic, clientKey, ordersAudience, payloadOf, postForm, services } from "../../test/client-kit.js";
import { describeNodes } from "../../test/describe-nodes.js";
import { actor, besides, type Node, openNode, origin } from "../../test/engine-kit.js";
import {
  createServiceAccount,
  endExpiredServiceAccounts,
  listServiceAccounts,
  type NewServiceAccount,
  revokeServiceAccount,
} from "./index.js";

const rs = { id: "rs", secret: "introspection-secret-0123456789" };
const options = {
  rateLimit: false,
  services,
  tokens: {
    scopes: ["orders:read", "orders:write"],
    audiences: [origin, ordersAudience],
    introspectionClients: { [rs.id]: rs.secret },
  },
};
const nightly: NewServiceAccount = { name: "Nightly report", scopes: ["orders:read"], audiences: [ordersAudience] };

describeNodes("service accounts", (nodes) => {
  let node: Node;
  beforeEach(async () => {
    node = await nodes.open(options);
  });

  const grant = { grant_type: "client_credentials" };
  const make = (more: Partial<NewServiceAccount> = {}) =>
    createServiceAccount(node.engine, { ...nightly, ...more }, actor);
  const ask = (id: string, secret = "", form = {}, on = node) =>
    postForm(on, "token", { ...grant, ...form }, basic(id, secret));
  const introspect = (token: string, on = node) => postForm(on, "introspect", { token }, basic(rs.id, rs.secret));
  const eventsOf = async (type: string) => {
    const rows = await node.engine.store.db
      .selectFrom("segno_outbox")
      .select("payload")
      .where("type", "=", type)
      .execute();
    return rows.map(({ payload }) => JSON.parse(payload) as Record<string, unknown>);
  };
  const refused = { status: 401, body: { error: "invalid_client" } };

  it("R115: lives a day unless told otherwise, with the scopes listed and no more", async () => {
    const { account, secret = "" } = await make();
    expect(account).toMatchObject({ ...nightly, method: "client_secret_basic", revokedAt: null });
    expect(account.id).toMatch(/^service_[0-9a-f]{32}$/);
    expect(Date.parse(account.expiresAt) - Date.parse(account.createdAt)).toBe(86_400_000);
    const { body } = await ask(account.id, secret);
    expect(body).toMatchObject({ scope: "orders:read", expires_in: 300 });
    expect(payloadOf(body.access_token ?? "")).toMatchObject({ sub: account.id, aud: ordersAudience });
    expect(await ask(account.id, secret, { scope: "orders:write" })).toMatchObject({
      body: { error: "invalid_scope" },
    });
    expect(await ask(account.id, secret, { resource: origin })).toMatchObject({ body: { error: "invalid_target" } });
    const exchange = { grant_type: "urn:ietf:params:oauth:grant-type:token-exchange" };
    expect(await ask(account.id, secret, exchange)).toMatchObject({ body: { error: "unauthorized_client" } });
    expect(await eventsOf("client.created")).toMatchObject([
      { clientid: account.id, data: { scopes: ["orders:read"], expiresAt: account.expiresAt } },
    ]);
  });

  it("R115: at its end it is no client, its tokens have ended, and it is closed for good", async () => {
    const { account, secret = "" } = await make();
    node.clock.advance({ hours: 23, minutes: 59 });
    const { body } = await ask(account.id, secret);
    // a token does not outlive its client
    expect(body).toMatchObject({ expires_in: 60 });
    expect((await introspect(body.access_token ?? "")).body).toMatchObject({ active: true });
    node.clock.advance({ minutes: 1 });
    expect(await ask(account.id, secret)).toMatchObject(refused);
    expect((await introspect(body.access_token ?? "")).body).toEqual({ active: false });
    await endExpiredServiceAccounts(node.engine);
    await endExpiredServiceAccounts(node.engine);
    expect(await eventsOf("client.revoked")).toMatchObject([{ clientid: account.id, data: { reason: "expired" } }]);
    expect(await listServiceAccounts(node.engine)).toMatchObject([{ id: account.id, revokedReason: "expired" }]);
    // a clock that is set back does not open it again
    node.clock.set(node.clock.nowMs() - 7_200_000);
    expect(await ask(account.id, secret)).toMatchObject(refused);
    node.clock.advance({ days: 32 });
    await endExpiredServiceAccounts(node.engine);
    expect(await listServiceAccounts(node.engine)).toEqual([]);
    const places = await node.engine.store.db.selectFrom("segno_client_statuses").selectAll().execute();
    expect(places).toEqual([]);
  });

  it("ends when it is revoked: at once, on every node, with its tokens", async () => {
    const other = await openNode(besides(node, nodes.database().source), { ...options, clock: node.clock });
    try {
      const { account, secret = "" } = await make();
      const { body } = await ask(account.id, secret, {}, other);
      expect(await revokeServiceAccount(node.engine, account.id, actor)).toBe(true);
      expect(await revokeServiceAccount(node.engine, account.id, actor)).toBe(false);
      expect(await revokeServiceAccount(node.engine, "reports", actor)).toBe(false);
      expect(await ask(account.id, secret, {}, other)).toMatchObject(refused);
      expect((await introspect(body.access_token ?? "", other)).body).toEqual({ active: false });
      // its place in the status lists was given up: verifiers elsewhere learn of it
      const { status } = payloadOf(body.access_token ?? "") as { status: { status_list: { idx: number } } };
      const left = await node.engine.store.db.selectFrom("segno_revoked_tokens").select("status_index").execute();
      expect(left).toEqual([{ status_index: status.status_list.idx }]);
      expect(await eventsOf("client.revoked")).toMatchObject([
        { clientid: account.id, data: { reason: "by_operator" } },
      ]);
    } finally {
      await other.stop();
    }
  });

  it("T-118: a token that is asked for while the account is revoked is refused, or names the place that was given up", async () => {
    const { account, secret = "" } = await make();
    expect((await ask(account.id, secret)).status).toBe(200);
    const { store } = node.engine;
    const { transaction } = store;
    let isFirst = true;
    // the account was found good, and is revoked before the token is made
    const meanwhile: typeof transaction = async (work) => {
      if (isFirst) {
        isFirst = false;
        await revokeServiceAccount(node.engine, account.id, actor);
      }
      return await transaction(work);
    };
    Object.assign(store, { transaction: meanwhile });
    expect(await ask(account.id, secret)).toMatchObject(refused);
    Object.assign(store, { transaction });
    expect(await eventsOf("token.issued")).toHaveLength(1);
    // and in a race of many each token that was made is revoked by its place
    const raced = await make();
    await ask(raced.account.id, raced.secret);
    const [answers] = await Promise.all([
      Promise.all(Array.from({ length: 50 }, () => ask(raced.account.id, raced.secret))),
      revokeServiceAccount(node.engine, raced.account.id, actor),
    ]);
    const left = await store.db.selectFrom("segno_revoked_tokens").select("status_index").execute();
    const places = left.map(({ status_index }) => status_index);
    for (const { body } of answers.filter(({ status }) => status === 200)) {
      const { status } = payloadOf(body.access_token ?? "") as { status: { status_list: { idx: number } } };
      expect(places).toContain(status.status_list.idx);
    }
  });

  it("T-023: of 50 revocations at once one takes effect", async () => {
    const { account } = await make();
    const done = await Promise.all(
      Array.from({ length: 50 }, () => revokeServiceAccount(node.engine, account.id, actor)),
    );
    expect(done.filter(Boolean)).toHaveLength(1);
    expect(await eventsOf("client.revoked")).toHaveLength(1);
  });

  it("may have a key instead of a secret", async () => {
    const key = clientKey("nightly-1");
    const { account, secret } = await make({
      authentication: { method: "private_key_jwt", jwks: { keys: [key.jwk] } },
    });
    expect(secret).toBeUndefined();
    const withKey = () => postForm(node, "token", { ...grant, ...asserted(node, account.id, key) });
    expect([(await withKey()).status, (await withKey()).status]).toEqual([200, 200]);
    expect(
      await postForm(node, "token", { ...grant, ...asserted(node, account.id, clientKey("nightly-1")) }),
    ).toMatchObject(refused);
  });

  it("T-001, T-018: refuses to make one that is not plain", async () => {
    const codeOf = (more: object) =>
      make(more as Partial<NewServiceAccount>).then(
        () => "accepted",
        (error: unknown) => (error as { code: string }).code,
      );
    expect(await codeOf({ scopes: ["admin"] })).toBe("invalid_scope");
    expect(await codeOf({ scopes: ["orders:*"] })).toBe("invalid_scope");
    expect(await codeOf({ audiences: ["https://evil.example"] })).toBe("invalid_target");
    for (const bad of [
      { name: "" },
      { name: "x".repeat(101) },
      { scopes: [] },
      { scopes: "orders:read" },
      { audiences: [] },
      { audiences: undefined },
      { expiresInSeconds: 0 },
      { expiresInSeconds: 31_536_001 },
      { expiresInSeconds: Number.NaN },
      { expiresInSeconds: "86400" },
      { accessTokenSeconds: 3_601 },
      { authentication: { method: "private_key_jwt", jwks: { keys: [] } } },
      { authentication: { method: "private_key_jwt", jwks: "x" } },
      { authentication: { method: "private_key_jwt", jwksUri: "https://evil.example" } },
      { authentication: { method: "private_key_jwt", jwks: { keys: [{ ...clientKey("a").jwk, d: "AA" }] } } },
      { authentication: { method: "self_signed_tls_client_auth", thumbprints: [] } },
      { authentication: { method: "self_signed_tls_client_auth", thumbprints: ["x"] } },
      { authentication: { method: "none" } },
      { authentication: { method: "private_key_jwt", jwks: { keys: [clientKey("a").jwk] }, algorithms: ["none"] } },
      { authentication: { method: "private_key_jwt", jwks: { keys: [clientKey("a").jwk] }, algorithms: [] } },
      { grants: ["token_exchange"] },
      { id: "service_00000000000000000000000000000000" },
      { clientId: "orders-api" },
    ]) {
      expect(await codeOf(bad), JSON.stringify(bad)).toBe("invalid_input");
    }
    expect(await listServiceAccounts(node.engine)).toEqual([]);
    expect(await eventsOf("client.created")).toEqual([]);
  });

  it("R074: the store holds no secret", async () => {
    const { account, secret = "" } = await make();
    await ask(account.id, secret);
    let dump = "";
    for (const table of ["segno_clients", "segno_outbox", "segno_once"] as const)
      dump += JSON.stringify(await node.engine.store.db.selectFrom(table).selectAll().execute());
    expect(dump).toContain(account.id);
    expect(secret).toHaveLength(52);
    expect(dump).not.toContain(secret);
    // nor does what it holds sign anybody in
    const { secretHash } = JSON.parse(
      (await node.engine.store.db.selectFrom("segno_clients").selectAll().executeTakeFirstOrThrow()).credential,
    ) as { secretHash: string };
    expect(await ask(account.id, secretHash)).toMatchObject(refused);
  });

  it("T-118: an id is a value, whatever is in it", async () => {
    for (const id of ["service_' or '1'='1", 'service_"; drop table segno_clients; --', "service_%", "service_\0"]) {
      expect(await ask(id, "x"), id).toMatchObject(refused);
    }
    expect(await listServiceAccounts(node.engine)).toEqual([]);
  });
});
