import { createRemoteKeySet, isSegnoError } from "@segno/core";
import { compactVerify, createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet } from "jose";
import { describe, expect, it } from "vitest";
import { describeNodes } from "../../test/describe-nodes.js";
import { addFamily, addSession, keyApi, type Node, origin, rotateNow, sessionCookie } from "../../test/engine-kit.js";
import { createVaultDouble } from "../../test/vault-double.js";
import { watchStore } from "../../test/watched-store.js";
import { rotateRefreshToken } from "../tokens/rotate-refresh-token.js";

async function kidOf(node: Node, livesSeconds = 300): Promise<string> {
  const exp = Math.floor(node.clock.nowMs() / 1000) + livesSeconds;
  return (await node.keyring.sign({ typ: "at+jwt" }, { exp })).kid;
}

async function errorOf(work: Promise<unknown>): Promise<{ code: string; detail: object } | undefined> {
  const caught: unknown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  return isSegnoError(caught) ? { code: caught.code, detail: caught.detail } : undefined;
}

async function stateOf(node: Node, kid: string): Promise<string | undefined> {
  return (await keyApi(node).status()).keys.find((key) => key.kid === kid)?.state;
}

async function spareOf(node: Node): Promise<string> {
  return (await keyApi(node).status()).keys.find((key) => key.state === "published")?.kid ?? "";
}

const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` }, method: "GET", url: origin });
const cookie = (token: string) => ({ headers: sessionCookie(token), method: "GET", url: origin });

describeNodes("segno.api.keys", (nodes) => {
  const { open } = nodes;
  let node: Node;

  describe("status", () => {
    it("tells of each key what it is for, where it is, how much it signed and what comes next", async () => {
      node = await open();
      const first = await kidOf(node);
      for (let index = 0; index < 9; index += 1) await kidOf(node);
      await node.keyring.tick();
      await rotateNow(node);
      for (let index = 0; index < 30; index += 1) await kidOf(node);
      await node.keyring.tick();
      const { keys, atMs } = await keyApi(node).status();
      expect(atMs).toBe(node.clock.nowMs());
      expect(keys.map((key) => [key.state, key.signedLastDay, key.signingShare, key.unexpired]).sort()).toEqual([
        ["published", 0, 0, 0],
        ["signing", 30, 0.75, 30],
        ["verify_only", 10, 0.25, 10],
      ]);
      const old = keys.find((key) => key.kid === first);
      expect(old).toMatchObject({ purpose: "access_token", algorithm: "ES256", custody: "local", isOwnCustody: true });
      expect(old?.mayRetireAtMs).toBe((old?.latestExpMs ?? 0) + 14 * 60_000);
      expect(old?.latestExpMs).toBeGreaterThanOrEqual(node.clock.nowMs() + 300_000);
      const spare = keys.find((key) => key.state === "published");
      expect(spare?.maySignAtMs).toBe((spare?.publishedAtMs ?? 0) + 86_400_000);
      node.clock.advance({ hours: 1 });
      expect((await keyApi(node).status()).keys.every((key) => key.unexpired === 0)).toBe(true);
      node.clock.advance({ days: 2 });
      expect((await keyApi(node).status()).keys.every((key) => key.signedLastDay === 0)).toBe(true);
    });

    it("forgets no signature while the store takes no record of it", async () => {
      let isAway = false;
      node = await open({}, (source) =>
        watchStore(source, {
          before: (shape) => {
            if (isAway && shape().includes("segno_key_uses"))
              throw Object.assign(new Error("gone"), { code: "ECONNREFUSED" });
          },
        }),
      );
      const kid = await kidOf(node);
      isAway = true;
      await expect(node.keyring.tick()).rejects.toThrow();
      await kidOf(node, 600);
      isAway = false;
      await node.keyring.tick();
      const found = (await keyApi(node).status()).keys.find((key) => key.kid === kid);
      expect(found).toMatchObject({ signedLastDay: 2, unexpired: 2 });
    });

    it("lists verifiers that do not hold the spare: by name, by digest of their address, never the address", async () => {
      node = await open();
      const fetchSet = async (headers: Record<string, string> = {}, remoteAddress = "198.51.100.7") =>
        await node.handler(new Request(`${origin}/.well-known/jwks.json`, { headers }), { remoteAddress });
      const first = await fetchSet({ "segno-verifier": "orders" });
      await fetchSet({}, "203.0.113.9");
      const etag = first.headers.get("etag") ?? "";
      expect(etag).toMatch(/^"[\w-]{43}"$/);
      await node.keyring.tick();
      expect((await keyApi(node).status()).verifiers).toEqual({ known: 2, behind: [] });
      node.clock.advance({ minutes: 5 });
      await rotateNow(node);
      const behind = (await keyApi(node).status()).verifiers.behind;
      expect(behind.map((verifier) => verifier.name).sort()).toEqual(["orders", null].sort());
      // it asks and gets the new set, but that it has it is known with the next question only
      node.clock.advance({ minutes: 2 });
      const second = await fetchSet({ "segno-verifier": "orders", "if-none-match": etag });
      expect(second.status).toBe(200);
      await node.keyring.tick();
      expect((await keyApi(node).status()).verifiers.behind).toHaveLength(2);
      node.clock.advance({ minutes: 2 });
      const third = await fetchSet({
        "segno-verifier": "orders",
        "if-none-match": second.headers.get("etag") ?? "",
      });
      expect(third.status).toBe(304);
      await node.keyring.tick();
      expect((await keyApi(node).status()).verifiers.behind.map((verifier) => verifier.name)).toEqual([null]);
      const rows = await node.engine.store.db.selectFrom("segno_verifiers").selectAll().execute();
      expect(JSON.stringify(rows)).not.toMatch(/203\.0\.113|198\.51\.100/);
    });

    it("R089: timed rotation waits for a verifier that was seen lately, and a day at most", async () => {
      node = await open({ keys: { publishSeconds: 900, signingSeconds: 3_600 } });
      const first = await kidOf(node);
      const keys = createRemoteKeySet({
        url: `${origin}/.well-known/jwks.json`,
        clock: node.clock,
        fetch: async (url, init) => node.handler(new Request(url, { headers: init.headers })),
      });
      await keys.resolve({ kid: first, alg: "ES256" });
      await node.keyring.tick();
      // the spare it knows is replaced: the verifier holds a set without the new one
      node.clock.advance({ minutes: 10 });
      await keyApi(node).retire(await spareOf(node));
      node.clock.advance({ hours: 2 });
      await node.keyring.tick();
      expect(await kidOf(node)).toBe(first);
      // it asks twice, so it is known to hold the set
      for (let turn = 0; turn < 2; turn += 1) {
        await keys.resolve({ kid: `unknown ${turn}`, alg: "ES256" });
        node.clock.advance({ minutes: 1 });
      }
      await node.keyring.tick();
      await node.keyring.tick();
      expect(await kidOf(node)).not.toBe(first);
      // a verifier that never comes back does not stop the next one for ever
      const second = await kidOf(node);
      await keyApi(node).retire(await spareOf(node));
      node.clock.advance({ hours: 23 });
      await node.keyring.tick();
      expect(await kidOf(node)).toBe(second);
      node.clock.advance({ hours: 2 });
      await node.keyring.tick();
      expect(await kidOf(node)).not.toBe(second);
    });

    it("a flood of verifiers is bounded, and names that are none count by address", async () => {
      node = await open();
      for (let index = 0; index < 1_500; index += 1) {
        node.keyring.noteFetch({ name: `v${index}`, address: "192.0.2.1", holdsCurrent: true });
      }
      await node.keyring.tick();
      const count = async () =>
        (await node.engine.store.db.selectFrom("segno_verifiers").select("id").execute()).length;
      expect(await count()).toBe(1_000);
      const other = await open({ clock: node.clock });
      other.keyring.noteFetch({ name: "<script>", address: "192.0.2.1", holdsCurrent: true });
      await other.keyring.tick();
      expect(await count()).toBe(1_000);
    });
  });

  describe("rotate and retire", () => {
    it("R089: rotation by hand is refused while caches may not know the spare, with the time left", async () => {
      node = await open();
      const refused = await errorOf(keyApi(node).rotate());
      expect(refused).toMatchObject({ code: "conflict", detail: { secondsLeft: 900 } });
      node.clock.advance({ seconds: 899 });
      expect(await errorOf(keyApi(node).rotate())).toMatchObject({ code: "conflict", detail: { secondsLeft: 1 } });
      node.clock.advance({ seconds: 1 });
      expect(await keyApi(node).rotate()).toMatchObject({ wasPublished: true });
    });

    it("R089: early retirement is refused with the exact time left, and then allowed", async () => {
      node = await open();
      const kid = await kidOf(node, 3_000);
      expect(await errorOf(keyApi(node).retire(kid))).toMatchObject({ code: "conflict", detail: { state: "signing" } });
      await rotateNow(node);
      const old = (await keyApi(node).status()).keys.find((key) => key.kid === kid);
      const leftMs = (old?.mayRetireAtMs ?? 0) - node.clock.nowMs();
      expect(leftMs).toBeGreaterThan(3_000_000);
      expect(await errorOf(keyApi(node).retire(kid))).toEqual({
        code: "conflict",
        detail: { kid, state: "verify_only", secondsLeft: Math.ceil(leftMs / 1000) },
      });
      node.clock.advance({ seconds: Math.ceil(leftMs / 1000) });
      await keyApi(node).retire(kid);
      expect(await stateOf(node, kid)).toBe("retired");
      expect(await errorOf(keyApi(node).retire(kid))).toMatchObject({ code: "conflict" });
      expect(await errorOf(keyApi(node).retire("unknown"))).toMatchObject({ code: "not_found" });
    });

    it("a retired remote key is ended by its custody, once", async () => {
      const vault = createVaultDouble();
      node = await open({ keys: { custody: vault.remote } });
      const kid = await kidOf(node);
      await rotateNow(node);
      expect(vault.handles()).toHaveLength(3);
      node.clock.advance({ hours: 1 });
      await node.keyring.tick();
      await node.keyring.tick();
      expect(await stateOf(node, kid)).toBe("destroyed");
      expect(vault.handles()).toHaveLength(2);
      expect(vault.calls.destroy).toBe(1);
    });
  });

  describe("compromise", () => {
    it("F16, R119: out of the set at once, the spare signs, the sessions it served end, the rest go on", async () => {
      node = await open();
      const other = await open({ clock: node.clock });
      const idle = await addSession(node.engine);
      node.clock.advance({ hours: 2 });
      const sinceMs = node.clock.nowMs();
      const before = await kidOf(node);
      const spare = await spareOf(node);
      const families = [await addFamily(node.engine), await addFamily(other.engine)];
      node.clock.advance({ minutes: 2 });
      await node.keyring.tick();
      await other.keyring.tick();
      const told: string[] = [];
      node.events.on("*", (event) => void told.push(event.type));

      const report = await keyApi(node).compromise(before, { sinceMs });
      expect(report).toMatchObject({
        kid: before,
        isFirst: true,
        signingKid: spare,
        sessionsRevoked: 2,
        usersAffected: 2,
        tokensSigned: 3,
        fromMs: sinceMs,
        refusedEverywhereByMs: node.clock.nowMs() + 720_000,
      });
      expect(await kidOf(node)).toBe(spare);
      expect(await spareOf(node)).not.toBe(spare);
      for (const { tokens, opened: session, refreshToken } of families) {
        expect(await node.authenticate(bearer(tokens.accessToken))).toMatchObject({ status: "invalid" });
        expect(await node.authenticate(cookie(session.token))).toMatchObject({ status: "invalid" });
        const refused = rotateRefreshToken(other.engine, { refreshToken, clientId: "segno" }, { requestId: "t" });
        expect(await errorOf(refused)).toMatchObject({ code: "invalid_grant" });
      }
      expect(await node.authenticate(cookie(idle.token))).toMatchObject({ status: "authenticated" });
      // the other node learns of it within a minute, by the clock
      node.clock.advance({ seconds: 60 });
      await other.keyring.tick();
      const forged = families[0]?.tokens.accessToken ?? "";
      expect(await other.authenticate(bearer(forged))).toMatchObject({ status: "invalid" });
      await node.events.drain();
      expect(told.filter((type) => type === "key.compromised" || type === "risk.alert")).toEqual([
        "key.compromised",
        "risk.alert",
      ]);
      expect(told.filter((type) => type === "session.revoked")).toHaveLength(2);
      // again: nothing more to do, and it says so
      expect(await keyApi(node).compromise(before, { sinceMs })).toMatchObject({ isFirst: false, sessionsRevoked: 0 });
      expect(await stateOf(node, before)).toBe("compromised");
    });

    it("R119: ends the sessions that the key signed for, and leaves those that got tokens by others, or none", async () => {
      node = await open();
      const { engine } = node;
      const refresh = async (refreshToken: string): Promise<string> =>
        (await rotateRefreshToken(engine, { refreshToken, clientId: "segno" }, { requestId: "t" })).refreshToken ?? "";
      const isLive = async (token: string) => (await node.authenticate(cookie(token))).status === "authenticated";
      const before = await addFamily(engine);
      const both = await addFamily(engine);
      const third = await addFamily(engine);
      const none = await addSession(engine);
      const first = await kidOf(node);
      node.clock.advance({ minutes: 16 });
      await rotateNow(node);
      const after = await addFamily(engine);
      const latest = await refresh(both.refreshToken);
      // all of them are used after that, within the time that is not trusted
      node.clock.advance({ minutes: 2 });
      for (const { token } of [before.opened, both.opened, third.opened, after.opened, none])
        expect(await isLive(token)).toBe(true);
      const report = await keyApi(node).compromise(first, { sinceMs: 0 });
      expect(report).toMatchObject({ sessionsRevoked: 3, usersAffected: 3 });
      for (const ended of [before, both, third]) expect(await isLive(ended.opened.token)).toBe(false);
      for (const { token } of [after.opened, none]) expect(await isLive(token)).toBe(true);
      expect(await errorOf(refresh(latest))).toMatchObject({ code: "invalid_grant" });
      await refresh(after.refreshToken);
      expect(await keyApi(node).compromise(await kidOf(node), { sinceMs: 0 })).toMatchObject({ sessionsRevoked: 1 });
      expect(await isLive(none.token)).toBe(true);
    });

    it("a refresh asks the store for nothing more, except the first time with each key", async () => {
      const shapes: string[] = [];
      node = await open({}, (source) => watchStore(source, { before: (shape) => void shapes.push(shape()) }));
      let { refreshToken } = await addFamily(node.engine);
      const counted = async (): Promise<number> => {
        shapes.length = 0;
        const input = { refreshToken, clientId: "segno" };
        refreshToken = (await rotateRefreshToken(node.engine, input, { requestId: "t" })).refreshToken ?? "";
        return shapes.length;
      };
      await counted();
      const usual = await counted();
      expect(usual).toBe(3);
      await rotateNow(node);
      await node.keyring.tick();
      await counted();
      expect(await counted()).toBe(usual);
    });

    it("a session that got tokens by more keys than are listed ends with any of them", async () => {
      node = await open();
      const first = await kidOf(node);
      const family = await addFamily(node.engine);
      const other = await addFamily(node.engine);
      let { refreshToken } = family;
      for (let turn = 0; turn < 17; turn += 1) {
        await rotateNow(node);
        const tokens = await rotateRefreshToken(node.engine, { refreshToken, clientId: "segno" }, { requestId: "t" });
        refreshToken = tokens.refreshToken ?? "";
      }
      const row = await node.engine.store.db
        .selectFrom("segno_sessions")
        .select("signed_by")
        .where("id", "=", family.opened.session.id)
        .executeTakeFirstOrThrow();
      expect(row.signed_by).toMatch(/^\+( .{12}){2}$/);
      expect(row.signed_by).not.toContain(first.slice(0, 12));
      expect(await keyApi(node).compromise(first, { sinceMs: 0 })).toMatchObject({ sessionsRevoked: 2 });
      expect(await node.authenticate(cookie(other.opened.token))).toMatchObject({ status: "invalid" });
    });

    it("sessions may be kept; the tokens of the key are refused all the same", async () => {
      node = await open();
      const { tokens, opened: session } = await addFamily(node.engine);
      const report = await keyApi(node).compromise(await kidOf(node), { sinceMs: 0, sessions: "keep" });
      expect(report.sessionsRevoked).toBe(0);
      expect(await node.authenticate(bearer(tokens.accessToken))).toMatchObject({ status: "invalid" });
      expect(await node.authenticate(cookie(session.token))).toMatchObject({ status: "authenticated" });
    });

    it("the spare and the key that signs, one after the other: a fresh key signs and a fresh spare is there", async () => {
      node = await open();
      const { tokens } = await addFamily(node.engine);
      const [signing, spare] = [await kidOf(node), await spareOf(node)];
      const first = await keyApi(node).compromise(spare, { sinceMs: 0 });
      // a spare signed nothing, so it ends nothing
      expect(first).toMatchObject({ signingKid: signing, sessionsRevoked: 0, tokensSigned: 0 });
      expect(await node.authenticate(bearer(tokens.accessToken))).toMatchObject({ status: "authenticated" });
      await keyApi(node).compromise(signing, { sinceMs: 0 });
      const now = await kidOf(node);
      expect([signing, spare]).not.toContain(now);
      expect(await spareOf(node)).not.toBe("");
    });

    it("with no spare, and a vault that makes no key: nothing signs, nothing of it is trusted, and it heals", async () => {
      const vault = createVaultDouble();
      node = await open({ keys: { custody: vault.wrapped } });
      const kids = [await spareOf(node), await kidOf(node)];
      vault.state = "down";
      let report: unknown;
      for (const kid of kids) report = await keyApi(node).compromise(kid, { sinceMs: 0 });
      expect(report).toMatchObject({ signingKid: null });
      expect(await errorOf(kidOf(node))).toMatchObject({ code: "key_unavailable" });
      expect((await node.keyring.publicKeys()).keys).toEqual([]);
      vault.state = "up";
      node.clock.advance({ seconds: 5 });
      await node.keyring.tick();
      expect(kids).not.toContain(await kidOf(node));
    });

    it("refuses what makes no sense", async () => {
      node = await open();
      const api = keyApi(node);
      expect(await errorOf(api.compromise("unknown", { sinceMs: 0 }))).toMatchObject({ code: "not_found" });
      for (const sinceMs of [Number.NaN, -1, Number.POSITIVE_INFINITY, 9e15])
        expect(await errorOf(api.compromise(await kidOf(node), { sinceMs }))).toMatchObject({ code: "invalid_input" });
      const spare = await spareOf(node);
      await api.retire(spare);
      expect(await errorOf(api.compromise(spare, { sinceMs: 0 }))).toMatchObject({ code: "conflict" });
    });
  });

  describe("documents", () => {
    it("R091: T-064: documents are signed by keys of their own, and neither kind passes as the other", async () => {
      node = await open();
      const api = keyApi(node);
      const signed = await api.signDocument({ sub: "invoice 7" }, { expiresInSeconds: 86_400 });
      expect(decodeProtectedHeader(signed.token)).toMatchObject({ typ: "document+jwt", kid: signed.kid });
      const documentKeys = createLocalJWKSet((await api.publicKeys("document")) as JSONWebKeySet);
      const tokenKeys = createLocalJWKSet((await api.publicKeys("access_token")) as JSONWebKeySet);
      const { payload } = await compactVerify(signed.token, documentKeys);
      expect(JSON.parse(new TextDecoder().decode(payload))).toMatchObject({ iss: origin, sub: "invoice 7" });
      await expect(compactVerify(signed.token, tokenKeys)).rejects.toThrow();
      const { tokens } = await addFamily(node.engine);
      await expect(compactVerify(tokens.accessToken, documentKeys)).rejects.toThrow();
      // even one that is shaped like an access token in every other way
      const ring = await node.keyrings.of("document");
      const { token } = await ring.sign({ typ: "at+jwt" }, JSON.parse(atob(tokens.accessToken.split(".")[1] ?? "")));
      expect(await node.authenticate(bearer(token))).toMatchObject({ status: "invalid", reason: "token_key_unknown" });
      expect(await node.authenticate(bearer(signed.token))).toMatchObject({ status: "invalid" });
      const purposes = (await api.status()).keys.map((key) => `${key.purpose} ${key.state}`).sort();
      expect(purposes).toEqual([
        "access_token published",
        "access_token signing",
        "document published",
        "document signing",
      ]);
    });

    it("an unknown purpose has no keys, and reserved claims and odd lives are refused", async () => {
      node = await open();
      const api = keyApi(node);
      expect(await errorOf(node.keyrings.of("coffee" as "data"))).toMatchObject({ code: "invalid_input" });
      for (const claim of ["iss", "iat", "exp", "jti"])
        expect(await errorOf(api.signDocument({ [claim]: 1 }, { expiresInSeconds: 60 }))).toMatchObject({
          code: "invalid_input",
        });
      for (const expiresInSeconds of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
        expect(await errorOf(api.signDocument({}, { expiresInSeconds }))).toMatchObject({ code: "invalid_input" });
    });

    it("document keys rotate after a restart although nobody asks for one", async () => {
      node = await open();
      const { kid } = await keyApi(node).signDocument({}, { expiresInSeconds: 40 * 86_400 });
      const second = await open({ clock: node.clock });
      node.clock.advance({ days: 31 });
      await (await second.keyrings.of("document")).tick();
      expect(await stateOf(node, kid)).toBe("verify_only");
    });
  });
});
