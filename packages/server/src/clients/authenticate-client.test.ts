// Who a client is: assertions, secrets, and everything that is neither. Certificates: see the mutual TLS tests.
import { createSeededRandom } from "@segno/testing";
import { beforeEach, describe, expect, it } from "vitest";
import {
  assertionOf,
  assertionType,
  asserted,
  basic,
  billingAudience,
  billingKey,
  clientKey,
  type Answer,
  ordersKey,
  ordersSecret,
  payloadOf,
  postForm,
  services,
} from "../../test/client-kit.js";
import { describeNodes } from "../../test/describe-nodes.js";
import { besides, type Node, openNode, origin } from "../../test/engine-kit.js";
import { createSegno } from "../index.js";

const options = { rateLimit: false, services, tokens: { scopes: ["orders:read"] } };
const grant = { grant_type: "client_credentials" };

describeNodes("client authentication", (nodes) => {
  let node: Node;
  beforeEach(async () => {
    node = await nodes.open(options);
  });

  const ask = (form: Readonly<Record<string, string>>, headers = {}, on = node): Promise<Answer> =>
    postForm(on, "token", { ...grant, ...form }, headers);
  const askOrders = (form: Readonly<Record<string, string>> = {}) =>
    ask({ resource: billingAudience, ...asserted(node, "orders-api", ordersKey), ...form });

  it("takes an assertion, with and without client_id, and a secret in the header", async () => {
    expect((await askOrders()).status).toBe(200);
    expect((await askOrders({ client_id: "orders-api" })).status).toBe(200);
    expect((await ask({}, basic("reports", ordersSecret))).status).toBe(200);
    expect((await ask({ client_id: "reports" }, basic("reports", ordersSecret))).status).toBe(200);
  });

  it("T-067: an assertion is good once: 50 at a time on two nodes, and never again", async () => {
    const other = await openNode(besides(node, nodes.database().source), { ...options, clock: node.clock });
    try {
      const form = { ...asserted(node, "orders-api", ordersKey), resource: billingAudience };
      const race = await Promise.all(
        Array.from({ length: 50 }, (_, index) => ask(form, {}, index % 2 === 0 ? node : other)),
      );
      expect(race.filter(({ status }) => status === 200)).toHaveLength(1);
      const losers = race.filter(({ status }) => status !== 200);
      expect(new Set(losers.map(({ status, body }) => `${status} ${body.error}`))).toEqual(
        new Set(["401 invalid_client"]),
      );
      expect((await ask(form, {}, other)).status).toBe(401);
      // within the tolerance after `exp`, and with the clock set back behind it
      node.clock.advance({ seconds: 65 });
      expect((await ask(form)).status).toBe(401);
      node.clock.set(node.clock.nowMs() - 60_000);
      expect((await ask(form)).status).toBe(401);
    } finally {
      await other.stop();
    }
  });

  it("T-067: a replay is refused after a restart, and after old uses were swept", async () => {
    if (nodes.database().address === undefined) return;
    const form = { ...asserted(node, "orders-api", ordersKey), resource: billingAudience };
    expect((await ask(form)).status).toBe(200);
    const { clock } = node;
    await node.stop();
    const restarted = await openNode(nodes.database().source(), { ...options, clock });
    expect((await ask(form, {}, restarted)).status).toBe(401);
    await restarted.stop();
  });

  it("T-067: the same jti of another client, or another jti, is another use", async () => {
    const jti = "one-for-both";
    const of = (id: string, key: typeof ordersKey) => ({
      client_assertion_type: assertionType,
      client_assertion: assertionOf(node, id, key, { jti }),
    });
    expect((await ask({ ...of("orders-api", ordersKey), resource: billingAudience })).status).toBe(200);
    // refused for its grant, that is: after it was known to be the client
    expect(await ask(of("billing-api", billingKey))).toMatchObject({
      status: 400,
      body: { error: "unauthorized_client" },
    });
    expect((await ask(of("orders-api", ordersKey))).status).toBe(401);
  });

  it("T-077: refuses everybody else in one way", async () => {
    const [good, stranger] = [asserted(node, "orders-api", ordersKey), clientKey("orders-1")];
    const refused: Readonly<
      Record<string, readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>?]>
    > = {
      "nobody at all": [{}],
      "an unknown id": [{ client_id: "nobody" }],
      "an unknown id with a secret": [{}, basic("nobody", ordersSecret)],
      "an unknown id with an assertion": [asserted(node, "nobody", ordersKey)],
      "a name of the language": [{}, basic("__proto__", "x")],
      "a wrong secret": [{}, basic("reports", `${ordersSecret}x`)],
      "no secret": [{}, basic("reports", "")],
      "a secret's digest": [{}, basic("reports", "ZTNiMGM0NDI5OGZjMWMxNDlhZmJmNGM4OTk2ZmI5")],
      "no colon": [{}, { authorization: `Basic ${Buffer.from("reports").toString("base64")}` }],
      "an escape cut short": [{}, { authorization: `Basic ${Buffer.from("reports:%E0%A4%A").toString("base64")}` }],
      "a secret in the body": [{ client_id: "reports", client_secret: ordersSecret }],
      "a secret for a client with a key": [{}, basic("orders-api", ordersSecret)],
      "a key for a client with a secret": [asserted(node, "reports", ordersKey)],
      "a name alone for a client with a key": [{ client_id: "orders-api" }],
      "a name alone for a client with a secret": [{ client_id: "reports" }],
      "somebody else's key": [asserted(node, "orders-api", billingKey)],
      "a key under a good kid": [asserted(node, "orders-api", stranger)],
      "another client_id beside the assertion": [{ ...good, client_id: "billing-api" }],
      "another client_id beside the header": [{ client_id: "orders-api" }, basic("reports", ordersSecret)],
      "an assertion without its type": [{ client_assertion: good["client_assertion"] ?? "" }],
      "a type without its assertion": [{ client_assertion_type: assertionType }],
      "an assertion of another type": [
        { ...good, client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:saml2-bearer" },
      ],
      "a type in capitals": [{ ...good, client_assertion_type: assertionType.toUpperCase() }],
      "an empty assertion": [{ ...good, client_assertion: "" }],
      "an access token as assertion": [{ ...good, client_assertion: (await askOrders()).body.access_token ?? "" }],
      "an account that was never made": [{}, basic("service_01890000000070008000000000000000", ordersSecret)],
    };
    for (const [name, [form, headers]] of Object.entries(refused)) {
      expect(await ask(form, headers), name).toMatchObject({ status: 401, body: { error: "invalid_client" } });
    }
    // the good one was not spent by any of that
    expect((await ask({ ...good, resource: billingAudience })).status).toBe(200);
  });

  it("RFC 6749 section 2.3: credentials in two ways at once are one too many", async () => {
    const good = asserted(node, "orders-api", ordersKey);
    const twice = { status: 400, body: { error: "invalid_request" } };
    expect(await ask(good, basic("reports", ordersSecret))).toMatchObject(twice);
    expect(await ask({ ...good, client_secret: "x" })).toMatchObject(twice);
    expect(await ask({ client_secret: ordersSecret }, basic("reports", ordersSecret))).toMatchObject(twice);
  });

  it("T-083: a credential that comes twice is refused", async () => {
    const form = new URLSearchParams({ ...grant, ...asserted(node, "orders-api", ordersKey) });
    form.append("client_assertion", form.get("client_assertion") ?? "");
    expect(await postForm(node, "token", form.toString())).toMatchObject({
      status: 400,
      body: { error: "invalid_request" },
    });
  });

  it("R115: a client of the configuration ends when it was said to", async () => {
    const [clock, expiresAt] = [node.clock, new Date(node.clock.nowMs() + 3_600_000).toISOString()];
    const short = { ...services.reports, expiresAt };
    const ending = await openNode(besides(node, nodes.database().source), { services: { reports: short }, clock });
    try {
      clock.advance({ minutes: 59 });
      const { body } = await ask({}, basic("reports", ordersSecret), ending);
      expect(body).toMatchObject({ expires_in: 60 });
      clock.advance({ minutes: 1 });
      expect(await ask({}, basic("reports", ordersSecret), ending)).toMatchObject({
        body: { error: "invalid_client" },
      });
    } finally {
      await ending.stop();
    }
  });

  it("T-061: keys come from the client's own address, are kept, and follow a rotation", async () => {
    const asked: string[] = [];
    let keys = [ordersKey.jwk];
    const fetch = async (url: string | URL | Request) => {
      asked.push(String(url));
      return Response.json({ keys });
    };
    const remote = {
      ...services["orders-api"],
      authentication: { method: "private_key_jwt", jwksUri: "https://orders.example.com/jwks.json" } as const,
    };
    const random = createSeededRandom("remote keys");
    const clock = node.clock;
    const on = await openNode(besides(node, nodes.database().source), {
      services: { "orders-api": remote },
      clock,
      fetch,
      random,
    });
    try {
      const by = (key: typeof ordersKey) =>
        ask({ ...asserted(node, "orders-api", key), resource: billingAudience }, {}, on);
      expect([(await by(ordersKey)).status, (await by(ordersKey)).status]).toEqual([200, 200]);
      expect(asked).toEqual(["https://orders.example.com/jwks.json"]);
      const next = clientKey("orders-2");
      expect((await by(next)).status).toBe(401);
      keys = [ordersKey.jwk, next.jwk];
      clock.advance({ seconds: 31 });
      expect((await by(next)).status).toBe(200);
      // T-068: a flood of unknown kids costs one request a cool-down
      for (let index = 0; index < 20; index += 1) await by(clientKey(`unknown-${index}`));
      expect(asked.length).toBeLessThanOrEqual(3);
    } finally {
      await on.stop();
    }
  });

  it("T-072: neither secrets nor assertions get into the store, the events or the log", async () => {
    const form = asserted(node, "orders-api", ordersKey);
    const secret = (await ask({}, basic("reports", ordersSecret))).body.access_token ?? "";
    const { body } = await ask({ ...form, resource: billingAudience });
    let dump = "";
    for (const table of ["segno_clients", "segno_once", "segno_outbox"] as const)
      dump += JSON.stringify(await node.engine.store.db.selectFrom(table).selectAll().execute());
    for (const text of [ordersSecret, form["client_assertion"] ?? "", secret, body.access_token ?? ""]) {
      expect(dump).not.toContain(text);
      expect(dump).not.toContain(text.slice(-40));
    }
    expect(payloadOf(body.access_token ?? "")).toMatchObject({ iss: origin, sub: "orders-api" });
  });
});

describe("options of clients", () => {
  const faultOf = (id: string, service: object): string => {
    try {
      void createSegno({
        baseUrl: origin,
        secret: "1:a-secret-0123456789-abcdefghijklmnopq",
        production: false,
        database: ":memory:",
        tokens: { clients: ["segno"], introspectionClients: { rs: "introspection-secret-0123" } },
        services: { [id]: service as never },
      }).close();
      return "accepted";
    } catch (error) {
      return error instanceof TypeError ? error.message : String(error);
    }
  };
  const good = services.reports;

  it("T-018: a fault stops the start and says which client it is about, without a secret", () => {
    expect(faultOf("reports", good)).toBe("accepted");
    const bad: readonly (readonly [string, object, RegExp])[] = [
      ["reports", { ...good, scope: "x" }, /services\["reports"\].scope: there is no such option/],
      ["0189d0a1-0000-7000-8000-000000000000", good, /must not look like a user's id/],
      ["service_x", good, /made at run time/],
      ["segno", good, /public client of this id/],
      ["rs", good, /introspectionClients has this id/],
      ["a b", good, /letters, digits/],
      ["reports", { ...good, audiences: [] }, /audiences: must name/],
      ["reports", { ...good, scopes: ["a b"] }, /no scope/],
      ["reports", { ...good, scopes: ['"'] }, /no scope/],
      ["reports", { ...good, grants: [] }, /grants/],
      ["reports", { ...good, grants: ["password"] }, /grants/],
      ["reports", { ...good, accessTokenSeconds: 3_601 }, /accessTokenSeconds/],
      ["reports", { ...good, accessTokenSeconds: 0 }, /accessTokenSeconds/],
      ["reports", { ...good, expiresAt: "soon" }, /expiresAt/],
      ["reports", { ...good, mayActFor: { audiences: ["x"] } }, /mayActFor/],
      ["reports", { ...good, grants: ["token_exchange"] }, /mayActFor/],
      [
        "reports",
        { ...good, grants: ["token_exchange"], audiences: [origin], mayActFor: { audiences: ["x"] } },
        /nobody may act for a user/,
      ],
      ["reports", { ...good, authentication: { method: "client_secret_basic", secret: "short" } }, /32 characters/],
      ["reports", { ...good, authentication: { method: "client_secret_post", secret: ordersSecret } }, /method/],
      ["reports", { ...good, authentication: { method: "private_key_jwt" } }, /jwks or jwksUri/],
      ["reports", { ...good, authentication: { method: "private_key_jwt", jwks: { keys: [] } } }, /no key/],
      [
        "reports",
        { ...good, authentication: { method: "private_key_jwt", jwks: { keys: [{ ...ordersKey.jwk, d: "AA" }] } } },
        /private key material/,
      ],
      ["reports", { ...good, authentication: { method: "private_key_jwt", jwksUri: "http://evil.example" } }, /https/],
      ["reports", { scopes: [] }, /needs authentication and audiences/],
      [
        "reports",
        {
          ...good,
          authentication: { method: "private_key_jwt", jwks: { keys: [ordersKey.jwk] }, algorithms: ["HS256"] },
        },
        /algorithms: must be among/,
      ],
      ["reports", { ...good, authentication: { method: "tls_client_auth" } }, /exactly one of/],
      ["reports", { ...good, authentication: { method: "tls_client_auth", dns: "a", uri: "b" } }, /exactly one of/],
      [
        "reports",
        { ...good, authentication: { method: "self_signed_tls_client_auth", thumbprints: ["x"] } },
        /SHA-256/,
      ],
    ];
    for (const [id, service, fault] of bad) {
      expect(faultOf(id, service), String(fault)).toMatch(fault);
      expect(faultOf(id, service)).not.toContain(ordersSecret);
    }
  });
});
