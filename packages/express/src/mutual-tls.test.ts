// Client certificates end to end: a real TLS server, certificates made by OpenSSL, and nginx in front.
import { request as httpRequest } from "node:http";
import { createServer, request as httpsRequest, type RequestOptions } from "node:https";
import type { AddressInfo } from "node:net";
import { createTestSegno, createVirtualClock, type TestSegno, type TestSegnoOptions } from "@segno/testing";
import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAuthority, noOpenssl, type TestAuthority, type TestCertificate } from "../test/certificates.js";
import { noNginx, startNginx } from "../test/nginx.js";
import { getAuth, requireAccessToken, requireAuth, segnoMiddleware, toExpress } from "./index.js";

const isRequired = process.env.SEGNO_REQUIRE_PEERS === "1";
const audience = "https://orders.example.com";
const origin = "https://app.example.com";
const spiffe = "spiffe://example.com/orders";

interface Sent {
  readonly certificate?: TestCertificate | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly form?: Readonly<Record<string, string>>;
  readonly localAddress?: string;
}
interface Got {
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
}

/** One request over a connection of its own, with the client's certificate if it has one. */
function send(to: { port: number; isPlain?: boolean }, path: string, sent: Sent = {}): Promise<Got> {
  const { certificate, headers = {}, form, localAddress } = sent;
  const options: RequestOptions = {
    host: "127.0.0.1",
    port: to.port,
    path,
    method: form === undefined ? "GET" : "POST",
    agent: false,
    rejectUnauthorized: false,
    headers: { ...(form === undefined ? {} : { "content-type": "application/x-www-form-urlencoded" }), ...headers },
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(certificate === undefined ? {} : { cert: certificate.cert, key: certificate.key }),
  };
  return new Promise((resolve, reject) => {
    const sending = (to.isPlain === true ? httpRequest : httpsRequest)(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      response.on("end", () => {
        const isJson = text.startsWith("{");
        resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : { text } });
      });
    });
    sending.on("error", reject);
    sending.end(form === undefined ? undefined : new URLSearchParams(form).toString());
  });
}

const cnfOf = (token = ""): unknown =>
  (JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString()) as { cnf?: unknown }).cnf;

describe.runIf(noOpenssl === undefined || isRequired)("client certificates", () => {
  let authority: TestAuthority;
  let orders: TestCertificate;
  let billing: TestCertificate;
  let pinned: TestCertificate;
  let pretender: TestCertificate;
  let named: TestCertificate;
  let quoted: TestCertificate;
  let server: TestCertificate;
  const opened: (() => unknown)[] = [];

  beforeAll(() => {
    authority = createAuthority();
    server = authority.issue("server", "/CN=localhost", ["DNS:localhost"]);
    orders = authority.issue("orders", "/O=Example/CN=orders");
    billing = authority.issue("billing", "/O=Example/CN=billing");
    named = authority.issue("named", "/CN=anything", ["DNS:orders.internal", `URI:${spiffe}`]);
    quoted = authority.issue("quoted", "/CN=anything", ["URI:http://x/, DNS:orders.internal, URI:http://y/"]);
    pinned = authority.selfSign("pinned", "/CN=pinned");
    pretender = authority.selfSign("pretender", "/O=Example/CN=orders", ["DNS:orders.internal"]);
  });
  afterAll(async () => {
    for (const close of opened.reverse()) await close();
    authority.remove();
  });

  const services = () => ({
    orders: {
      authentication: { method: "tls_client_auth", subject: "CN=orders,O=Example" } as const,
      scopes: ["orders:read"],
      audiences: [audience, origin],
    },
    dns: { authentication: { method: "tls_client_auth", dns: "orders.internal" } as const, audiences: [audience] },
    spiffe: { authentication: { method: "tls_client_auth", uri: spiffe } as const, audiences: [audience] },
    pinned: {
      authentication: { method: "self_signed_tls_client_auth", thumbprints: [pinned.thumbprint] } as const,
      audiences: [audience],
    },
  });

  async function openEngine(options: TestSegnoOptions = {}): Promise<TestSegno> {
    const test = await createTestSegno({
      services: services(),
      rateLimit: false,
      clock: createVirtualClock(Date.now()),
      ...options,
    });
    opened.push(() => test.close());
    return test;
  }

  /** The engine and an API beside it, as one application. */
  function appOf(test: TestSegno, api: Partial<Parameters<typeof requireAccessToken>[0]> = {}) {
    const app = express();
    app.set("env", "test");
    app.use("/api/auth", toExpress(test.segno));
    const common = { issuer: test.origin, audience, jwksUrl: `${test.origin}/.well-known/jwks.json` };
    const check = { ...common, clock: test.clock, fetch: (url: string) => test.fetch(url) };
    app.get("/orders", requireAccessToken({ ...check, caller: "any", ...api }), (req, res) => {
      const auth = getAuth(req);
      res.json({ status: auth.status, client: auth.status === "service" ? auth.clientId : "" });
    });
    app.use(segnoMiddleware(test.segno));
    app.get("/jobs", requireAuth({ caller: "service" }), (req, res) => void res.json({ status: getAuth(req).status }));
    app.get("/people", requireAuth(), (_req, res) => void res.json({}));
    return app;
  }

  async function listenTls(app: express.Express): Promise<{ port: number }> {
    const tls = createServer(
      { key: server.key, cert: server.cert, ca: authority.ca, requestCert: true, rejectUnauthorized: false },
      app,
    );
    await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
    opened.push(() => {
      tls.closeAllConnections();
      tls.close();
    });
    return { port: (tls.address() as AddressInfo).port };
  }

  const ask = (to: { port: number; isPlain?: boolean }, client: string, sent: Sent = {}, resource = audience) =>
    send(to, "/api/auth/oauth2/token", {
      ...sent,
      form: { grant_type: "client_credentials", client_id: client, resource },
    });
  const refused = { status: 401, body: { error: "invalid_client" } };

  describe("on the TLS socket itself", () => {
    let test: TestSegno;
    let to: { port: number };
    beforeAll(async () => {
      test = await openEngine();
      to = await listenTls(appOf(test));
    });

    it("RFC 8705 section 2.1: a trusted certificate is a client by its subject or a name, and exactly so", async () => {
      expect((await ask(to, "orders", { certificate: orders })).status).toBe(200);
      expect((await ask(to, "dns", { certificate: named })).status).toBe(200);
      expect((await ask(to, "spiffe", { certificate: named })).status).toBe(200);
      for (const [client, certificate] of [
        ["orders", undefined],
        ["orders", billing],
        ["orders", named],
        ["orders", pinned],
        // the same subject and name, but nobody vouches for it
        ["orders", pretender],
        ["dns", pretender],
        // a URI that spells like a list of names (CVE-2021-44532)
        ["dns", quoted],
        ["dns", orders],
        ["spiffe", orders],
        ["pinned", orders],
        ["pinned", pretender],
        ["nobody", orders],
      ] as const) {
        expect(await ask(to, client, { certificate }), client).toMatchObject(refused);
      }
    });

    it("RFC 8705 section 2.2: a certificate that nobody signed is a client when it is the very one, in its time", async () => {
      expect((await ask(to, "pinned", { certificate: pinned })).status).toBe(200);
      test.clock.advance({ days: 2 });
      expect(await ask(to, "pinned", { certificate: pinned })).toMatchObject(refused);
      test.clock.advance({ days: -2 });
    });

    it("RFC 8705 section 3: the token is bound to the certificate and worth nothing without it", async () => {
      const { body } = await ask(to, "orders", { certificate: orders });
      expect(body).toMatchObject({ token_type: "Bearer" });
      expect(cnfOf(body["access_token"])).toEqual({ "x5t#S256": orders.thumbprint });
      const headers = { authorization: `Bearer ${body["access_token"]}` };
      expect(await send(to, "/orders", { headers, certificate: orders })).toMatchObject({
        status: 200,
        body: { status: "service", client: "orders" },
      });
      for (const certificate of [undefined, billing, pinned, pretender]) {
        expect(await send(to, "/orders", { headers, certificate })).toMatchObject({
          status: 401,
          body: { code: "invalid_token" },
        });
      }
    });

    it("the engine's own routes ask for the certificate as well", async () => {
      const { body } = await ask(to, "orders", { certificate: orders }, origin);
      const headers = { authorization: `Bearer ${body["access_token"]}` };
      expect((await send(to, "/jobs", { headers, certificate: orders })).body).toEqual({ status: "service" });
      expect((await send(to, "/jobs", { headers })).status).toBe(401);
      expect((await send(to, "/jobs", { headers, certificate: billing })).status).toBe(401);
      // T-064: and no service is a person
      expect(await send(to, "/people", { headers, certificate: orders })).toMatchObject({
        status: 403,
        body: { code: "forbidden" },
      });
    });

    it("T-030, T-031: a header is nothing where no proxy is listed", async () => {
      const header = encodeURIComponent(orders.cert);
      for (const name of ["client-cert", "x-client-cert", "client_cert", "x-ssl-client-cert"]) {
        expect(await ask(to, "orders", { headers: { [name]: header, "x-client-verify": "SUCCESS" } })).toMatchObject(
          refused,
        );
      }
    });
  });

  describe("behind a proxy that is listed", () => {
    const header = "x-client-cert";
    const proxied: TestSegnoOptions = {
      clientIp: { source: "forwarded", trustedProxies: ["127.0.0.1"] },
      clientCertificate: { header, verifiedHeader: "x-client-verify" },
    };
    const api = { clientCertificate: { header, trustedProxies: ["127.0.0.1/32"] } };

    async function listenPlain(app: express.Express): Promise<{ port: number; isPlain: true }> {
      const plain = app.listen(0, "127.0.0.1");
      await new Promise((resolve) => plain.once("listening", resolve));
      opened.push(() => {
        plain.closeAllConnections();
        plain.close();
      });
      return { port: (plain.address() as AddressInfo).port, isPlain: true };
    }
    const shown = (certificate: TestCertificate, verify = "SUCCESS") => ({
      [header]: encodeURIComponent(certificate.cert),
      "x-client-verify": verify,
    });

    it("T-030: the header counts from the proxy's address, and from no other", async () => {
      const to = await listenPlain(appOf(await openEngine(proxied), api));
      const headers = shown(orders);
      const { status, body } = await ask(to, "orders", { headers });
      expect(status).toBe(200);
      expect(cnfOf(body["access_token"])).toEqual({ "x5t#S256": orders.thumbprint });
      expect(await ask(to, "orders", { headers, localAddress: "127.0.0.2" })).toMatchObject(refused);
      const bearer = { authorization: `Bearer ${body["access_token"]}` };
      expect((await send(to, "/orders", { headers: { ...bearer, ...headers } })).status).toBe(200);
      expect((await send(to, "/orders", { headers: { ...bearer, ...shown(billing) } })).status).toBe(401);
      expect((await send(to, "/orders", { headers: bearer })).status).toBe(401);
      const elsewhere = { headers: { ...bearer, ...headers }, localAddress: "127.0.0.2" };
      expect((await send(to, "/orders", elsewhere)).status).toBe(401);
      // what the proxy says of the chain counts to the letter
      for (const verify of ["NONE", "FAILED:self-signed certificate", "success", "SUCCESS, SUCCESS", ""]) {
        expect(await ask(to, "orders", { headers: shown(orders, verify) }), verify).toMatchObject(refused);
      }
      for (const value of ["", "x", orders.thumbprint, `${encodeURIComponent(orders.cert)}, x`]) {
        expect(await ask(to, "orders", { headers: { ...headers, [header]: value } }), value).toMatchObject(refused);
      }
    });

    it("the connection's own certificate is the proxy's there, and no client's", async () => {
      const to = await listenTls(appOf(await openEngine(proxied), api));
      expect(await ask(to, "orders", { certificate: orders })).toMatchObject(refused);
      const { status, body } = await ask(to, "orders", { certificate: billing, headers: shown(orders) });
      expect(status).toBe(200);
      const bearer = { authorization: `Bearer ${body["access_token"]}` };
      expect((await send(to, "/orders", { certificate: orders, headers: bearer })).status).toBe(401);
      expect(
        (await send(to, "/orders", { certificate: billing, headers: { ...bearer, ...shown(orders) } })).status,
      ).toBe(200);
      // from an address that is not the proxy's it is a client like any other
      expect((await ask(to, "orders", { certificate: orders, localAddress: "127.0.0.2" })).status).toBe(200);
    });

    it("without a word about the chain no certificate is a client by its name", async () => {
      const { verifiedHeader: _, ...silent } = { header, verifiedHeader: "x" };
      const to = await listenPlain(appOf(await openEngine({ ...proxied, clientCertificate: silent }), api));
      expect(await ask(to, "orders", { headers: shown(orders) })).toMatchObject(refused);
      expect((await ask(to, "pinned", { headers: shown(pinned) })).status).toBe(200);
    });

    it.runIf(noNginx === undefined || isRequired)("nginx ends TLS and says who came", async () => {
      const to = await listenPlain(appOf(await openEngine(proxied), api));
      const nginx = await startNginx(`http://127.0.0.1:${to.port}`, {
        listen: " ssl",
        lines: [
          `ssl_certificate ${server.certFile};`,
          `ssl_certificate_key ${server.keyFile};`,
          `ssl_client_certificate ${authority.caFile};`,
          "ssl_verify_client optional_no_ca;",
          `proxy_set_header ${header} $ssl_client_escaped_cert;`,
          "proxy_set_header x-client-verify $ssl_client_verify;",
          "proxy_set_header x-forwarded-for $remote_addr;",
        ],
      });
      opened.push(() => nginx.stop());
      const front = { port: Number(new URL(nginx.origin).port) };
      const { status, body } = await ask(front, "orders", { certificate: orders });
      expect(status).toBe(200);
      expect(cnfOf(body["access_token"])).toEqual({ "x5t#S256": orders.thumbprint });
      expect((await ask(front, "pinned", { certificate: pinned })).status).toBe(200);
      for (const certificate of [undefined, billing, pretender]) {
        expect(await ask(front, "orders", { certificate, headers: shown(orders) })).toMatchObject(refused);
      }
      const headers = { authorization: `Bearer ${body["access_token"]}` };
      expect((await send(front, "/orders", { certificate: orders, headers })).status).toBe(200);
      expect((await send(front, "/orders", { certificate: billing, headers })).status).toBe(401);
      expect((await send(front, "/orders", { headers: { ...headers, ...shown(orders) } })).status).toBe(401);
    });
    if (noNginx !== undefined && !isRequired) it.skip(`nginx ends TLS: ${noNginx}`, () => {});
  });

  it("T-018: options that cannot be right stop the start", () => {
    const base = { issuer: origin, audience };
    const made = (clientCertificate: object) => () =>
      requireAccessToken({ ...base, clientCertificate: clientCertificate as never });
    expect(made({ header: "x-client-cert", trustedProxies: ["10.0.0.0/8", "::1"] })).not.toThrow();
    for (const bad of [
      { header: "x-client-cert", trustedProxies: [] },
      { header: "x-client-cert", trustedProxies: ["proxy.internal"] },
      { header: "x-client-cert", trustedProxies: ["10.0.0.0/33"] },
      { header: "x-client-cert", trustedProxies: ["10.0.0.0/8/8"] },
      { header: "a b", trustedProxies: ["10.0.0.1"] },
    ]) {
      expect(made(bad), JSON.stringify(bad)).toThrow();
    }
  });
});

if (noOpenssl !== undefined && !isRequired) it.skip(`client certificates: ${noOpenssl}`, () => {});
