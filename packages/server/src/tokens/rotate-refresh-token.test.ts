import { isSegnoError, type SegnoEvent } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actor, addFamily, addSession, formRequest, type Node, openNode } from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { revokeSession } from "../sessions/index.js";
import { createSecrets, type VersionedSecret } from "../secrets.js";
import { newNonce, parseRefreshToken, sameSuccessor } from "./refresh-token.js";
import { rotateRefreshToken } from "./rotate-refresh-token.js";
import { rotateFamily } from "./store.js";

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "ok";
  } catch (error) {
    if (!isSegnoError(error)) throw error;
    return typeof error.detail["reason"] === "string" ? error.detail["reason"] : error.code;
  }
}

describe.each(testDatabases)("refresh tokens: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  let seen: SegnoEvent[];
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source());
    seen = [];
    node.events.on("*", (event) => void seen.push(event));
  });
  afterEach(async () => {
    await node.stop();
    await database.drop();
  });

  const refresh = (
    refreshToken: string,
    more: { jkt?: string; clientId?: string; scope?: string } = {},
    on: Node = node,
  ) => rotateRefreshToken(on.engine, { refreshToken, clientId: "segno", ...more }, actor);
  const familyRows = () => node.engine.store.db.selectFrom("segno_refresh_families").selectAll().execute();

  it("rotates: a new refresh token and a good access token each time", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const second = await refresh(refreshToken);
    const third = await refresh(second.refreshToken ?? "");
    expect(new Set([refreshToken, second.refreshToken, third.refreshToken]).size).toBe(3);
    expect(third).toMatchObject({ tokenType: "Bearer", expiresInSeconds: 300, refreshExpiresInSeconds: 30 * 86_400 });
  });

  it("T-075: 50 parallel refreshes of one token give one successor in one family", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(refreshToken)));
    expect(new Set(answers.map((answer) => answer.refreshToken)).size).toBe(1);
    const rows = await familyRows();
    expect(rows).toHaveLength(1);
    expect(rows[0]).toMatchObject({ generation: 2, revoked_at: null });
  });

  it("T-023: 50 parallel refreshes without the single flight still rotate once", async () => {
    const { refreshToken } = await addFamily(node.engine);
    // a different key per call keeps each out of the single flight
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) => refresh(refreshToken, { jkt: `key-${index}` })),
    );
    expect(new Set(answers.map((answer) => answer.refreshToken)).size).toBe(1);
    expect((await familyRows())[0]).toMatchObject({ generation: 2, revoked_at: null });
  });

  it("T-023: the rotation statement itself takes effect once, whatever the isolation around it", async () => {
    const { refreshToken, opened } = await addFamily(node.engine);
    const parsed = parseRefreshToken(node.engine.secrets, refreshToken);
    const nowMs = node.clock.nowMs();
    const input = {
      familyId: parsed?.familyId ?? "",
      presentedHash: parsed?.hash ?? "",
      successorHash: "one",
      successorNonce: "sealed",
      clientId: "segno",
      jkt: null,
      nowMs,
      idleExpiresAtMs: nowMs + 1000,
    };
    const { db } = node.engine.store;
    await db.updateTable("segno_sessions").set({ revoked_at: 1 }).where("id", "=", opened.session.id).execute();
    expect(await rotateFamily(db, input)).toBeUndefined();
    await db.updateTable("segno_sessions").set({ revoked_at: null }).where("id", "=", opened.session.id).execute();
    expect(await rotateFamily(db, { ...input, clientId: "other" })).toBeUndefined();
    await db.updateTable("segno_refresh_families").set({ dpop_jkt: "key" }).execute();
    expect(await rotateFamily(db, input)).toBeUndefined();
    expect(await rotateFamily(db, { ...input, jkt: "other key" })).toBeUndefined();
    await db.updateTable("segno_refresh_families").set({ dpop_jkt: null }).execute();
    expect(await rotateFamily(db, input)).toMatchObject({ generation: 2, idle_expires_at: nowMs + 1000 });
    expect(await rotateFamily(db, { ...input, successorHash: "two" })).toBeUndefined();
  });

  it("R052: a tab that missed the answer gets the same successor for 30 seconds", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const first = await refresh(refreshToken);
    node.clock.advance({ seconds: 30 });
    const retry = await refresh(refreshToken);
    expect(retry.refreshToken).toBe(first.refreshToken);
    await node.events.drain();
    const repeats = seen.filter((event) => event.type === "token.refreshed").map((event) => event.data.isRepeat);
    expect(repeats).toEqual([false, true]);
  });

  it("R052: the same successor also after a new secret came to the head of the list, and none when the old one is gone", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const first = await refresh(refreshToken);
    const { secrets: list } = node.engine.config;
    const head = { version: (list[0]?.version ?? 1) + 1, value: "Zr8wQ2mN6vB4xC1kL9jH3gF7dS5aP0oI" };
    const under = (secrets: readonly VersionedSecret[]) =>
      rotateRefreshToken(
        { ...node.engine, secrets: createSecrets(secrets, node.engine.random) },
        { refreshToken, clientId: "segno" },
        actor,
      );
    expect((await under([head, ...list])).refreshToken).toBe(first.refreshToken);
    expect(await codeOf(under([head]))).toBe("secret_gone");
    expect(await codeOf(refresh(first.refreshToken ?? ""))).toBe("ok");
  });

  it("R074: what the store holds of a family does not make its successor", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const first = await refresh(refreshToken);
    const presented = parseRefreshToken(node.engine.secrets, refreshToken);
    const [row] = await familyRows();
    if (presented === undefined || row === undefined) throw new Error("no family");
    const again = (token: typeof presented, nonce: string) =>
      sameSuccessor(node.engine.secrets, { presented: token, nonce }, row.current_hash);
    expect(again(presented, row.successor_nonce ?? "")).toBe(first.refreshToken);
    expect(again({ ...presented, text: row.previous_hash ?? "" }, row.successor_nonce ?? "")).toBeUndefined();
    expect(again(presented, newNonce(node.engine.random))).toBeUndefined();
  });

  it("T-075: after the grace the previous token ends the family and says which class of reuse it was", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const other = await addFamily(node.engine);
    const second = await refresh(refreshToken);
    node.clock.advance({ seconds: 31 });
    expect(await codeOf(refresh(refreshToken))).toBe("previous_after_grace");
    expect(await codeOf(refresh(second.refreshToken ?? ""))).toBe("family_ended");
    expect(await codeOf(refresh(other.refreshToken))).toBe("ok");
    await node.events.drain();
    const alerts = seen.filter((event) => event.type === "risk.alert");
    expect(alerts.map((event) => event.data.reuseClass)).toEqual(["previous_after_grace"]);
  });

  it("T-075: an older generation ends the family at once, one alert whatever comes after", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const second = await refresh(refreshToken);
    const third = await refresh(second.refreshToken ?? "");
    expect(await codeOf(refresh(refreshToken))).toBe("stale_generation");
    expect(await codeOf(refresh(refreshToken))).toBe("family_ended");
    expect(await codeOf(refresh(third.refreshToken ?? ""))).toBe("family_ended");
    await node.events.drain();
    expect(seen.filter((event) => event.type === "risk.alert")).toHaveLength(1);
    expect(seen.filter((event) => event.type === "token.revoked")).toHaveLength(1);
  });

  it("T-075: a token that the store never heard of, though we made it, ends the family that forked", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const { db } = node.engine.store;
    const [before] = await familyRows();
    if (before === undefined) throw new Error("no family");
    const lost = await refresh(refreshToken);
    // a failover that lost the commit, or a backup that was restored
    const { id, ...old } = before;
    await db.updateTable("segno_refresh_families").set(old).where("id", "=", id).execute();
    expect(await codeOf(refresh(lost.refreshToken ?? ""))).toBe("orphaned_branch");
    expect(await codeOf(refresh(refreshToken))).toBe("family_ended");
    await node.events.drain();
    const alerts = seen.filter((event) => event.type === "risk.alert");
    expect(alerts.map((event) => event.data.reuseClass)).toEqual(["orphaned_branch"]);
  });

  it("nobody who made a token up can end a family", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const second = await refresh(refreshToken);
    const forged = `${refreshToken.slice(0, 60)}${refreshToken[60] === "A" ? "B" : "A"}${refreshToken.slice(61)}`;
    expect(await codeOf(refresh(forged))).toBe("not_ours");
    for (const junk of ["", "segno_rt_", "x".repeat(122), `${refreshToken}A`, refreshToken.toUpperCase()]) {
      expect(await codeOf(refresh(junk))).not.toBe("ok");
    }
    expect(await codeOf(refresh(second.refreshToken ?? ""))).toBe("ok");
  });

  it("T-076: setting the clock back an hour revives neither a spent token nor an expired family", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const old = await addFamily(node.engine);
    await refresh(refreshToken);
    node.clock.advance({ seconds: 90 });
    node.clock.advance({ hours: -1 });
    expect(await codeOf(refresh(refreshToken))).toBe("clock_set_back");
    node.clock.advance({ days: 31 });
    expect(await codeOf(refresh(old.refreshToken))).toBe("family_expired");
    node.clock.advance({ days: -31 });
    expect(await codeOf(refresh(old.refreshToken))).toBe("family_ended");
  });

  it("T-077: no client, an unknown client and another client's token are refused and harm nothing", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const send = async (form: Record<string, string>) => {
      const response = await node.handler(
        formRequest("/api/auth/oauth2/token", { grant_type: "refresh_token", ...form }),
      );
      return { status: response.status, ...((await response.json()) as { error?: string }) };
    };
    expect(await send({ refresh_token: refreshToken })).toMatchObject({ status: 401, error: "invalid_client" });
    expect(await send({ refresh_token: refreshToken, client_id: "evil" })).toMatchObject({
      status: 401,
      error: "invalid_client",
    });
    expect(await codeOf(refresh(refreshToken, { clientId: "other" }))).toBe("other_client");
    expect(await send({ refresh_token: refreshToken, client_id: "segno" })).toMatchObject({
      status: 200,
      token_type: "Bearer",
    });
  });

  it("T-083: a repeated parameter is refused", async () => {
    const { refreshToken } = await addFamily(node.engine);
    const form = `grant_type=refresh_token&client_id=segno&refresh_token=${refreshToken}`;
    for (const extra of [
      "&client_id=segno",
      "&grant_type=refresh_token",
      `&refresh_token=${refreshToken}`,
      "&scope=a&scope=b",
    ]) {
      const response = await node.handler(formRequest("/api/auth/oauth2/token", form + extra));
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: "invalid_request" });
    }
  });

  it("a bound family needs its own key, and a stranger's try does not end it", async () => {
    const { refreshToken } = await addFamily(node.engine, { jkt: "key-one" });
    expect(await codeOf(refresh(refreshToken))).toBe("proof_missing");
    expect(await codeOf(refresh(refreshToken, { jkt: "key-two" }))).toBe("other_key");
    const next = await refresh(refreshToken, { jkt: "key-one" });
    expect(next.tokenType).toBe("DPoP");
    expect(await codeOf(refresh(refreshToken, { jkt: "key-two" }))).toBe("other_key");
    expect(await codeOf(refresh(next.refreshToken ?? "", { jkt: "key-one" }))).toBe("ok");
  });

  it("T-021: a revoked session, a suspended user and a deleted user end the family in the same second", async () => {
    const { db } = node.engine.store;
    const one = await addFamily(node.engine);
    await node.engine.store.transaction((trx) =>
      revokeSession(
        node.engine,
        trx,
        { sessionId: one.opened.session.id, userId: one.opened.session.user_id, reason: "test" },
        actor,
      ),
    );
    expect(await codeOf(refresh(one.refreshToken))).toBe("session_not_live");
    const two = await addFamily(node.engine);
    await db
      .updateTable("segno_users")
      .set({ status: "suspended" })
      .where("id", "=", two.opened.session.user_id)
      .execute();
    expect(await codeOf(refresh(two.refreshToken))).toBe("session_not_live");
    const three = await addFamily(node.engine);
    await db.deleteFrom("segno_users").where("id", "=", three.opened.session.user_id).execute();
    expect(await codeOf(refresh(three.refreshToken))).toBe("unknown_family");
  });

  it("idle and absolute limits hold, and refreshing keeps the session alive with the family", async () => {
    const { refreshToken, opened } = await addFamily(node.engine);
    let current = refreshToken;
    for (let day = 20; day < 90; day += 20) {
      node.clock.advance({ days: 20 });
      current = (await refresh(current)).refreshToken ?? "";
    }
    node.clock.advance({ days: 9 });
    const last = await refresh(current);
    expect(last.refreshExpiresInSeconds).toBe(86_400);
    node.clock.advance({ days: 1, seconds: 1 });
    expect(await codeOf(refresh(last.refreshToken ?? ""))).toBe("family_expired");
    expect(opened.session.absolute_expires_at).toBeLessThan(node.clock.nowMs());
  });

  it("a scope can only be narrowed", async () => {
    const { refreshToken } = await addFamily(node.engine);
    expect(await codeOf(refresh(refreshToken, { scope: "admin" }))).toBe("invalid_scope");
    expect(await codeOf(refresh(refreshToken))).toBe("ok");
  });

  it("T-044: two people refreshing at once never get each other's tokens", async () => {
    const people = await Promise.all([addSession(node.engine), addSession(node.engine)]);
    const families = await Promise.all(people.map((opened) => addFamily(node.engine, { opened })));
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        refresh(families[index % 2]?.refreshToken ?? "").then((tokens) => ({ tokens, index })),
      ),
    );
    for (const { tokens, index } of answers) {
      const claims = JSON.parse(Buffer.from(tokens.accessToken.split(".")[1] ?? "", "base64url").toString()) as {
        sub: string;
      };
      expect(claims.sub).toBe(people[index % 2]?.session.user_id);
    }
  });
});
