import { createAccessTokenVerifier, createRemoteKeySet, createStatusList, isSegnoError } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actor, addSession, besides, formRequest, keyApi, type Node, openNode, origin } from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { revokeSession } from "../sessions/index.js";
import { suspendUser } from "../users/index.js";
import { authenticateAccessToken, issueTokens, revokeTokens, type RevocationTarget } from "./index.js";
import { introspectToken } from "./introspect-token.js";
import { rotateRefreshToken } from "./rotate-refresh-token.js";

const audience = "https://api.example.com";

describe.each(testDatabases)("taking tokens back: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  let other: Node;
  beforeEach(async () => {
    database = await create();
    const options = { tokens: { audiences: [origin, audience], clients: ["segno", "tv"] } };
    node = await openNode(database.source(), options);
    other = await openNode(
      besides(node, () => database.source()),
      { ...options, clock: node.clock },
    );
  });
  afterEach(async () => {
    await other.stop();
    await node.stop();
    await database.drop();
  });

  type Opened = Awaited<ReturnType<typeof addSession>>;
  const issue = async ({ session }: Opened, withRefresh = false) =>
    await node.engine.store.transaction((trx) =>
      issueTokens(node.engine, trx, { session, withRefresh, audience: origin }, actor),
    );
  const inEngine = async (token: string, on: Node = node): Promise<string> => {
    const presented = {
      token,
      scheme: "Bearer",
      proof: null,
      method: "GET",
      url: origin,
      thumbprint: () => undefined,
    } as const;
    try {
      return (await authenticateAccessToken(on.engine, presented)).status;
    } catch (error) {
      if (isSegnoError(error)) return error.code;
      throw error;
    }
  };
  const isActive = async (token: string, on: Node = other) => (await introspectToken(on.engine, token)).active;
  const revokeAt = async (token: string, clientId = "segno") => {
    const response = await node.handler(formRequest("/api/auth/oauth2/revoke", { token, client_id: clientId }));
    return [response.status, ((await response.json()) as { error?: string }).error];
  };

  /** A verifier in another process, whose requests go to each node in turn. */
  function offline() {
    let turn = 0;
    const fetch = async (url: string, init: object) => {
      turn += 1;
      return await (turn % 2 === 0 ? node : other).handler(new Request(url, init));
    };
    const { clock } = node;
    const keys = createRemoteKeySet({ url: `${origin}/.well-known/jwks.json`, clock, fetch });
    const { isRevoked } = createStatusList({ issuer: origin, keys, clock, fetch });
    const verifier = createAccessTokenVerifier({ issuer: origin, audience: origin, keys, clock, isRevoked });
    return async (token: string): Promise<string> => {
      try {
        await verifier.verify(token);
        return "accepted";
      } catch (error) {
        if (isSegnoError(error)) return error.code;
        throw error;
      }
    };
  }

  const session = async () => {
    const opened = await addSession(node.engine);
    return { opened, token: (await issue(opened)).accessToken };
  };
  const family = async () => {
    const opened = await addSession(node.engine);
    const tokens = await issue(opened, true);
    return { opened, token: tokens.accessToken, refreshToken: tokens.refreshToken ?? "" };
  };
  const familyIdOf = async ({ opened }: { opened: Opened }) => {
    const found = await node.engine.store.db
      .selectFrom("segno_refresh_families")
      .select("id")
      .where("session_id", "=", opened.session.id)
      .executeTakeFirstOrThrow();
    return found.id;
  };
  const take = async (target: RevocationTarget) => await revokeTokens(node.engine, target, actor);

  const ways: readonly [string, () => Promise<{ token: string; revoke: () => Promise<unknown> }>][] = [
    [
      "its session is ended",
      async () => {
        const { opened, token } = await session();
        return { token, revoke: () => take({ sessionId: opened.session.id }) };
      },
    ],
    [
      "its user signs out everywhere",
      async () => {
        const { opened, token } = await family();
        return { token, revoke: () => take({ userId: opened.session.user_id }) };
      },
    ],
    [
      "its user is suspended",
      async () => {
        const { opened, token } = await session();
        return { token, revoke: () => suspendUser(node.engine, opened.session.user_id, actor) };
      },
    ],
    [
      "its family is ended",
      async () => {
        const held = await family();
        const familyId = await familyIdOf(held);
        return { token: held.token, revoke: () => take({ familyId }) };
      },
    ],
    [
      "its refresh token is revoked by the client",
      async () => {
        const { token, refreshToken } = await family();
        return { token, revoke: () => revokeAt(refreshToken) };
      },
    ],
    [
      "it is revoked by the client itself",
      async () => {
        const { token } = await session();
        return { token, revoke: () => revokeAt(token) };
      },
    ],
    [
      "its family's old refresh token is reused",
      async () => {
        const { token, refreshToken } = await family();
        const rotate = (text: string) =>
          rotateRefreshToken(node.engine, { refreshToken: text, clientId: "segno" }, actor);
        await rotate((await rotate(refreshToken)).refreshToken ?? "");
        return { token, revoke: () => rotate(refreshToken).catch(() => undefined) };
      },
    ],
    [
      "its client is revoked",
      async () => {
        const { token } = await session();
        return { token, revoke: () => take({ clientId: "segno" }) };
      },
    ],
  ];

  it.each(ways)(
    "R075, T-069: a token is refused by the engine and introspection at once, by the other node and offline within 5 seconds, when %s",
    async (name, prepare) => {
      const check = offline();
      const bystander = await session();
      const { token, revoke } = await prepare();
      for (const on of [node, other]) expect(await inEngine(token, on)).toBe("authenticated");
      expect([await check(token), await check(bystander.token)]).toEqual(["accepted", "accepted"]);
      await revoke();
      expect([await inEngine(token), await isActive(token), await isActive(token, node)]).toEqual([
        "token_revoked",
        false,
        false,
      ]);
      let refusedAfter = Number.POSITIVE_INFINITY;
      for (let tick = 1; tick <= 10; tick += 1) {
        node.clock.advance({ milliseconds: 500 });
        const answer = await check(token);
        if (answer === "token_revoked") refusedAfter = Math.min(refusedAfter, tick / 2);
        else expect([answer, refusedAfter]).toEqual(["accepted", Number.POSITIVE_INFINITY]);
        if (!name.startsWith("its client") && !name.startsWith("its key"))
          expect(await check(bystander.token)).toBe("accepted");
      }
      expect(refusedAfter).toBeLessThanOrEqual(5);
      expect(await inEngine(token, other)).toBe("token_revoked");
    },
  );

  it("T-064: a key that is taken back is refused at once here, by the other node and offline within 5 seconds", async () => {
    const check = offline();
    const { token, opened } = await session();
    const { kid } = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as { kid: string };
    expect([await check(token), await inEngine(token, other)]).toEqual(["accepted", "authenticated"]);
    await keyApi(node).compromise(kid, { sinceMs: 0, sessions: "keep" });
    expect([await inEngine(token), await isActive(token, node)]).toEqual(["token_key_unknown", false]);
    let refusedAfter = Number.POSITIVE_INFINITY;
    for (let tick = 1; tick <= 20; tick += 1) {
      node.clock.advance({ milliseconds: 500 });
      if ((await check(token)) !== "accepted") refusedAfter = Math.min(refusedAfter, tick / 2);
      else expect(refusedAfter).toBe(Number.POSITIVE_INFINITY);
    }
    expect(refusedAfter).toBeLessThanOrEqual(5);
    expect([await inEngine(token, other), await isActive(token)]).toEqual(["token_key_unknown", false]);
    const next = (await issue(opened)).accessToken;
    expect([await check(next), await inEngine(next, other)]).toEqual(["accepted", "authenticated"]);
  });

  it("R075: a client's sessions end all, however many, and nobody else's; those who sign in again are welcome", async () => {
    const mine = await session();
    const nodeDb = node.engine.store.db;
    for (let count = 0; count < 450; count += 1) await addSession(node.engine, mine.opened.session.user_id);
    const onTv = await session();
    await nodeDb
      .updateTable("segno_sessions")
      .set({ client_id: "tv" })
      .where("id", "=", onTv.opened.session.id)
      .execute();
    expect(await take({ clientId: "segno" })).toEqual({ sessions: 451, families: 0 });
    expect(await take({ clientId: "segno" })).toEqual({ sessions: 0, families: 0 });
    expect([await inEngine(mine.token), await inEngine(onTv.token)]).toEqual(["token_revoked", "authenticated"]);
    const again = await session();
    expect(await inEngine(again.token)).toBe("authenticated");
    const told = await nodeDb.selectFrom("segno_outbox").select("id").where("type", "=", "session.revoked").execute();
    expect(told).toHaveLength(451);
  });

  it("ends a family and leaves its session alone", async () => {
    const held = await family();
    const ofSession = (await issue(held.opened)).accessToken;
    expect(await take({ familyId: await familyIdOf(held) })).toEqual({ sessions: 0, families: 1 });
    expect(await take({ familyId: await familyIdOf(held) })).toEqual({ sessions: 0, families: 0 });
    expect([await inEngine(held.token), await inEngine(ofSession)]).toEqual(["token_revoked", "authenticated"]);
  });

  it("a session has ten families: with the eleventh the oldest ends, at once here, and it is told", async () => {
    const told: unknown[] = [];
    node.events.on("token.revoked", ({ data }) => void told.push(data));
    const oldest = await family();
    const familyId = await familyIdOf(oldest);
    expect(await inEngine(oldest.token)).toBe("authenticated");
    for (let more = 0; more < 9; more += 1) {
      node.clock.advance({ seconds: 1 });
      await issue(oldest.opened, true);
    }
    expect(await inEngine(oldest.token)).toBe("authenticated");
    await issue(oldest.opened, true);
    expect(await inEngine(oldest.token)).toBe("token_revoked");
    const input = { refreshToken: oldest.refreshToken, clientId: "segno" };
    await expect(rotateRefreshToken(node.engine, input, actor)).rejects.toMatchObject({ code: "invalid_grant" });
    await node.events.drain();
    expect(told).toEqual([{ kind: "family", reason: "replaced", familyId }]);
  });

  it("T-018: ends nothing for a target that is none or several", async () => {
    const { token } = await session();
    const bad = [
      {},
      { sessionId: "" },
      { userId: "a", clientId: "b" },
      { subject: "a" },
      { sessionId: undefined },
      { sessionId: 5 },
    ];
    for (const target of bad) {
      const refused = await take(target as unknown as RevocationTarget).catch((error: unknown) => error);
      expect(isSegnoError(refused, "invalid_input")).toBe(true);
    }
    for (const target of [{ sessionId: "x" }, { userId: "x" }, { familyId: "x" }, { clientId: "x" }]) {
      expect(await take(target)).toEqual({ sessions: 0, families: 0 });
    }
    expect(await inEngine(token)).toBe("authenticated");
  });

  it("T-069: RFC 7009 says done only of what is done: a session's own token and a JWT of another kind are unsupported", async () => {
    const { opened, token } = await session();
    expect(await revokeAt(opened.token)).toEqual([400, "unsupported_token_type"]);
    expect(await inEngine(token)).toBe("authenticated");
    const list = await (await node.handler(new Request(`${origin}/api/auth/.well-known/status-list/0`))).text();
    expect(await revokeAt(list)).toEqual([400, "unsupported_token_type"]);
    for (const unknown of ["x", "A".repeat(43), `segno_rt_${"A".repeat(113)}`, `${token}x`, token.slice(0, -2)]) {
      expect(await revokeAt(unknown)).toEqual([200, undefined]);
    }
    expect(await revokeAt(token, "tv")).toEqual([400, "invalid_grant"]);
    await node.engine.store.transaction((trx) =>
      revokeSession(
        node.engine,
        trx,
        { sessionId: opened.session.id, userId: opened.session.user_id, reason: "t" },
        actor,
      ),
    );
    expect(await revokeAt(opened.token)).toEqual([200, undefined]);
  });

  it("T-069: revoking an access token takes its siblings with it, everywhere alike, and the next one is good", async () => {
    const check = offline();
    const { opened, refreshToken, token } = await family();
    const rotated = await rotateRefreshToken(node.engine, { refreshToken, clientId: "segno" }, actor);
    const ofSession = (await issue(opened)).accessToken;
    await revokeAt(token);
    node.clock.advance({ seconds: 11 });
    const siblings = [token, rotated.accessToken];
    for (const sibling of siblings)
      expect([await inEngine(sibling), await check(sibling)]).toEqual(["token_revoked", "token_revoked"]);
    const next = await rotateRefreshToken(
      node.engine,
      { refreshToken: rotated.refreshToken ?? "", clientId: "segno" },
      actor,
    );
    for (const good of [next.accessToken, ofSession])
      expect([await inEngine(good), await check(good)]).toEqual(["authenticated", "accepted"]);
  });
});
