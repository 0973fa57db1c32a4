import { createServer } from "node:http";
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { createVirtualClock, custodyContract } from "@segno/testing";
import { compactVerify, importJWK, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { asVaultRoot, prepareVault, realVault, skippedPeer, vaultToken } from "../../../test/custody-peers.js";
import type { VaultLogin } from "./vault-login.js";
import { vaultRemote } from "./vault-remote.js";
import { vaultWrapped } from "./vault-wrapped.js";

const context = { purpose: "access_token", kid: "kid-1" } as const;
const key = new TextEncoder().encode("a private key");
const soon = (): AbortSignal => AbortSignal.timeout(15_000);
const secret = `secret-${randomUUID()}`;

describe.skipIf(realVault === undefined)(`Vault, a real server (${realVault ? "started" : skippedPeer})`, () => {
  const address = realVault?.address ?? "";
  let at: Awaited<ReturnType<typeof prepareVault>>;
  const tokens = { wrapped: "", remote: "" };
  beforeAll(async () => {
    at = await prepareVault();
    tokens.wrapped = await vaultToken(at.wrapped);
    tokens.remote = await vaultToken(at.remote);
  });
  const given = (mode: "wrapped" | "remote"): { address: string; mount: string; login: VaultLogin } => ({
    address,
    mount: at.mount,
    login: { method: "token", token: tokens[mode] },
  });

  custodyContract(
    { name: "Vault, wrapped", create: async () => vaultWrapped(given("wrapped")), secrets: ["hvs."] },
    { describe, it },
  );
  custodyContract(
    {
      name: "Vault, remote",
      create: async () => vaultRemote(given("remote")),
      algorithms: ["ES256", "EdDSA"],
      secrets: ["hvs."],
      verify: async (jws, jwk) =>
        await compactVerify(jws, await importJWK(jwk, jwk["kty"] === "EC" ? "ES256" : "EdDSA")),
    },
    { describe, it },
  );

  it("takes up a new version of the transit key, and still opens what the old one wrapped", async () => {
    const custody = vaultWrapped(given("wrapped"));
    const old = await custody.wrap(key, context, soon());
    expect(await custody.rewrap?.(old, context, soon())).toBeUndefined();
    await asVaultRoot("POST", `${at.mount}/keys/segno/rotate`);
    const fresh = (await custody.rewrap?.(old, context, soon())) ?? "";
    expect([old.split(":")[1], fresh.split(":")[1]]).toEqual(["v1", "v2"]);
    for (const wrapped of [old, fresh])
      expect(await custody.unwrap(wrapped, context, soon())).toEqual(Buffer.from(key));
    await asVaultRoot("POST", `${at.mount}/keys/segno/config`, { min_decryption_version: 2 });
    await expect(custody.unwrap(old, context, soon())).rejects.toMatchObject({ code: "key_unavailable" });
    await custody.close?.();
  });

  it("binds a key also where the transit key is a derived one", async () => {
    await asVaultRoot("POST", `${at.mount}/keys/derived`, { type: "aes256-gcm96", derived: true });
    const custody = vaultWrapped({
      ...given("wrapped"),
      key: "derived",
      login: { method: "token", token: realVault?.rootToken ?? "" },
    });
    await custody.check(soon());
    const wrapped = await custody.wrap(key, context, soon());
    await expect(custody.unwrap(wrapped, { ...context, kid: "kid-2" }, soon())).rejects.toMatchObject({
      detail: { reason: "does_not_open" },
    });
  });

  it("R091: makes keys that cannot be exported, and refuses one that can", async () => {
    const custody = vaultRemote(given("remote"));
    const made = await custody.generate({ purpose: "access_token", algorithm: "ES256" }, soon());
    const name = made.handle.split(":")[0];
    await expect(asVaultRoot("GET", `${at.mount}/export/signing-key/${name}`)).rejects.toThrow(/not exportable/);
    await expect(asVaultRoot("GET", `${at.mount}/backup/${name}`)).rejects.toThrow(/40[0-9]|500/);
    await custody.close?.();
  });

  it.each([
    ["wrapped", "remote"],
    ["remote", "wrapped"],
  ] as const)("says that the policy is missing, when %s has the token of %s", async (mode, other) => {
    const options = { ...given(mode), login: { method: "token", token: tokens[other] } } as const;
    const custody = mode === "wrapped" ? vaultWrapped(options) : vaultRemote(options);
    await expect(custody.check(soon())).rejects.toMatchObject({
      code: "key_unavailable",
      message: expect.stringMatching(/policy/),
    });
  });

  it("says that there is no such mount", async () => {
    const custody = vaultWrapped({
      ...given("wrapped"),
      mount: "nowhere",
      login: { method: "token", token: realVault?.rootToken ?? "" },
    });
    await expect(custody.check(soon())).rejects.toMatchObject({ detail: { status: 404, reason: "not_found" } });
  });

  it("signs in by AppRole, and gives its token back", async () => {
    await asVaultRoot("POST", "sys/auth/approle", { type: "approle" }).catch(() => undefined);
    await asVaultRoot("POST", "auth/approle/role/shop", { token_policies: [at.wrapped], token_ttl: "20m" });
    const { data: role } = (await asVaultRoot("GET", "auth/approle/role/shop/role-id")) as unknown as {
      data: { role_id: string };
    };
    const { data: made } = (await asVaultRoot("POST", "auth/approle/role/shop/secret-id")) as unknown as {
      data: { secret_id: string };
    };
    const login = { method: "approle", roleId: role.role_id, secretId: async () => made.secret_id } as const;
    const seen: string[] = [];
    const spied: typeof fetch = async (input, init) => {
      seen.push(new Headers(init?.headers).get("X-Vault-Token") ?? "");
      return await fetch(input, init);
    };
    const custody = vaultWrapped({ ...given("wrapped"), login, fetch: spied });
    await custody.check(soon());
    const token = seen.find((text) => text !== "") ?? "";
    await custody.close?.();
    await expect(asVaultRoot("POST", "auth/token/lookup", { token })).rejects.toThrow(/403|bad token/);

    const wrong = vaultWrapped({ ...given("wrapped"), login: { ...login, secretId: secret } });
    const error: unknown = await wrong.check(soon()).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "key_unavailable", message: expect.stringContaining("sign in with approle") });
    expect(String(error)).not.toContain(secret);
  });

  describe("by the identity of the workload", () => {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const jwt = (audience: string): Promise<string> =>
      new SignJWT({})
        .setProtectedHeader({ alg: "ES256" })
        .setIssuer("https://ci.example")
        .setAudience(audience)
        .setSubject("shop")
        .setIssuedAt()
        .setExpirationTime("5m")
        .sign(pair.privateKey);

    it("signs in by JWT, read anew at each login", async () => {
      await asVaultRoot("POST", "sys/auth/jwt", { type: "jwt" });
      await asVaultRoot("POST", "auth/jwt/config", {
        jwt_validation_pubkeys: [pair.publicKey.export({ type: "spki", format: "pem" })],
        bound_issuer: "https://ci.example",
      });
      await asVaultRoot("POST", "auth/jwt/role/shop", {
        role_type: "jwt",
        user_claim: "sub",
        bound_audiences: ["vault"],
        token_policies: [at.wrapped],
      });
      const custody = vaultWrapped({
        ...given("wrapped"),
        login: { method: "jwt", role: "shop", jwt: () => jwt("vault") },
      });
      await custody.check(soon());
      await custody.close?.();
      const foreign = vaultWrapped({
        ...given("wrapped"),
        login: { method: "jwt", role: "shop", jwt: () => jwt("other") },
      });
      await expect(foreign.check(soon())).rejects.toMatchObject({ code: "key_unavailable" });
    });

    it("signs in as a pod: Vault asks a TokenReview API, here one of our own", async () => {
      const folder = mkdtempSync(join(tmpdir(), "segno-pod-"));
      const reviewed: string[] = [];
      const cluster = createServer((request, response) => {
        let body = "";
        request
          .on("data", (chunk) => (body += chunk))
          .on("end", () => {
            const { spec } = JSON.parse(body) as { spec: { token: string } };
            reviewed.push(spec.token);
            response.setHeader("Content-Type", "application/json");
            response.end(
              JSON.stringify({
                apiVersion: "authentication.k8s.io/v1",
                kind: "TokenReview",
                status: { authenticated: true, user: { username: "system:serviceaccount:shop:api", uid: "1" } },
              }),
            );
          });
      });
      await new Promise<void>((resolve) => cluster.listen(0, "127.0.0.1", resolve));
      try {
        await asVaultRoot("POST", "sys/auth/kubernetes", { type: "kubernetes" });
        await asVaultRoot("POST", "auth/kubernetes/config", {
          kubernetes_host: `http://127.0.0.1:${(cluster.address() as AddressInfo).port}`,
          token_reviewer_jwt: await jwt("reviewer"),
          disable_iss_validation: true,
          disable_local_ca_jwt: true,
          // Of no use: this cluster speaks plain HTTP. Vault wants one all the same.
          kubernetes_ca_cert: rootCertificates[0],
        });
        await asVaultRoot("POST", "auth/kubernetes/role/shop", {
          bound_service_account_names: ["api"],
          bound_service_account_namespaces: ["shop"],
          token_policies: [at.wrapped],
        });
        const token = await new SignJWT({
          "kubernetes.io": { namespace: "shop", serviceaccount: { name: "api", uid: "1" } },
        })
          .setProtectedHeader({ alg: "ES256" })
          .setSubject("system:serviceaccount:shop:api")
          .setIssuedAt()
          .setExpirationTime("5m")
          .sign(pair.privateKey);
        writeFileSync(join(folder, "token"), `${token}\n`);
        const { readFile } = await import("node:fs/promises");
        const login = {
          method: "kubernetes",
          role: "shop",
          jwt: () => readFile(join(folder, "token"), "utf8"),
        } as const;
        const custody = vaultWrapped({ ...given("wrapped"), login });
        await custody.check(soon());
        expect(reviewed).toEqual([token]);
        await custody.close?.();
      } finally {
        cluster.close();
        rmSync(folder, { recursive: true });
      }
    });
  });

  it("renews its lease before it ends, and takes another token when Vault renews no more", async () => {
    await asVaultRoot("POST", "sys/auth/approle", { type: "approle" }).catch(() => undefined);
    await asVaultRoot("POST", "auth/approle/role/short", {
      token_policies: [at.wrapped],
      token_ttl: "60s",
      token_max_ttl: "10m",
    });
    const { data: role } = (await asVaultRoot("GET", "auth/approle/role/short/role-id")) as unknown as {
      data: { role_id: string };
    };
    const { data: made } = (await asVaultRoot("POST", "auth/approle/role/short/secret-id")) as unknown as {
      data: { secret_id: string };
    };
    const clock = createVirtualClock();
    const calls: { path: string; token: string; done: Promise<Response> }[] = [];
    const spied: typeof fetch = (input, init) => {
      const done = fetch(input, init);
      calls.push({
        path: new URL(`${input as string}`).pathname.slice(4),
        token: new Headers(init?.headers).get("X-Vault-Token") ?? "",
        done,
      });
      return done;
    };
    const custody = vaultWrapped({
      ...given("wrapped"),
      clock,
      fetch: spied,
      login: { method: "approle", roleId: role.role_id, secretId: made.secret_id },
    });
    const paths = async (): Promise<string[]> => {
      await custody.wrap(key, context, soon());
      // The renewal is not waited for: see it through.
      for (let seen = 0; seen !== calls.length; ) {
        seen = calls.length;
        await Promise.all(calls.map(({ done }) => done));
        for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      }
      return calls.splice(0).map(({ path }) => path.replace(at.mount, "transit"));
    };
    expect(await paths()).toEqual(["auth/approle/login", "transit/encrypt/segno"]);
    clock.advance({ seconds: 20 });
    expect(await paths()).toEqual(["transit/encrypt/segno"]);
    clock.advance({ seconds: 25 });
    expect((await paths()).toSorted()).toEqual(["auth/token/renew-self", "transit/encrypt/segno"]);
    clock.advance({ seconds: 20 });
    expect(await paths()).toEqual(["transit/encrypt/segno"]);

    // Revoked behind our back, long after the login: one refusal, one login, the call succeeds.
    const last = custody.wrap(key, context, soon());
    await last;
    await asVaultRoot("POST", "auth/token/revoke", { token: calls.at(-1)?.token });
    calls.length = 0;
    expect(await paths()).toEqual(["transit/encrypt/segno", "auth/approle/login", "transit/encrypt/segno"]);
    await custody.close?.();
  });

  it("signs in again with batch tokens, which cannot be renewed", async () => {
    await asVaultRoot("POST", "sys/auth/approle", { type: "approle" }).catch(() => undefined);
    const role = { token_policies: [at.wrapped], token_ttl: "60s", token_type: "batch" };
    await asVaultRoot("POST", "auth/approle/role/batch", role);
    const read = (await asVaultRoot("GET", "auth/approle/role/batch/role-id")) as unknown as {
      data: { role_id: string };
    };
    const made = (await asVaultRoot("POST", "auth/approle/role/batch/secret-id")) as unknown as {
      data: { secret_id: string };
    };
    const clock = createVirtualClock();
    const asked: string[] = [];
    const spied: typeof fetch = async (input, init) => {
      asked.push(new URL(`${input as string}`).pathname.slice(4));
      return await fetch(input, init);
    };
    const login = { method: "approle", roleId: read.data.role_id, secretId: made.data.secret_id } as const;
    const custody = vaultWrapped({ ...given("wrapped"), clock, fetch: spied, login });
    await custody.wrap(key, context, soon());
    clock.advance({ seconds: 45 });
    await custody.wrap(key, context, soon());
    const logins = (): number => asked.filter((path) => path === "auth/approle/login").length;
    await expect.poll(logins, { timeout: 10_000 }).toBe(2);
    expect(asked).not.toContain("auth/token/renew-self");
    await custody.close?.();
  });

  it("R110: says that Vault is sealed, and goes on when it is opened again", async () => {
    const custody = vaultWrapped(given("wrapped"));
    const wrapped = await custody.wrap(key, context, soon());
    await asVaultRoot("POST", "sys/seal");
    try {
      await expect(custody.unwrap(wrapped, context, soon())).rejects.toMatchObject({
        code: "key_unavailable",
        detail: { status: 503, reason: "sealed" },
      });
    } finally {
      await asVaultRoot("POST", "sys/unseal", { key: realVault?.unsealKey });
    }
    expect(await custody.unwrap(wrapped, context, soon())).toEqual(Buffer.from(key));
  });

  afterAll(async () => {
    await asVaultRoot("DELETE", `sys/mounts/${at.mount}`);
  });
});
