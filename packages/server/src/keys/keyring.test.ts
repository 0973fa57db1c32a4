import { createRemoteKeySet, createAccessTokenVerifier, isSegnoError } from "@segno/core";
import { compactVerify, createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { beforeEach, describe, expect, it } from "vitest";
import { describeNodes } from "../../test/describe-nodes.js";
import {
  addFamily,
  type Node,
  openNode,
  origin,
  secretOne,
  secretTwo,
  keyApi,
  rotateNow,
} from "../../test/engine-kit.js";
import { testDatabases } from "../../test/stores.js";
import { watchStore } from "../../test/watched-store.js";
import { rotateRefreshToken } from "../tokens/rotate-refresh-token.js";
import { ecdsaFromDer } from "./ecdsa-from-der.js";
import { demoteKey, promoteKey, recordLatestExp } from "./store.js";

const day = 86_400;

async function states(node: Node): Promise<readonly string[]> {
  const rows = await node.engine.store.db
    .selectFrom("segno_keys")
    .select(["state"])
    .orderBy("created_at")
    .orderBy("kid")
    .execute();
  return rows.map((row) => row.state).sort();
}

async function kidOf(node: Node): Promise<string> {
  const exp = Math.floor(node.clock.nowMs() / 1000) + 300;
  return (await node.keyring.sign({ typ: "at+jwt" }, { exp })).kid;
}

async function published(node: Node): Promise<readonly (string | undefined)[]> {
  return (await node.keyring.publicKeys()).keys.map((key) => key.kid);
}

describeNodes("keyring", (nodes) => {
  const { open } = nodes;
  let node: Node;
  beforeEach(async () => {
    node = await open();
  });

  it("starts with one signing key and a published spare", async () => {
    expect(await states(node)).toEqual(["published", "signing"]);
    expect((await node.keyring.health()).status).toBe("ok");
    expect(await published(node)).toContain(await kidOf(node));
  });

  it("R089: rotates when due, never before the spare has been published long enough", async () => {
    const first = await kidOf(node);
    node.clock.advance({ seconds: 30 * day - 1 });
    await node.keyring.tick();
    expect(await kidOf(node)).toBe(first);
    node.clock.advance({ seconds: 1 });
    const before = await published(node);
    await node.keyring.tick();
    const second = await kidOf(node);
    expect(second).not.toBe(first);
    expect(before).toContain(second);
    expect(await states(node)).toEqual(["published", "signing", "verify_only"]);
    // right after, the new spare is too young to sign, whoever's time is over
    await node.engine.store.db
      .updateTable("segno_keys")
      .set({ signing_at: 0 })
      .where("state", "=", "signing")
      .execute();
    await node.keyring.tick();
    expect(await kidOf(node)).toBe(second);
    node.clock.advance({ seconds: day });
    await node.keyring.tick();
    expect(await kidOf(node)).not.toBe(second);
  });

  it("R089: a key retires only when no unexpired token needs it, and its private half is erased", async () => {
    const exp = Math.floor(node.clock.nowMs() / 1000) + 5 * day;
    const { kid } = await node.keyring.sign({ typ: "at+jwt" }, { exp });
    await rotateNow(node);
    node.clock.set(exp * 1000);
    await node.keyring.tick();
    expect(await published(node)).toContain(kid);
    node.clock.advance({ minutes: 25 }); // ten that the record runs ahead, and V
    await node.keyring.tick();
    expect(await published(node)).not.toContain(kid);
    const row = await node.engine.store.db
      .selectFrom("segno_keys")
      .selectAll()
      .where("kid", "=", kid)
      .executeTakeFirstOrThrow();
    expect(row).toMatchObject({ state: "retired", private_sealed: "" });
  });

  it("the latest exp on record is never too low, with one write in many tokens", async () => {
    const latest = async (): Promise<number> => {
      const row = await node.engine.store.db
        .selectFrom("segno_keys")
        .select("latest_exp")
        .where("state", "=", "signing")
        .executeTakeFirstOrThrow();
      return row.latest_exp ?? 0;
    };
    const seen = new Set<number>();
    for (let minute = 0; minute < 30; minute += 1) {
      const exp = Math.floor(node.clock.nowMs() / 1000) + 300;
      await node.keyring.sign({ typ: "at+jwt" }, { exp });
      expect(await latest()).toBeGreaterThanOrEqual(exp * 1000);
      seen.add(await latest());
      node.clock.advance({ minutes: 1 });
    }
    expect(seen.size).toBeLessThan(10);
  });

  it("a record made inside a transaction that fails is not relied on", async () => {
    const exp = Math.floor(node.clock.nowMs() / 1000) + 300;
    await expect(
      node.engine.store.transaction(async (trx) => {
        await node.keyring.sign({ typ: "at+jwt" }, { exp }, trx);
        throw new Error("no");
      }),
    ).rejects.toThrow("no");
    await node.keyring.sign({ typ: "at+jwt" }, { exp });
    const row = await node.engine.store.db
      .selectFrom("segno_keys")
      .select("latest_exp")
      .where("state", "=", "signing")
      .executeTakeFirstOrThrow();
    expect(row.latest_exp).toBeGreaterThanOrEqual(exp * 1000);
  });

  it("rotation at once lets the spare sign and makes a new one", async () => {
    const first = await kidOf(node);
    const spare = (await published(node)).find((kid) => kid !== first);
    expect(await rotateNow(node)).toEqual({ kid: spare, previousKid: first, wasPublished: true });
    expect(await kidOf(node)).toBe(spare);
    expect(await states(node)).toEqual(["published", "signing", "verify_only"]);
  });

  it("compromise takes a key out at once, tokens with it, and the spare signs", async () => {
    const { tokens } = await addFamily(node.engine);
    const kid = await kidOf(node);
    const ask = () =>
      node.authenticate({ headers: { authorization: `Bearer ${tokens.accessToken}` }, method: "GET", url: origin });
    expect(await ask()).toMatchObject({ status: "authenticated" });
    await keyApi(node).compromise(kid, { sinceMs: 0, sessions: "keep" });
    expect(await published(node)).not.toContain(kid);
    expect(await ask()).toEqual({ status: "invalid", reason: "token_key_unknown" });
    expect(await kidOf(node)).not.toBe(kid);
    expect(await states(node)).toEqual(["compromised", "published", "signing"]);
  });

  it("key events tell the whole life, and uses are summed up", async () => {
    const types: string[] = [];
    const counts: number[] = [];
    node.events.on("*", (event) => {
      types.push(event.type);
      if (event.type === "key.used") counts.push(event.data.count ?? 0);
    });
    for (let index = 0; index < 7; index += 1) await kidOf(node);
    await node.keyring.tick();
    await rotateNow(node);
    node.clock.advance({ hours: 1 });
    await node.keyring.tick();
    await node.events.drain();
    expect(types.filter((type) => type !== "key.created").sort()).toEqual(["key.retired", "key.rotated", "key.used"]);
    expect(types.filter((type) => type === "key.created")).toHaveLength(3);
    expect(counts).toEqual([7]);
  });

  it("exactly one of many nodes rotates, and first boot is one of them too", async () => {
    const nodes = [node, ...(await Promise.all(Array.from({ length: 4 }, () => open({ clock: node.clock }))))];
    expect(await states(node)).toEqual(["published", "signing"]);
    const exp = Math.floor(node.clock.nowMs() / 1000) + 40 * day;
    await node.keyring.sign({ typ: "at+jwt" }, { exp });
    node.clock.advance({ days: 31 });
    await Promise.all(nodes.map((each) => each.keyring.tick()));
    expect(await states(node)).toEqual(["published", "signing", "verify_only"]);
    expect(new Set(await Promise.all(nodes.map(kidOf))).size).toBe(1);
  });

  it("each step of the life of a key is taken once, by one statement", async () => {
    const { db } = node.engine.store;
    const kid = await kidOf(node);
    const nowMs = node.clock.nowMs();
    expect(await demoteKey(db, kid, nowMs)).toBe(true);
    expect(await demoteKey(db, kid, nowMs)).toBe(false);
    expect(await recordLatestExp(db, kid, nowMs + 1)).toBe(false);
    const spare = (await published(node)).find((other) => other !== kid) ?? "";
    expect(await promoteKey(db, { kid: spare, nowMs, publishedBeforeMs: nowMs - 1 })).toBe(false);
    expect(await promoteKey(db, { kid: spare, nowMs, publishedBeforeMs: nowMs })).toBe(true);
    expect(await promoteKey(db, { kid: spare, nowMs, publishedBeforeMs: nowMs })).toBe(false);
  });

  it("many nodes on an empty table make one signing key and one spare", async () => {
    await node.engine.store.db.deleteFrom("segno_keys").execute();
    const nodes = await Promise.all(Array.from({ length: 6 }, () => open({ clock: node.clock })));
    expect(await states(node)).toEqual(["published", "signing"]);
    expect(new Set(await Promise.all(nodes.map(kidOf))).size).toBe(1);
  });

  it("R089: three rotations on two nodes, a verifier that caches and a skewed clock: no token refused", async () => {
    const other = await open({ clock: node.clock });
    const skewed = { nowMs: () => node.clock.nowMs() - 40_000 };
    const keys = createRemoteKeySet({
      url: `${origin}/.well-known/jwks.json`,
      clock: skewed,
      fetch: async (url: string | URL) => node.handler(new Request(url)),
    });
    const verifier = createAccessTokenVerifier({
      issuer: origin,
      audience: origin,
      keys,
      clock: skewed,
      clockToleranceSeconds: 60,
    });
    const nodes = [node, other];
    let refreshToken = (await addFamily(node.engine)).refreshToken;
    let verified = 0;
    for (let step = 0; step < 120; step += 1) {
      node.clock.advance({ hours: 20 });
      await Promise.all(nodes.map((each) => each.keyring.tick()));
      if (step % 40 === 39) refreshToken = (await addFamily(node.engine)).refreshToken;
      const on = nodes[step % 2] ?? node;
      const tokens = await rotateRefreshToken(on.engine, { refreshToken, clientId: "segno" }, { requestId: "t" });
      refreshToken = tokens.refreshToken ?? "";
      await verifier.verify(tokens.accessToken);
      verified += 1;
    }
    const rows = await states(node);
    expect(verified).toBe(120);
    expect(rows.filter((state) => state === "retired").length).toBeGreaterThanOrEqual(2);
  });

  it("T-068: a thousand unknown kids at once cost one look at the store per cool-down, and known keys keep working", async () => {
    const { tokens } = await addFamily(node.engine);
    let looks = 0;
    const other = await open({ clock: node.clock }, (source) =>
      watchStore(source, { before: (shape) => void (looks += shape().includes("segno_keys") ? 1 : 0) }),
    );
    for (let turn = 0; turn < 3; turn += 1) {
      node.clock.advance({ seconds: 6 });
      looks = 0;
      const asked = Array.from({ length: 1_000 }, (_, index) =>
        other.keyring.keySet.resolve({ kid: `unknown-${turn}-${index}`, alg: "ES256" }),
      );
      expect((await Promise.all(asked)).every((key) => key === undefined)).toBe(true);
      expect(looks).toBe(1);
      const request = { headers: { authorization: `Bearer ${tokens.accessToken}` }, method: "GET", url: origin };
      expect(await other.authenticate(request)).toMatchObject({ status: "authenticated" });
    }
  });

  it("T-064: a private half that is not the one of its row never signs", async () => {
    const rows = await node.engine.store.db.selectFrom("segno_keys").selectAll().execute();
    const [signing, spare] = [
      rows.find((row) => row.state === "signing"),
      rows.find((row) => row.state === "published"),
    ];
    if (signing === undefined || spare === undefined) throw new Error("no keys");
    const put = (values: Partial<typeof signing>) =>
      node.engine.store.db.updateTable("segno_keys").set(values).where("kid", "=", signing.kid).execute();
    for (const values of [
      { private_sealed: spare.private_sealed },
      { public_jwk: spare.public_jwk },
      { private_sealed: `${signing.private_sealed.slice(0, -4)}AAAA` },
      { algorithm: "EdDSA" },
      { algorithm: "none" },
      { custody: "vault:wrapped" },
    ]) {
      await put(values);
      const fresh = await open({ clock: node.clock });
      const error = await kidOf(fresh).catch((caught: unknown) => caught);
      expect(isSegnoError(error, "key_unavailable"), JSON.stringify(Object.keys(values))).toBe(true);
      await put(signing);
    }
    expect(await kidOf(await open({ clock: node.clock }))).toBe(signing.kid);
  });

  it("secret rotation seals the live keys again, and dropping the old secret then harms nothing", async () => {
    const kid = await kidOf(node);
    const both = await open({ clock: node.clock, secret: `2:${secretTwo},1:${secretOne}` });
    expect(await kidOf(both)).toBe(kid);
    const rows = await node.engine.store.db.selectFrom("segno_keys").select("private_sealed").execute();
    expect(rows.every((row) => row.private_sealed.startsWith("v2."))).toBe(true);
    const onlyNew = await open({ clock: node.clock, secret: `2:${secretTwo}` });
    expect(await kidOf(onlyNew)).toBe(kid);
    expect((await onlyNew.keyring.health()).status).toBe("ok");
  });

  it("a lost secret fails closed, shows in health, and rotateNow is the way out", async () => {
    const lost = await open({ clock: node.clock, secret: `2:${secretTwo}` });
    const health = await lost.keyring.health();
    expect(health.status).toBe("failed");
    expect(health.keys.map((key) => key.opens)).toEqual([false, false]);
    const error = await kidOf(lost).catch((caught: unknown) => caught);
    expect(isSegnoError(error, "key_unavailable")).toBe(true);
    expect(await rotateNow(lost)).toMatchObject({ wasPublished: false });
    expect(await kidOf(lost)).toBeDefined();
    expect((await lost.keyring.health()).status).toBe("ok");
  });
});

describe("signatures", () => {
  it.each(["ES256", "EdDSA"] as const)("plain jose verifies %s tokens from the key set", async (algorithm) => {
    const database = await testDatabases[1]?.create();
    if (database === undefined) throw new Error("no database");
    const node = await openNode(database.source(), { keys: { algorithm } });
    const { tokens } = await addFamily(node.engine);
    const response = await node.handler(new Request(`${origin}/.well-known/jwks.json`));
    const keys = createLocalJWKSet((await response.json()) as JSONWebKeySet);
    const { payload, protectedHeader } = await jwtVerify(tokens.accessToken, keys, {
      issuer: origin,
      audience: origin,
      typ: "at+jwt",
      algorithms: [algorithm],
      currentDate: new Date(node.clock.nowMs()),
    });
    expect(protectedHeader).toMatchObject({ alg: algorithm, typ: "at+jwt" });
    expect(payload).toMatchObject({ client_id: "segno", acr: "aal1", amr: ["otp"] });
    for (let index = 0; index < 300; index += 1) {
      const { token } = await node.keyring.sign({ typ: "at+jwt" }, { exp: 2_000_000_000, index });
      await compactVerify(token, keys);
    }
    await node.stop();
  });

  it("short and padded integers keep their place", () => {
    const der = Buffer.from("3008020201ff02020080", "hex");
    expect(ecdsaFromDer(der, 32).toString("hex")).toBe(`${"00".repeat(30)}01ff${"00".repeat(31)}80`);
  });
});
