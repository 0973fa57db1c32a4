import { inflateSync } from "node:zlib";
import { type AccessTokenClaims, createAccessTokenVerifier } from "@segno/core";
import { CompiledQuery } from "kysely";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  actor,
  addFamily,
  addSession,
  besides,
  formRequest,
  type Node,
  openNode,
  origin,
} from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { revokeSession, revokeSessionsOfUser } from "../sessions/index.js";
import { suspendUser } from "../users/index.js";
import { issueTokens } from "../tokens/index.js";
import { sqlite } from "../storage/index.js";
import { revokedStatuses } from "./store.js";
import { clientStatus, leaveClientStatus, statusListSize, sweepStatusIndexes, takeStatusIndex } from "./index.js";

const base = `${origin}/api/auth/.well-known/status-list/`;

function partsOf(jws: string): { readonly header: Record<string, unknown>; readonly payload: Record<string, unknown> } {
  const [header, payload] = jws
    .split(".")
    .slice(0, 2)
    .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()) as Record<string, unknown>);
  return { header: header ?? {}, payload: payload ?? {} };
}

describe.each(testDatabases)("the status list: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source());
  });
  afterEach(async () => {
    await node.stop();
    await database.drop();
  });

  const fetchList = async (on: Node = node, etag?: string, number = "0") => {
    const headers = etag === undefined ? {} : { "if-none-match": etag };
    return await on.handler(new Request(`${base}${number}`, { headers }));
  };
  const read = async (on: Node = node) => {
    const response = await fetchList(on);
    expect(response.status).toBe(200);
    const token = await response.text();
    const { payload } = partsOf(token);
    const list = payload["status_list"] as { bits: number; lst: string };
    expect(list.bits).toBe(1);
    const bits = inflateSync(Buffer.from(list.lst, "base64url"));
    return {
      response,
      token,
      payload,
      isRevoked: (index: number) => (((bits[index >> 3] ?? 0) >> (index & 7)) & 1) === 1,
      bits,
    };
  };
  const claimsOf = async (accessToken: string): Promise<AccessTokenClaims> =>
    await createAccessTokenVerifier({
      issuer: origin,
      audience: origin,
      keys: node.engine.signer.keySet,
      clock: node.clock,
    }).verify(accessToken);
  const placeOf = async (accessToken: string): Promise<number> =>
    (await claimsOf(accessToken)).status?.status_list.idx ?? -1;
  const tokenOf = async (opened: Awaited<ReturnType<typeof addSession>>) =>
    (
      await node.engine.store.transaction((trx) =>
        issueTokens(node.engine, trx, { session: opened.session, withRefresh: false }, actor),
      )
    ).accessToken;
  const revoke = async (token: string) => {
    const response = await node.handler(formRequest("/api/auth/oauth2/revoke", { token, client_id: "segno" }));
    expect(response.status).toBe(200);
  };

  it("Token Status List section 5.1: is a signed, compressed list that names itself, and every token names a place in it", async () => {
    const opened = await addSession(node.engine);
    const claims = await claimsOf(await tokenOf(opened));
    expect(claims.status?.status_list.uri).toBe(`${base}0`);
    expect(claims.status?.status_list.idx).toBe(opened.session.status_index);
    const { response, token, payload, bits } = await read();
    expect(response.headers.get("content-type")).toBe("application/statuslist+jwt");
    expect(response.headers.get("cache-control")).toBe("public, max-age=1");
    expect(partsOf(token).header).toMatchObject({ typ: "statuslist+jwt", alg: "ES256" });
    const nowSeconds = Math.floor(node.clock.nowMs() / 1000);
    expect(payload).toMatchObject({ iss: origin, sub: `${base}0`, ttl: 3 });
    expect(payload["iat"]).toBe(nowSeconds);
    expect(Number(payload["exp"]) - nowSeconds).toBeGreaterThanOrEqual(240);
    expect(bits.length * 8).toBe(statusListSize);
    expect(token.length).toBeLessThan(1_000);
  });

  it("answers 304 while nothing changed, and a new list a second after something did", async () => {
    const opened = await addSession(node.engine);
    const etag = (await fetchList()).headers.get("etag") ?? "";
    expect((await fetchList(node, etag)).status).toBe(304);
    await node.engine.store.transaction((trx) =>
      revokeSession(
        node.engine,
        trx,
        { sessionId: opened.session.id, userId: opened.session.user_id, reason: "t" },
        actor,
      ),
    );
    node.clock.advance({ seconds: 1 });
    const changed = await fetchList(node, etag);
    expect(changed.status).toBe(200);
    expect((await read()).isRevoked(opened.session.status_index)).toBe(true);
    expect((await fetchList(node, changed.headers.get("etag") ?? "")).status).toBe(304);
  });

  it("R075: session, subject, family and token each reach it on another node within a second, and nobody else does", async () => {
    const second = await openNode(
      besides(node, () => database.source()),
      { clock: node.clock },
    );
    try {
      const bystander = await addSession(node.engine);
      const bySession = await addFamily(node.engine);
      const bySubject = await addFamily(node.engine);
      const bySuspension = await addSession(node.engine);
      const byFamily = await addFamily(node.engine);
      const byToken = await addSession(node.engine);
      const places = {
        session: bySession.opened.session.status_index,
        familyOfSession: await placeOf(bySession.tokens.accessToken),
        subject: bySubject.opened.session.status_index,
        familyOfSubject: await placeOf(bySubject.tokens.accessToken),
        suspended: bySuspension.session.status_index,
        family: await placeOf(byFamily.tokens.accessToken),
        token: await placeOf(await tokenOf(byToken)),
      };
      const kept = {
        bystander: bystander.session.status_index,
        sessionOfFamily: byFamily.opened.session.status_index,
      };
      const before = await read(second);
      for (const place of [...Object.values(places), ...Object.values(kept)])
        expect(before.isRevoked(place)).toBe(false);

      const { engine } = node;
      await engine.store.transaction(async (trx) => {
        const { id, user_id } = bySession.opened.session;
        await revokeSession(engine, trx, { sessionId: id, userId: user_id, reason: "t" }, actor);
        await revokeSessionsOfUser(engine, trx, { userId: bySubject.opened.session.user_id, reason: "t" }, actor);
      });
      await suspendUser(engine, bySuspension.session.user_id, actor);
      await revoke(byFamily.refreshToken);
      const revokedToken = await tokenOf(byToken);
      await revoke(revokedToken);

      node.clock.advance({ seconds: 1 });
      const after = await read(second);
      for (const [name, place] of Object.entries(places)) expect([name, after.isRevoked(place)]).toEqual([name, true]);
      for (const [name, place] of Object.entries(kept)) expect([name, after.isRevoked(place)]).toEqual([name, false]);
    } finally {
      await second.stop();
    }
  });

  it("T-069: revoking one access token lets the next one of its session or family be good", async () => {
    const { opened, tokens, refreshToken } = await addFamily(node.engine);
    const place = await placeOf(tokens.accessToken);
    await revoke(tokens.accessToken);
    const form = { grant_type: "refresh_token", client_id: "segno", refresh_token: refreshToken };
    const refreshed = (await (await node.handler(formRequest("/api/auth/oauth2/token", form))).json()) as {
      access_token: string;
    };
    const nextPlace = await placeOf(refreshed.access_token);
    const ofSession = await tokenOf(opened);
    await revoke(ofSession);
    const row = await node.engine.store.db
      .selectFrom("segno_sessions")
      .select("status_index")
      .where("id", "=", opened.session.id)
      .executeTakeFirstOrThrow();
    const { isRevoked } = await read();
    expect([isRevoked(place), isRevoked(nextPlace)]).toEqual([true, false]);
    expect([isRevoked(opened.session.status_index), isRevoked(row.status_index)]).toEqual([true, false]);
  });

  it("gives a place to one owner at a time: taken ones are never drawn, and a place comes free only after its tokens", async () => {
    const { engine, clock } = node;
    const drawn = vi.spyOn(engine.random, "bytes");
    const fixed = (value: number) => {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(value);
      drawn.mockImplementationOnce((length) => (length === 4 ? bytes : Buffer.alloc(length, 7)));
    };
    const take = (expiresAtMs: number) => engine.store.transaction((trx) => takeStatusIndex(engine, trx, expiresAtMs));
    const endsAt = clock.nowMs() + 1_000;
    fixed(5);
    expect(await take(endsAt)).toBe(5);
    fixed(5 + statusListSize);
    fixed(5);
    fixed(5);
    fixed(5);
    fixed(statusListSize + 9);
    expect(await take(endsAt)).toBe(statusListSize + 9);
    expect((await fetchList(node, undefined, "1")).status).toBe(200);
    clock.advance({ days: 2 });
    await sweepStatusIndexes(engine.store.db, clock.nowMs());
    fixed(5);
    fixed(6);
    expect(await take(endsAt)).toBe(6);
    clock.advance({ seconds: 2 });
    await sweepStatusIndexes(engine.store.db, clock.nowMs());
    fixed(5);
    expect(await take(endsAt)).toBe(5);
  });

  it("R075: a service has one place for its own tokens, and another one after they were revoked together", async () => {
    const { engine, clock } = node;
    const client = { clientId: "reports", endsAtMs: undefined };
    const place = () => engine.store.transaction((trx) => clientStatus(engine, trx, client));
    const first = await place();
    expect([await place(), await place()]).toEqual([first, first]);
    await engine.store.transaction((trx) => leaveClientStatus(engine, trx, client));
    clock.advance({ seconds: 1 });
    const second = await place();
    const { isRevoked } = await read();
    expect([isRevoked(first), isRevoked(second)]).toEqual([true, false]);
    const unknown = { clientId: "nobody", endsAtMs: undefined };
    expect(await engine.store.transaction((trx) => leaveClientStatus(engine, trx, unknown))).toBe(false);
  });

  it.each(["1", "1024", "9999", "00", "-1", "1e1", "0x1", "%30", "__proto__"])("has no list %s", async (number) => {
    await addSession(node.engine);
    expect((await fetchList(node, undefined, number)).status).toBe(404);
  });
});

it("finds what was revoked by when it was, on SQLite too: a walk through all sessions a second would be the end of it", async () => {
  const node = await openNode(sqlite(":memory:"));
  const { db } = node.engine.store;
  const { sql, parameters } = revokedStatuses(db, 0).compile();
  const { rows } = await db.executeQuery<{ detail: string }>(
    CompiledQuery.raw(`explain query plan ${sql}`, [...parameters]),
  );
  const steps = rows.map(({ detail }) => detail).filter((detail) => /^(SCAN|SEARCH)/.test(detail));
  expect(steps).toEqual([
    "SEARCH segno_sessions USING INDEX segno_sessions_revoked (revoked_at>?)",
    "SEARCH s USING INDEX segno_sessions_revoked (revoked_at>?)",
    "SEARCH f USING INDEX segno_refresh_families_session (session_id=?)",
    "SEARCH segno_refresh_families USING INDEX segno_refresh_families_revoked (revoked_at>?)",
    "SEARCH segno_revoked_tokens USING INDEX segno_revoked_tokens_expiry (expires_at>?)",
  ]);
  await node.stop();
});

describe("the status list over time", () => {
  let database: TestDatabase;
  let node: Node;
  beforeEach(async () => {
    const memory = testDatabases.find(({ name }) => name === "sqlite memory");
    if (memory === undefined) throw new Error("no database");
    database = await memory.create();
    node = await openNode(database.source());
  });
  afterEach(async () => {
    await node.stop();
    await database.drop();
  });
  const get = async () => {
    const response = await node.handler(new Request(`${base}0`));
    return { status: response.status, etag: response.headers.get("etag"), text: await response.text() };
  };
  const end = async ({ session }: Awaited<ReturnType<typeof addSession>>) =>
    await node.engine.store.transaction((trx) =>
      revokeSession(node.engine, trx, { sessionId: session.id, userId: session.user_id, reason: "t" }, actor),
    );

  it("asks the store once a second and signs once a minute, however many ask", async () => {
    const signed = vi.spyOn(node.engine.signer, "sign");
    const asked = vi.spyOn(node.engine.store.db, "selectFrom");
    await Promise.all(Array.from({ length: 50 }, get));
    const first = asked.mock.calls.length;
    expect(signed).toHaveBeenCalledTimes(1);
    await Promise.all(Array.from({ length: 50 }, get));
    expect(asked.mock.calls.length).toBe(first);
    for (let second = 0; second < 59; second += 1) {
      node.clock.advance({ seconds: 1 });
      await get();
    }
    expect(signed.mock.calls.length).toBeLessThanOrEqual(2);
    node.clock.advance({ seconds: 60 });
    await get();
    expect(signed.mock.calls.length).toBeLessThanOrEqual(3);
  });

  it("gives nodes that know the same the same ETag", async () => {
    const second = await openNode(
      besides(node, () => database.source()),
      { clock: node.clock },
    );
    const opened = await addSession(node.engine);
    await end(opened);
    const other = await second.handler(new Request(`${base}0`));
    expect(other.headers.get("etag")).toBe((await get()).etag);
    await second.stop();
  });

  it("forgets a place when no token can name it any more, and only then", async () => {
    const opened = await addSession(node.engine);
    const untouched = (await get()).etag?.split(".")[1];
    await end(opened);
    node.clock.advance({ seconds: 3_600 });
    expect((await get()).etag?.split(".")[1]).not.toBe(untouched);
    node.clock.advance({ seconds: 1_000 });
    expect((await get()).etag?.split(".")[1]).toBe(untouched);
  });

  it("R110: while nothing can be signed a list that is true stays good for minutes; one that is not is not sent", async () => {
    const opened = await addSession(node.engine);
    const held = await get();
    const { SegnoError } = await import("@segno/core");
    vi.spyOn(node.engine.signer, "sign").mockRejectedValue(new SegnoError("key_unavailable"));
    node.clock.advance({ seconds: 150 });
    expect(await get()).toEqual(held);
    await end(opened);
    node.clock.advance({ seconds: 1 });
    expect((await get()).status).toBe(503);
    vi.restoreAllMocks();
    expect((await get()).status).toBe(200);
  });

  it("sends no copy that is older than the store's last word: a store that does not answer is a 503", async () => {
    await get();
    node.clock.advance({ seconds: 1 });
    vi.spyOn(node.engine.store.db, "selectFrom").mockImplementation(() => {
      throw Object.assign(new Error("gone"), { code: "ECONNREFUSED" });
    });
    expect((await get()).status).toBe(503);
    vi.restoreAllMocks();
    expect((await get()).status).toBe(200);
  });
});
