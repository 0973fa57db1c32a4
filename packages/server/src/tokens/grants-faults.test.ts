// The grants of services when something goes wrong: every statement fails in turn, and forms that nobody would send.
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  accessTokenType,
  type Answer,
  asserted,
  basic,
  billingAudience,
  clientKey,
  exchangeGrant,
  ordersAudience,
  ordersKey,
  ordersSecret,
  postForm,
  services,
} from "../../test/client-kit.js";
import { actor, addSession, formRequest, type Node, openNode, origin } from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { watchStore } from "../../test/watched-store.js";
import { createServiceAccount, listServiceAccounts, type NewServiceAccount } from "../clients/index.js";
import { issueTokens } from "./index.js";

const options = {
  rateLimit: false,
  services,
  tokens: { scopes: ["orders:read", "billing:read"], audiences: [origin, ordersAudience] },
};
const nightly: NewServiceAccount = { name: "n", scopes: ["orders:read"], audiences: [ordersAudience] };

/** One of each dialect: nothing here depends on how many connections there are. */
const databases = testDatabases.filter(({ name }) => name === "sqlite memory" || name === "postgres");

describe.each(databases)("grants under faults: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  /** Counts down to the statement that fails; undefined for none. */
  let failAt: number | undefined;
  let failing: "before" | "after" | "commit";
  let statements: string[];
  const step = (kind: typeof failing): void => {
    if (failAt === undefined || kind !== failing) return;
    failAt -= 1;
    if (failAt >= 0) return;
    failAt = undefined;
    throw new Error("canary-fault: the store failed");
  };

  beforeEach(async () => {
    failAt = undefined;
    statements = [];
    database = await create();
    const source = watchStore(database.source(), {
      before: (shape) => {
        statements.push(shape());
        step("before");
      },
      after: () => step("after"),
      committed: () => step("commit"),
    });
    node = await openNode(source, options);
  });
  afterEach(async () => {
    failAt = undefined;
    await node.stop();
    await database.drop();
  });

  const userToken = async () => {
    const { session } = await addSession(node.engine);
    const tokens = await node.engine.store.transaction((trx) =>
      issueTokens(node.engine, trx, { session, audience: ordersAudience, withRefresh: false }, actor),
    );
    return tokens.accessToken;
  };
  const countOf = async (type: string) =>
    (await node.engine.store.db.selectFrom("segno_outbox").select("id").where("type", "=", type).execute()).length;

  const flows: Readonly<Record<string, () => Promise<() => Promise<Answer>>>> = {
    "a token by key": async () => () =>
      postForm(node, "token", {
        grant_type: "client_credentials",
        resource: billingAudience,
        ...asserted(node, "orders-api", ordersKey),
      }),
    "a token by secret": async () => () =>
      postForm(node, "token", { grant_type: "client_credentials" }, basic("reports", ordersSecret)),
    "a token of an account": async () => {
      const { account, secret = "" } = await createServiceAccount(node.engine, nightly, actor);
      return () => postForm(node, "token", { grant_type: "client_credentials" }, basic(account.id, secret));
    },
    "an exchange": async () => {
      const subject_token = await userToken();
      return () =>
        postForm(node, "token", {
          grant_type: exchangeGrant,
          subject_token,
          subject_token_type: accessTokenType,
          resource: billingAudience,
          ...asserted(node, "orders-api", ordersKey),
        });
    },
  };

  it.each(Object.keys(flows))(
    "T-118: %s: a store that fails anywhere makes no token, and no event of one",
    async (name) => {
      const flow = flows[name];
      if (flow === undefined) throw new Error("no flow");
      let points = 0;
      for (const kind of ["before", "after"] as const) {
        for (let point = 0; point < 40; point += 1) {
          const request = await flow();
          // what is remembered for a second is looked up again
          node.clock.advance({ seconds: 2 });
          const before = await countOf("token.issued");
          failing = kind;
          failAt = point;
          const { status, body } = await request();
          const isReached = failAt === undefined;
          failAt = undefined;
          if (!isReached) {
            expect(status).toBe(200);
            break;
          }
          points += 1;
          const at = `${name}: ${kind} ${point}`;
          // a statement may be tried again by the store, or its failure may not matter; a failure never makes a token
          expect([200, 401, 500, 503], at).toContain(status);
          expect(JSON.stringify(body), at).not.toContain("canary");
          const made = (await countOf("token.issued")) - before;
          expect(made, at).toBe(status === 200 ? 1 : 0);
          if (status !== 200) expect(body, at).not.toHaveProperty("access_token");
          expect((await request()).status, at).toBe(200);
        }
      }
      expect(points).toBeGreaterThan(1);
    },
  );

  it("T-118: an account is made whole or not at all", async () => {
    for (const kind of ["before", "after", "commit"] as const) {
      for (let point = 0; point < 10; point += 1) {
        const before = await listServiceAccounts(node.engine);
        const events = await countOf("client.created");
        failing = kind;
        failAt = point;
        const made = await createServiceAccount(node.engine, nightly, actor).then(
          () => true,
          () => false,
        );
        const isReached = failAt === undefined;
        failAt = undefined;
        const accounts = (await listServiceAccounts(node.engine)).length - before.length;
        expect((await countOf("client.created")) - events).toBe(accounts);
        if (made) expect(accounts).toBe(1);
        if (!isReached) break;
      }
    }
  });

  it("an unknown client costs what a known one with the wrong proof costs", async () => {
    const costOf = async (form: Readonly<Record<string, string>>, headers = {}) => {
      statements = [];
      const { status, body } = await postForm(node, "token", { grant_type: "client_credentials", ...form }, headers);
      expect({ status, body }).toEqual({
        status: 401,
        body: { error: "invalid_client", error_description: expect.anything() },
      });
      return statements.length;
    };
    const wrong = clientKey("orders-1");
    const { account } = await createServiceAccount(node.engine, nightly, actor);
    const gone = `service_${"0".repeat(32)}`;
    await costOf({}, basic(gone, "x")); // compiles the statement
    expect(await costOf(asserted(node, "nobody", wrong))).toBe(await costOf(asserted(node, "orders-api", wrong)));
    expect(await costOf({}, basic("nobody", "x"))).toBe(await costOf({}, basic("reports", "x")));
    expect(await costOf({}, basic(gone, "x"))).toBe(await costOf({}, basic(account.id, "x")));
    expect(await costOf({ client_id: "nobody" })).toBe(await costOf({ client_id: "orders-api" }));
  });

  it("T-042, T-071, T-083: whatever form is posted, the answer is a clear refusal and never a token", async () => {
    const names = [
      ...["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope", "resource"],
      ...["audience", "subject_token", "subject_token_type", "actor_token", "actor_token_type", "requested_token_type"],
      ...["refresh_token", "__proto__", "constructor", "toString"],
    ];
    const values = fc.oneof(
      fc.constantFrom("client_credentials", exchangeGrant, "refresh_token", accessTokenType, "orders-api", "segno"),
      fc.constantFrom(billingAudience, "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "service_x", "__proto__", "\0", "%00"),
      fc.string(),
      fc.string({ unit: "binary" }),
    );
    const fields = fc.array(fc.tuple(fc.constantFrom(...names), values), { maxLength: 8 });
    const authorizations = fc.option(
      fc.oneof(
        fc.base64String().map((text) => `Basic ${text}`),
        fc.constantFrom("Basic", "basic  ", "Bearer x", "DPoP x", `Basic ${Buffer.from(":").toString("base64")}`),
      ),
    );
    await fc.assert(
      fc.asyncProperty(
        fields,
        authorizations,
        fc.constantFrom("token", "revoke"),
        async (pairs, authorization, path) => {
          const headers = authorization === null ? {} : { authorization };
          const form = new URLSearchParams(pairs.map(([name, value]) => [name, value])).toString();
          const response = await node.handler(formRequest(`/api/auth/oauth2/${path}`, form, headers));
          expect(response.status).toBeGreaterThanOrEqual(path === "revoke" ? 200 : 400);
          expect(response.status).toBeLessThan(500);
          expect(await response.text()).not.toContain("access_token");
        },
      ),
      { numRuns: 300 },
    );
    expect(({} as Record<string, unknown>)["grant_type"]).toBeUndefined();
  });

  it("T-080: no route makes, changes or lists clients: that is the application's own business", async () => {
    const response = await node.handler(new Request(`${origin}/api/auth/openapi.json`));
    const { paths } = (await response.json()) as { paths: Record<string, Record<string, { operationId: string }>> };
    expect(Object.keys(paths).filter((path) => /client|service|register/i.test(path))).toEqual([]);
  });
});
