import { generateDpopKeyPair, type DpopKeyPair, verifyDpopProof } from "@segno/core";
import { describe, expect, it } from "vitest";
import { createServiceDouble, fakeJwt, json, openTab, snapshotOf } from "./service.double.js";

const api = "https://api.example.com/orders?x=1";

function dpopTab(service = createServiceDouble()) {
  let pair: Promise<DpopKeyPair> | undefined;
  const proofKeys = { load: () => (pair ??= generateDpopKeyPair()) };
  service.setCookie("ada");
  const tokens = service.answers;
  tokens.set("POST /v1/session/token", () =>
    json({
      accessToken: fakeJwt({ sid: "sid-ada", iat: Math.floor(Date.now() / 1000), jti: service.seen.length }),
      tokenType: "DPoP",
      expiresInSeconds: 300,
      scope: "",
    }),
  );
  const client = openTab(service, {
    dpop: true,
    proofKeys,
    apiOrigins: ["https://api.example.com"],
    initialSession: snapshotOf("ada"),
  });
  return { client, service };
}

describe("client.fetch", () => {
  it("adds the token, keeps the caller's headers", async () => {
    const service = createServiceDouble();
    service.setCookie("ada");
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    await client.fetch("https://app.example.com/orders", { headers: { "x-mine": "1" } });
    const sent = service.seen.at(-1)?.headers;
    expect(sent?.get("authorization")).toMatch(/^Bearer /);
    expect(sent?.get("x-mine")).toBe("1");
  });

  it("refuses to show the token to an origin that is not listed", async () => {
    const service = createServiceDouble();
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    await expect(client.fetch("https://evil.example/collect")).rejects.toThrow(TypeError);
    await expect(client.fetch("https://app.example.com.evil.example/")).rejects.toThrow(/apiOrigins/);
    await expect(client.fetch("//evil.example/")).rejects.toThrow(/apiOrigins/);
    expect(service.seen).toHaveLength(0);
  });

  it("goes without a token when nobody is signed in, and fails like fetch when no token can be had", async () => {
    const service = createServiceDouble();
    const client = openTab(service, { initialSession: null });
    await client.fetch("https://app.example.com/orders");
    expect(service.seen.at(-1)?.headers.has("authorization")).toBe(false);
    const other = openTab(service, { initialSession: snapshotOf("ada") });
    service.faults.push("offline", "offline", "offline");
    await expect(other.fetch("https://app.example.com/orders")).rejects.toMatchObject({ cause: { code: "network" } });
  });

  it("renews a token that the API calls invalid, once", async () => {
    const service = createServiceDouble();
    service.setCookie("ada");
    const client = openTab(service, { initialSession: snapshotOf("ada") });
    const refuse = () =>
      new Response("", { status: 401, headers: { "www-authenticate": 'Bearer error="invalid_token"' } });
    service.answers.set("GET /orders", refuse);
    expect((await client.fetch("https://app.example.com/orders")).status).toBe(401);
    const sent = service.seen
      .filter((request) => request.path === "/orders")
      .map((request) => request.headers.get("authorization"));
    expect(sent).toHaveLength(2);
    expect(sent[0]).not.toBe(sent[1]);
    expect(client.session.get().status).toBe("signed_in");
  });

  it("proves possession for the session token and for each call (RFC 9449 section 4.3)", async () => {
    const { client, service } = dpopTab();
    await client.fetch(api, { method: "POST", body: "{}" });
    const [bought, called] = service.seen;
    const nowSeconds = Math.floor(Date.now() / 1000);
    const first = await verifyDpopProof({
      proof: bought?.headers.get("dpop") ?? "",
      method: "POST",
      url: "https://app.example.com/api/auth/v1/session/token",
      nowSeconds,
    });
    const accessToken = called?.headers.get("authorization")?.replace("DPoP ", "") ?? "";
    const second = await verifyDpopProof({
      proof: called?.headers.get("dpop") ?? "",
      method: "POST",
      url: api,
      accessToken,
      expectedJkt: first.jkt,
      nowSeconds,
    });
    expect(second.jti).not.toBe(first.jti);
  });

  it("answers a nonce request once, then keeps using the nonce (RFC 9449 section 8)", async () => {
    const { client, service } = dpopTab();
    const nonces: unknown[] = [];
    service.answers.set("GET /orders", (request) => {
      const proof = request.headers.get("dpop") ?? "";
      const { nonce } = JSON.parse(Buffer.from(proof.split(".")[1] ?? "", "base64url").toString());
      nonces.push(nonce);
      if (nonce === "n1") return json({ ok: true });
      return new Response("", {
        status: 401,
        headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n1" },
      });
    });
    expect((await client.fetch(api)).status).toBe(200);
    expect((await client.fetch(api)).status).toBe(200);
    expect(nonces).toEqual([undefined, "n1", "n1"]);
    service.answers.set("GET /orders", (request) => {
      nonces.push(request.headers.get("dpop"));
      return new Response("", {
        status: 401,
        headers: { "www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": `n${nonces.length}` },
      });
    });
    expect((await client.fetch(api)).status).toBe(401);
    expect(nonces).toHaveLength(5);
  });
});
