import { createPublicKey, verify } from "node:crypto";
import { isSegnoError } from "@segno/core";
import { beforeEach, describe, expect, it } from "vitest";
import { describeNodes } from "../../test/describe-nodes.js";
import { keyApi, type Node, secretOne, secretTwo } from "../../test/engine-kit.js";
import { createVaultDouble, type VaultDouble } from "../../test/vault-double.js";
import type { AuditPublicKey, AuditSignature } from "../engine.js";
import { openKey } from "./key-material.js";
import { keyPurposes } from "./purposes.js";

const checkpoint = Uint8Array.from(Buffer.from("app.example.com/log\n7\n\u00ff\u0000 root\n", "utf8"));
const subjectKey = new Uint8Array(32).fill(9);

async function errorOf(work: Promise<unknown>): Promise<{ code: string; detail: object } | undefined> {
  const caught: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  return isSegnoError(caught) ? caught : undefined;
}

function isSignedBy(
  keys: readonly AuditPublicKey[],
  bytes: Uint8Array,
  { kid, alg, signature }: AuditSignature,
): boolean {
  const found = keys.find((key) => key.kid === kid);
  if (found === undefined || found.alg !== alg) return false;
  const { kty = "", crv = "", x = "", y } = found.publicJwk;
  const key = createPublicKey({ key: { kty, crv, x, ...(y === undefined ? {} : { y }) }, format: "jwk" });
  return alg === "EdDSA"
    ? verify(null, bytes, key, signature)
    : verify("sha256", bytes, { key, dsaEncoding: "ieee-p1363" }, signature);
}

describeNodes("purposes", ({ open }) => {
  let vault: VaultDouble;
  const rowsOf = async (node: Node, purpose: string) =>
    await node.engine.store.db
      .selectFrom("segno_keys")
      .selectAll()
      .where("purpose", "=", purpose)
      .orderBy("created_at")
      .orderBy("state", "desc")
      .execute();
  beforeEach(() => {
    vault = createVaultDouble();
  });

  it("T-064: R091: a key of each purpose is refused for every other one", async () => {
    const node = await open({ keys: { custody: vault.wrapped } });
    const { auditSigner, dataSealer } = node.engine;
    await keyApi(node).signDocument({}, { expiresInSeconds: 60 });
    await auditSigner.signAudit(checkpoint);
    await dataSealer.sealData(subjectKey, "subject 1");
    let pairs = 0;
    for (const own of keyPurposes) {
      const [row] = await rowsOf(node, own);
      if (row === undefined) throw new Error(`no key for ${own}`);
      await openKey({ custody: vault.wrapped, purpose: own }, row);
      for (const other of keyPurposes.filter((purpose) => purpose !== own)) {
        pairs += 1;
        const asked = vault.calls.unwrap;
        const parts = { custody: vault.wrapped, purpose: other };
        expect(await errorOf(openKey(parts, row))).toMatchObject({ code: "key_unavailable" });
        expect(vault.calls.unwrap).toBe(asked);
        // and where whoever writes to the database renamed the purpose: the custody does not open it
        const renamed = await openKey(parts, { ...row, purpose: other }).then(
          () => "opened",
          () => "refused",
        );
        expect(renamed).toBe("refused");
        expect(await errorOf(node.keyrings.of(other).then((ring) => ring.openByKid(row.kid)))).toMatchObject({
          code: "key_unavailable",
        });
      }
    }
    expect(pairs).toBe(12);
  });

  it("T-064: keys of the record and for data sign no token, and only keys for data seal", async () => {
    const node = await open();
    const exp = Math.floor(node.clock.nowMs() / 1000) + 60;
    for (const purpose of ["audit", "data"] as const) {
      const ring = await node.keyrings.of(purpose);
      expect(await errorOf(ring.sign({ typ: "at+jwt" }, { exp }))).toMatchObject({ code: "key_unavailable" });
    }
    const sealed = await node.engine.dataSealer.sealData(subjectKey, "subject 1");
    for (const purpose of ["audit", "access_token"] as const) {
      const [row] = await rowsOf(node, purpose);
      const forged = sealed.replace(/^[\w-]{43}/, row?.kid ?? "");
      expect(forged).not.toBe(sealed);
      expect(await errorOf(node.engine.dataSealer.openData(forged, "subject 1"))).toMatchObject({
        code: "key_unavailable",
      });
    }
  });

  it("no private half and no data key is readable in the database, the events or the status", async () => {
    const node = await open();
    const told: unknown[] = [];
    node.events.on("*", (event) => void told.push(event));
    await node.engine.dataSealer.sealData(subjectKey, "subject 1");
    await node.engine.auditSigner.signAudit(checkpoint);
    const [row] = await rowsOf(node, "data");
    if (row === undefined) throw new Error("no key");
    expect(Object.keys(JSON.parse(row.public_jwk) as object).sort()).toEqual(["alg", "kid", "kty", "use"]);
    const key = await openKey({ custody: node.keyring.parts.custody, purpose: "data" }, row);
    const bytes = key.mode === "data" ? key.secret.export() : Buffer.alloc(0);
    expect(bytes).toHaveLength(32);
    const seen = JSON.stringify([await rowsOf(node, "data"), told, await keyApi(node).status()]);
    for (const form of ["base64url", "hex", "base64"] as const) expect(seen).not.toContain(bytes.toString(form));
    expect(await errorOf(keyApi(node).publicKeys("data"))).toMatchObject({ code: "invalid_input" });
  });

  describe("audit", () => {
    it("signs raw bytes with Ed25519, whatever tokens are signed with; old keys still prove what they signed", async () => {
      const node = await open();
      const { auditSigner } = node.engine;
      const first = await auditSigner.signAudit(checkpoint);
      expect(first).toMatchObject({ alg: "EdDSA", signature: expect.objectContaining({ length: 64 }) });
      const published = await auditSigner.auditPublicKeys();
      expect(published.map((key) => key.state).sort()).toEqual(["published", "signing"]);
      expect(isSignedBy(published, checkpoint, first)).toBe(true);
      for (let index = 0; index < checkpoint.length; index += 1) {
        const changed = checkpoint.map((byte, at) => (at === index ? byte ^ 1 : byte));
        expect(isSignedBy(published, changed, first)).toBe(false);
      }
      const ring = await node.keyrings.of("audit");
      node.clock.advance({ days: 364 });
      await ring.tick();
      expect((await auditSigner.signAudit(checkpoint)).kid).toBe(first.kid);
      node.clock.advance({ days: 1 });
      await ring.tick();
      const second = await auditSigner.signAudit(checkpoint);
      expect(second.kid).not.toBe(first.kid);
      node.clock.advance({ days: 1 });
      await ring.tick();
      const keys = await auditSigner.auditPublicKeys();
      expect(keys.find((key) => key.kid === first.kid)).toMatchObject({ state: "retired" });
      expect((await rowsOf(node, "audit")).find((row) => row.kid === first.kid)?.private_sealed).toBe("");
      expect(isSignedBy(keys, checkpoint, first)).toBe(true);
      expect(isSignedBy(keys, checkpoint, second)).toBe(true);
    });

    it.each([
      { algorithms: undefined, alg: "EdDSA" },
      { algorithms: ["ES256", "EdDSA"] as const, alg: "EdDSA" },
      { algorithms: ["ES256"] as const, alg: "ES256" },
    ])("in a vault that makes keys for $algorithms it signs with $alg", async ({ algorithms, alg }) => {
      const custody = { ...vault.remote, ...(algorithms === undefined ? {} : { algorithms }) };
      const node = await open({ keys: { custody } });
      const signed = await node.engine.auditSigner.signAudit(checkpoint);
      expect(signed.alg).toBe(alg);
      expect(isSignedBy(await node.engine.auditSigner.auditPublicKeys(), checkpoint, signed)).toBe(true);
      vault.tamper = (signature) => signature.map((byte) => byte ^ 1);
      expect(await errorOf(node.engine.auditSigner.signAudit(checkpoint))).toMatchObject({ code: "key_unavailable" });
      vault.tamper = undefined;
      vault.state = "down";
      expect(await errorOf(node.engine.auditSigner.signAudit(checkpoint))).toMatchObject({ code: "key_unavailable" });
    });

    it("a key that was given up stays in the list, marked, and another signs at once", async () => {
      const node = await open();
      const { auditSigner } = node.engine;
      const { kid } = await auditSigner.signAudit(checkpoint);
      await keyApi(node).compromise(kid, { sinceMs: 0 });
      expect((await auditSigner.signAudit(checkpoint)).kid).not.toBe(kid);
      const keys = await auditSigner.auditPublicKeys();
      expect(keys.find((key) => key.kid === kid)).toMatchObject({
        state: "compromised",
        signedUntilMs: node.clock.nowMs(),
      });
    });
  });

  describe("data", () => {
    it("opens what it sealed in its context only, and not when a single bit was changed", async () => {
      const node = await open();
      const { dataSealer } = node.engine;
      const sealed = await dataSealer.sealData(subjectKey, "subject 1");
      expect(await dataSealer.openData(sealed, "subject 1")).toEqual(subjectKey);
      expect(await dataSealer.sealData(subjectKey, "subject 1")).not.toBe(sealed);
      expect(await errorOf(dataSealer.openData(sealed, "subject 2"))).toMatchObject({ code: "key_unavailable" });
      const [kid = "", body = ""] = sealed.split(".");
      const bytes = Buffer.from(body, "base64url");
      for (let index = 0; index < bytes.length; index += 1) {
        const changed = Buffer.from(bytes.map((byte, at) => (at === index ? byte ^ 1 : byte)));
        expect(
          await errorOf(dataSealer.openData(`${kid}.${changed.toString("base64url")}`, "subject 1")),
        ).toMatchObject({ code: "key_unavailable" });
      }
      for (const odd of ["", kid, `${kid}.`, `${kid}.AAAA`, `x.${body}`, `${sealed}.x`, `${"A".repeat(43)}.${body}`])
        expect(await errorOf(dataSealer.openData(odd, "subject 1"))).toMatchObject({ code: "key_unavailable" });
    });

    it("rotates after 90 days; what was sealed before opens on every node, also after years, and can be sealed anew", async () => {
      const node = await open();
      const other = await open({ clock: node.clock });
      const { dataSealer } = node.engine;
      const sealed = await dataSealer.sealData(subjectKey, "subject 1");
      expect(await other.engine.dataSealer.openData(sealed, "subject 1")).toEqual(subjectKey);
      expect(await dataSealer.resealData(sealed, "subject 1")).toBeUndefined();
      const ring = await node.keyrings.of("data");
      node.clock.advance({ days: 89 });
      await ring.tick();
      expect(await dataSealer.resealData(sealed, "subject 1")).toBeUndefined();
      node.clock.advance({ days: 1 });
      await ring.tick();
      const fresh = (await dataSealer.resealData(sealed, "subject 1")) ?? "";
      expect(fresh.slice(0, 43)).not.toBe(sealed.slice(0, 43));
      // the other node has not looked since, and meets a key it does not know
      expect(await other.engine.dataSealer.openData(fresh, "subject 1")).toEqual(subjectKey);
      node.clock.advance({ days: 1_000 });
      await ring.tick();
      expect(await dataSealer.openData(sealed, "subject 1")).toEqual(subjectKey);
      const kid = sealed.slice(0, 43);
      expect(await errorOf(keyApi(node).retire(kid))).toMatchObject({ code: "conflict" });
      expect(await errorOf(keyApi(node).compromise(kid, { sinceMs: 0 }))).toMatchObject({ code: "conflict" });
      expect(await dataSealer.openData(sealed, "subject 1")).toEqual(subjectKey);
      const status = (await keyApi(node).status()).keys.filter((key) => key.purpose === "data");
      expect(status.map((key) => key.state)).toContain("signing");
      expect(status.find((key) => key.kid === kid)).toMatchObject({ state: "verify_only", mayRetireAtMs: null });
    });

    it("an operator rotates without waiting: nobody holds a set of these keys", async () => {
      const node = await open();
      const sealed = await node.engine.dataSealer.sealData(subjectKey, "subject 1");
      expect(await keyApi(node).rotate({ purpose: "data" })).toMatchObject({ previousKid: sealed.slice(0, 43) });
      expect(await node.engine.dataSealer.openData(sealed, "subject 1")).toEqual(subjectKey);
    });

    it("is wrapped again under a new secret, and lost with the last one that sealed it", async () => {
      const first = await open();
      const sealed = await first.engine.dataSealer.sealData(subjectKey, "subject 1");
      const second = await open({ clock: first.clock, secret: `2:${secretTwo},1:${secretOne}` });
      expect((await rowsOf(second, "data")).every((row) => row.private_sealed.startsWith("v2."))).toBe(true);
      const third = await open({ clock: first.clock, secret: `2:${secretTwo}` });
      expect(await third.engine.dataSealer.openData(sealed, "subject 1")).toEqual(subjectKey);
      const fourth = await open({ clock: first.clock, secret: `1:${secretOne}` });
      expect(await errorOf(fourth.engine.dataSealer.openData(sealed, "subject 1"))).toMatchObject({
        code: "key_unavailable",
      });
    });

    it("a vault is asked once for all subjects, also from within a transaction, and not while it is away", async () => {
      const node = await open({ keys: { custody: vault.wrapped } });
      const { dataSealer, store } = node.engine;
      const sealed: string[] = [];
      await dataSealer.ready();
      for (let index = 0; index < 20; index += 1)
        sealed.push(await store.transaction((trx) => dataSealer.sealData(subjectKey, `subject ${index}`, trx)));
      const wraps = vault.calls.wrap;
      vault.state = "down";
      for (const [index, text] of sealed.entries())
        expect(await dataSealer.openData(text, `subject ${index}`)).toEqual(subjectKey);
      expect(vault.calls.wrap).toBe(wraps);
      // an hour of lease and a quarter of an hour of outage
      node.clock.advance({ minutes: 76 });
      expect(await errorOf(dataSealer.openData(sealed[0] ?? "", "subject 0"))).toMatchObject({
        code: "key_unavailable",
      });
      vault.state = "up";
      node.clock.advance({ seconds: 5 });
      expect(await store.transaction((trx) => dataSealer.openData(sealed[0] ?? "", "subject 0", trx))).toEqual(
        subjectKey,
      );
    });

    it("a custody that only signs refuses clearly, and the engine starts and signs tokens all the same", async () => {
      const before = await open();
      const sealed = await before.engine.dataSealer.sealData(subjectKey, "subject 1");
      const node = await open({ clock: before.clock, keys: { custody: vault.remote } });
      for (const work of [
        node.engine.dataSealer.sealData(subjectKey, "subject 1"),
        node.engine.dataSealer.openData(sealed, "subject 1"),
        keyApi(node).rotate({ purpose: "data" }),
      ])
        expect(await errorOf(work)).toMatchObject({
          code: "key_unavailable",
          detail: { custody: "double:remote", reason: "cannot_wrap" },
        });
      await keyApi(node).rotate({ changeCustody: true });
      const exp = Math.floor(node.clock.nowMs() / 1000) + 60;
      expect(await node.keyring.sign({ typ: "at+jwt" }, { exp })).toBeDefined();
    });

    it("after a vault was configured it opens what this process sealed before, and seals by the vault", async () => {
      const before = await open();
      const sealed = await before.engine.dataSealer.sealData(subjectKey, "subject 1");
      const node = await open({ clock: before.clock, keys: { custody: vault.wrapped } });
      expect(await node.engine.dataSealer.openData(sealed, "subject 1")).toEqual(subjectKey);
      expect(await errorOf(node.engine.dataSealer.sealData(subjectKey, "subject 2"))).toMatchObject({
        code: "key_unavailable",
      });
      await keyApi(node).rotate({ purpose: "data", changeCustody: true });
      const fresh = (await node.engine.dataSealer.resealData(sealed, "subject 1")) ?? "";
      const kid = fresh.slice(0, 43);
      expect((await rowsOf(node, "data")).find((row) => row.kid === kid)?.custody).toBe("double:wrapped");
      expect(await node.engine.dataSealer.openData(fresh, "subject 1")).toEqual(subjectKey);
    });
  });
});
