import { randomBytes } from "node:crypto";
import { isSegnoError } from "@segno/core";
import { compactVerify, createLocalJWKSet, decodeJwt, type JSONWebKeySet } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { describeNodes } from "../../test/describe-nodes.js";
import { addFamily, formRequest, type Node, origin, keyApi } from "../../test/engine-kit.js";
import { createVaultDouble, type VaultDouble } from "../../test/vault-double.js";
import type { Logger } from "../engine.js";
import { silentLogger } from "../runtime.js";
import { rotateRefreshToken } from "../tokens/rotate-refresh-token.js";
import { openKey } from "./key-material.js";

const actor = { requestId: "t" };

async function signAt(node: Node): Promise<string> {
  return (await node.keyring.sign({ typ: "at+jwt" }, { exp: Math.floor(node.clock.nowMs() / 1000) + 300 })).kid;
}

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  const caught = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  return isSegnoError(caught) ? caught.code : caught === undefined ? "no error" : String(caught);
}

async function refresh(node: Node, refreshToken: string): Promise<Response> {
  const form = { grant_type: "refresh_token", refresh_token: refreshToken, client_id: "segno" };
  return await node.handler(formRequest("/api/auth/oauth2/token", form));
}

async function rowsOf(node: Node) {
  return await node.engine.store.db.selectFrom("segno_keys").selectAll().orderBy("created_at").orderBy("kid").execute();
}

describeNodes("custody", ({ open }) => {
  let vault: VaultDouble;
  beforeEach(() => {
    vault = createVaultDouble();
  });

  describe.each(["ES256", "EdDSA"] as const)("remote, %s", (algorithm) => {
    it("R088: each signature is a call, tokens verify, and no transaction is open while the vault is asked", async () => {
      const node = await open({ keys: { custody: vault.remote, algorithm } });
      // with a transaction open this would wait for itself, or be refused
      vault.during = () =>
        node.engine.store.transaction(async (trx) => void (await trx.selectFrom("segno_keys").select("kid").execute()));
      const { tokens, refreshToken } = await addFamily(node.engine);
      const response = await refresh(node, refreshToken);
      expect(response.status).toBe(200);
      const answer = (await response.json()) as { access_token: string };
      const keys = createLocalJWKSet((await node.keyring.publicKeys()) as JSONWebKeySet);
      for (const token of [tokens.accessToken, answer.access_token]) await compactVerify(token, keys);
      expect(vault.calls.sign).toBe(2);
      for (const row of await rowsOf(node))
        expect(row).toMatchObject({ custody: "double:remote", private_sealed: expect.stringMatching(/^key-\d\/1$/) });
    });
  });

  it("a remote token's event tells of the token that left, not of one that was rolled back", async () => {
    const node = await open({ keys: { custody: vault.remote } });
    const told: string[] = [];
    node.events.on("token.issued", (event) => void told.push(event.data.jti));
    const { tokens } = await addFamily(node.engine);
    await node.events.drain();
    expect(told).toEqual([decodeJwt(tokens.accessToken).jti]);
  });

  it.each<[string, (signature: Uint8Array, input: Uint8Array) => unknown]>([
    ["random bytes", () => randomBytes(64)],
    ["too short", (signature) => signature.subarray(0, 63)],
    ["too long", (signature) => Buffer.concat([signature, Buffer.alloc(1)])],
    ["empty", () => new Uint8Array()],
    ["text", (signature) => Buffer.from(signature).toString("base64url")],
    ["nothing at all", () => null],
    ["all zero", () => new Uint8Array(64)],
    ["halves swapped", (signature) => Buffer.concat([signature.subarray(32), signature.subarray(0, 32)])],
  ])("a vault that answers nonsense never yields a token: %s", async (_name, tamper) => {
    const node = await open({ keys: { custody: vault.remote } });
    const { refreshToken } = await addFamily(node.engine);
    vault.tamper = (signature, input) => tamper(signature, input) ?? "nothing";
    const response = await refresh(node, refreshToken);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(JSON.stringify(await response.json())).not.toContain("access_token");
    vault.tamper = undefined;
    expect((await refresh(node, refreshToken)).status).toBe(200);
  });

  it("R110: an outage of any length signs nobody out: nothing is rotated while nothing can be signed", async () => {
    const node = await open({ keys: { custody: vault.remote } });
    const { refreshToken } = await addFamily(node.engine);
    vault.state = "down";
    for (let minute = 0; minute < 10; minute += 1) {
      node.clock.advance({ minutes: 1 });
      expect((await refresh(node, refreshToken)).status).toBe(503);
    }
    vault.state = "up";
    node.clock.advance({ seconds: 5 });
    expect((await refresh(node, refreshToken)).status).toBe(200);
  });

  it("50 at once with one refresh token through a remote custody: one family, one answer", async () => {
    const node = await open({ keys: { custody: vault.remote } });
    const { refreshToken } = await addFamily(node.engine);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => rotateRefreshToken(node.engine, { refreshToken, clientId: "segno" }, actor)),
    );
    expect(new Set(answers.map((answer) => answer.refreshToken)).size).toBe(1);
  });

  it("wrapped: one call to the vault, however many tokens, and the key lies wrapped in the database", async () => {
    const node = await open({ keys: { custody: vault.wrapped } });
    const { refreshToken } = await addFamily(node.engine);
    expect((await refresh(node, refreshToken)).status).toBe(200);
    for (let index = 0; index < 50; index += 1) await signAt(node);
    expect(vault.calls.unwrap).toBe(2); // the key that signs, and the spare
    for (const row of await rowsOf(node))
      expect(row).toMatchObject({ custody: "double:wrapped", private_sealed: expect.stringMatching(/^double:/) });
    expect((await node.keyring.health()).status).toBe("ok");
  });

  it("a key of another custody verifies but never signs, until an operator says so", async () => {
    const errors: string[] = [];
    const logger: Logger = { ...silentLogger, error: (message) => void errors.push(message) };
    const before = await open();
    const { tokens, refreshToken } = await addFamily(before.engine);
    const after = await open({ clock: before.clock, keys: { custody: vault.wrapped }, logger });
    expect(errors.join()).toContain("another custody");
    expect(await codeOf(signAt(after))).toBe("key_unavailable");
    const health = await after.keyring.health();
    expect(health.status).toBe("failed");
    expect(health.keys.map((key) => [key.custody, key.opens])).toEqual([
      ["local", false],
      ["local", false],
    ]);
    const headers = { authorization: `Bearer ${tokens.accessToken}` };
    expect(await after.authenticate({ headers, method: "GET", url: origin })).toMatchObject({
      status: "authenticated",
    });
    // neither by itself, nor by a rotation that does not say so
    after.clock.advance({ days: 31 });
    await after.keyring.tick();
    expect(await codeOf(keyApi(after).rotate())).toBe("conflict");
    expect(await keyApi(after).rotate({ changeCustody: true })).toMatchObject({ wasPublished: false });
    expect(
      (await rowsOf(after))
        .filter((row) => row.state === "signing" || row.state === "published")
        .map((row) => row.custody),
    ).toEqual(["double:wrapped", "double:wrapped"]);
    expect((await refresh(after, refreshToken)).status).not.toBe(503);
    expect(await signAt(after)).toBeDefined();
    // the node that was not moved does not sign any more, and takes nothing back
    before.clock.advance({ minutes: 6 });
    await before.keyring.tick();
    expect(await codeOf(signAt(before))).toBe("key_unavailable");
  });

  it("wrapped and remote of one vault are two custodies", async () => {
    const first = await open({ keys: { custody: vault.remote } });
    const second = await open({ clock: first.clock, keys: { custody: vault.wrapped } });
    expect(await codeOf(signAt(second))).toBe("key_unavailable");
    expect(vault.calls.unwrap).toBe(0);
  });

  it("T-064: R091: a key made for another purpose is refused before its custody is asked", async () => {
    const node = await open({ keys: { custody: vault.wrapped } });
    const [row] = await rowsOf(node);
    if (row === undefined) throw new Error("no key");
    const asked = vault.calls.unwrap;
    const parts = { custody: vault.wrapped, purpose: "document" } as const;
    expect(await codeOf(openKey(parts, row))).toBe("key_unavailable");
    expect(vault.calls.unwrap).toBe(asked);
    // and a row whose purpose was rewritten does not open: the purpose is authenticated
    expect(await codeOf(openKey(parts, { ...row, purpose: "document" }))).not.toBe("no error");
  });

  it("starts while the vault is down, verifies, and signs once it is back", async () => {
    const first = await open({ keys: { custody: vault.wrapped } });
    const { tokens } = await addFamily(first.engine);
    vault.state = "down";
    const second = await open({ clock: first.clock, keys: { custody: vault.wrapped } });
    const headers = { authorization: `Bearer ${tokens.accessToken}` };
    expect(await second.authenticate({ headers, method: "GET", url: origin })).toMatchObject({
      status: "authenticated",
    });
    expect(await codeOf(signAt(second))).toBe("key_unavailable");
    expect((await second.keyring.health()).status).toBe("failed");
    vault.state = "up";
    second.clock.advance({ seconds: 5 });
    expect(await signAt(second)).toBeDefined();
    await second.keyring.tick();
    expect((await second.keyring.health()).status).toBe("ok");
  });

  it("starts on an empty database while the vault is down, with no key of any other make", async () => {
    vault.state = "down";
    const node = await open({ keys: { custody: vault.remote } });
    expect(await codeOf(signAt(node))).toBe("key_unavailable");
    expect(await rowsOf(node)).toEqual([]);
    vault.state = "up";
    node.clock.advance({ minutes: 1 });
    await node.keyring.tick();
    expect(await signAt(node)).toBeDefined();
  });
});
