import { isSegnoError } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  actor,
  addSession,
  addUser,
  jsonRequest,
  type Node,
  openNode,
  origin,
  sessionCookie,
} from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { issueTokens } from "../tokens/index.js";
import { deviceNameOf, raiseSession, revokeSession, sessionCookieSeconds, settleSessions } from "./index.js";

describe.each(testDatabases)("sessions: $name", ({ skipped, create }) => {
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

  const ask = (token: string) => node.authenticate({ headers: sessionCookie(token), method: "GET", url: origin });
  const call = async (method: string, path: string, token: string | undefined, body?: unknown) => {
    const response = await node.handler(
      jsonRequest(method, `/api/auth${path}`, body, token === undefined ? {} : sessionCookie(token)),
    );
    const text = await response.text();
    return {
      status: response.status,
      body: text === "" ? undefined : JSON.parse(text),
      setCookie: response.headers.getSetCookie(),
    };
  };
  const rowOf = (id: string) =>
    node.engine.store.db.selectFrom("segno_sessions").selectAll().where("id", "=", id).executeTakeFirstOrThrow();

  it("holds the token nowhere, only its hash", async () => {
    const { token, session } = await addSession(node.engine);
    expect(JSON.stringify(await rowOf(session.id))).not.toContain(token);
    expect(await ask(token)).toMatchObject({
      status: "authenticated",
      subject: session.user_id,
      via: "session",
      acr: "aal1",
    });
    expect(await ask(session.token_hash)).toMatchObject({ status: "invalid", reason: "session_expired" });
  });

  it("ends after the idle limit, slides with use, and never passes the absolute limit", async () => {
    const { token } = await addSession(node.engine);
    const lazy = await addSession(node.engine);
    for (let day = 0; day < 90; day += 10) {
      expect(await ask(token)).toMatchObject({ status: "authenticated" });
      await settleSessions(node.engine);
      node.clock.advance({ days: 10 });
    }
    expect(await ask(token)).toMatchObject({ status: "invalid" });
    expect(await ask(lazy.token)).toMatchObject({ status: "invalid" });
  });

  it("T-076: an expired session that was refused stays refused when the clock is set back", async () => {
    const { token } = await addSession(node.engine);
    node.clock.advance({ days: 15 });
    expect(await ask(token)).toMatchObject({ status: "invalid" });
    await settleSessions(node.engine);
    node.clock.advance({ days: -14 });
    expect(await ask(token)).toMatchObject({ status: "invalid" });
  });

  it("writes its use down once a minute at most, row and cookie life from one place", async () => {
    const { token, session } = await addSession(node.engine);
    node.clock.advance({ seconds: 59 });
    await ask(token);
    await settleSessions(node.engine);
    expect((await rowOf(session.id)).last_seen_at).toBe(session.created_at);
    node.clock.advance({ seconds: 1 });
    await Promise.all([ask(token), ask(token), ask(token)]);
    await settleSessions(node.engine);
    const row = await rowOf(session.id);
    expect(row.last_seen_at).toBe(node.clock.nowMs());
    expect(row.idle_expires_at).toBe(node.clock.nowMs() + 14 * 86_400_000);
    expect(sessionCookieSeconds(row, node.clock.nowMs())).toBe(90 * 86_400 - 60);
  });

  it("T-015: a step-up replaces the token, the planted one is dead, and the row says what was proved", async () => {
    const { token, session } = await addSession(node.engine);
    node.clock.advance({ minutes: 5 });
    const raised = await node.engine.store.transaction((trx) =>
      raiseSession(node.engine, trx, { sessionId: session.id, acr: "phr", amr: ["swk", "user", "mfa"] }, actor),
    );
    expect(await ask(token)).toMatchObject({ status: "invalid" });
    expect(await ask(raised.token)).toMatchObject({
      status: "authenticated",
      acr: "phr",
      sessionId: session.id,
      authTime: node.clock.nowMs() / 1000,
    });
    await node.engine.store.transaction((trx) =>
      revokeSession(node.engine, trx, { sessionId: session.id, userId: session.user_id, reason: "t" }, actor),
    );
    const again = node.engine.store.transaction((trx) =>
      raiseSession(node.engine, trx, { sessionId: session.id, acr: "phr", amr: [] }, actor),
    );
    expect(isSegnoError(await again.catch((error: unknown) => error), "session_expired")).toBe(true);
  });

  it("T-021: suspending or deleting the user ends the session with the next call", async () => {
    const { token, session } = await addSession(node.engine);
    const { db } = node.engine.store;
    await db.updateTable("segno_users").set({ status: "suspended" }).where("id", "=", session.user_id).execute();
    expect(await ask(token)).toMatchObject({ status: "invalid", reason: "session_expired" });
    const other = await addSession(node.engine);
    await db.deleteFrom("segno_users").where("id", "=", other.session.user_id).execute();
    expect(await ask(other.token)).toMatchObject({ status: "invalid" });
  });

  it("T-020: an access token of a revoked session is refused here at once, on the API and on fresh checks", async () => {
    const { session } = await addSession(node.engine);
    const { accessToken } = await node.engine.store.transaction((trx) =>
      issueTokens(node.engine, trx, { session, withRefresh: false }, actor),
    );
    const present = (fresh: boolean) =>
      node.authenticate({ headers: { authorization: `Bearer ${accessToken}` }, method: "GET", url: origin, fresh });
    expect(await present(false)).toMatchObject({ status: "authenticated", via: "access_token" });
    await node.engine.store.transaction((trx) =>
      revokeSession(node.engine, trx, { sessionId: session.id, userId: session.user_id, reason: "t" }, actor),
    );
    expect(await present(false)).toMatchObject({ status: "invalid", reason: "token_revoked" });
    expect(await present(true)).toMatchObject({ status: "invalid", reason: "token_revoked" });
  });

  it("T-020: another node refuses it within 5 seconds, and at once where it matters", async () => {
    const { session } = await addSession(node.engine);
    const { accessToken } = await node.engine.store.transaction((trx) =>
      issueTokens(node.engine, trx, { session, withRefresh: false }, actor),
    );
    const present = (fresh: boolean) =>
      node.authenticate({ headers: { authorization: `Bearer ${accessToken}` }, method: "GET", url: origin, fresh });
    expect(await present(false)).toMatchObject({ status: "authenticated" });
    // as another process would
    await node.engine.store.db
      .updateTable("segno_sessions")
      .set({ revoked_at: 1 })
      .where("id", "=", session.id)
      .execute();
    expect(await present(true)).toMatchObject({ status: "invalid" });
    node.clock.advance({ seconds: 5 });
    expect(await present(false)).toMatchObject({ status: "invalid" });
  });

  it("T-022: whose sessions is never a matter of what the request says", async () => {
    const ann = await addSession(node.engine);
    const eve = await addSession(node.engine);
    const path = `/v1/sessions/${ann.session.id}`;
    expect(await call("DELETE", path, eve.token)).toMatchObject({ status: 404 });
    expect(await call("PATCH", path, eve.token, { deviceName: "Eve was here" })).toMatchObject({ status: 404 });
    expect(
      await call("POST", "/v1/sessions/revoke", eve.token, { which: "all", userId: ann.session.user_id }),
    ).toMatchObject({ status: 400 });
    expect(await call("POST", "/v1/sessions/revoke", eve.token, { which: "all" })).toMatchObject({
      status: 200,
      body: { revoked: 1 },
    });
    expect(await ask(ann.token)).toMatchObject({ status: "authenticated" });
    expect(await ask(eve.token)).toMatchObject({ status: "invalid" });
  });

  it("lists, names and ends devices", async () => {
    const userId = await addUser(node.engine);
    const phone = await addSession(node.engine, userId);
    node.clock.advance({ seconds: 1 });
    const laptop = await addSession(node.engine, userId);
    const tablet = await addSession(node.engine, userId);
    const listed = await call("GET", "/v1/sessions", laptop.token);
    expect(listed.body.sessions).toHaveLength(3);
    expect(listed.body.sessions.filter((session: { current: boolean }) => session.current)).toMatchObject([
      { id: laptop.session.id },
    ]);
    expect(Object.keys(listed.body.sessions[0]).sort()).toEqual([
      "acr",
      "amr",
      "authTime",
      "createdAt",
      "current",
      "deviceName",
      "expiresAt",
      "id",
      "lastSeenAt",
      "userId",
    ]);
    expect(
      await call("PATCH", `/v1/sessions/${phone.session.id}`, laptop.token, { deviceName: " My phone " }),
    ).toMatchObject({
      status: 200,
      body: { deviceName: "My phone", current: false },
    });
    expect(await call("PATCH", `/v1/sessions/${phone.session.id}`, laptop.token, { deviceName: "" })).toMatchObject({
      status: 400,
    });
    expect(await call("DELETE", `/v1/sessions/${tablet.session.id}`, laptop.token)).toMatchObject({ status: 204 });
    expect(await call("POST", "/v1/sessions/revoke", laptop.token, { which: "others" })).toMatchObject({
      body: { revoked: 1 },
    });
    expect((await call("GET", "/v1/sessions", laptop.token)).body.sessions).toHaveLength(1);
  });

  it("signs out: the cookie is cleared, the session over, and a second time answers the same", async () => {
    const { token } = await addSession(node.engine);
    const first = await call("POST", "/v1/sign-out", token, {});
    expect(first.status).toBe(204);
    expect(first.setCookie.join()).toMatch(/__Host-segno\.sid=;.*Max-Age=0/i);
    expect((await call("GET", "/v1/session", token)).body).toEqual({ session: null, user: null });
    expect((await call("POST", "/v1/sign-out", token, {})).status).toBe(204);
    expect((await call("GET", "/v1/sessions", token)).status).toBe(401);
  });

  it("tells an anonymous caller so, and shows the signed-in one without any hash", async () => {
    expect((await call("GET", "/v1/session", undefined)).body).toEqual({ session: null, user: null });
    const { token, session } = await addSession(node.engine);
    const { body } = await call("GET", "/v1/session", token);
    expect(body).toMatchObject({
      session: { id: session.id, current: true },
      user: { id: session.user_id, status: "active" },
    });
    expect(JSON.stringify(body)).not.toContain(session.token_hash);
  });
});

describe("device names", () => {
  it.each([
    [
      "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
      "Chrome on macOS",
    ],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
      "Safari on iPhone",
    ],
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
      "Edge on Windows",
    ],
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"],
    [
      "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
      "Samsung Internet on Android",
    ],
    ["curl/8.0", "Unknown device"],
    ["", "Unknown device"],
    [null, "Unknown device"],
  ])("%s", (userAgent, name) => {
    expect(deviceNameOf(userAgent)).toBe(name);
  });
});
