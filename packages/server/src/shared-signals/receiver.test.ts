import { createVirtualClock, type VirtualClock } from "@segno/testing";
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from "jose";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { actor, addSession, addUser, type Node, openNode, rotateNow } from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { suspendUser } from "../users/index.js";
import type { SignalTransmitterOptions } from "./options.js";

const issuer = "https://idp.example.com";
const audience = "https://app.example.com/signals";
const agreed = "a-token-of-the-transmitter-0123456789";
const caep = "https://schemas.openid.net/secevent/caep/event-type/";
const risc = "https://schemas.openid.net/secevent/risc/event-type/";
const signing = await generateKeyPair("ES256", { extractable: true });
const stranger = await generateKeyPair("ES256", { extractable: true });
const jwk = { ...(await exportJWK(signing.publicKey)), kid: "idp-1", alg: "ES256", use: "sig" };

describe.each(testDatabases)("a receiver on $name", { timeout: 60_000 }, (kind) => {
  let database: TestDatabase;
  let node: Node;
  let clock: VirtualClock;
  let isDown: boolean;
  let known: Map<string, string>;
  let lines: string[];
  const subjectOf: SignalTransmitterOptions["subjectOf"] = ({ iss, sub }) => known.get(`${iss} ${sub}`) ?? null;

  beforeEach(async ({ skip }) => {
    if (kind.skipped !== undefined) skip(kind.skipped);
    database = await kind.create();
    clock = createVirtualClock(1_900_000_000_000);
    isDown = false;
    known = new Map();
    lines = [];
    const write = (message: string, fields?: object): void => void lines.push(JSON.stringify([message, fields]));
    node = await openNode(database.source(), {
      clock,
      logger: { debug: write, info: write, warn: write, error: write },
      sharedSignals: {
        transmitters: [
          {
            issuer,
            audience,
            jwksUri: `${issuer}/jwks.json`,
            token: agreed,
            subjectOf,
            on: { "session-revoked": "revoke-sessions", "account-disabled": "suspend", "account-enabled": "resume" },
          },
        ],
      },
      fetch: async (input) => {
        if (isDown) throw new TypeError("connection refused");
        const url = typeof input === "string" ? input : input instanceof URL ? input.href : input.url;
        expect(url).toBe(`${issuer}/jwks.json`);
        return Response.json({ keys: [jwk] });
      },
    });
  });
  afterEach(async () => {
    if (kind.skipped !== undefined) return;
    await node.stop();
    await database.drop();
  });

  let made = 0;
  const claimsOf = (uri: string, claims: object = {}): Record<string, unknown> => {
    made += 1;
    return {
      iss: issuer,
      aud: audience,
      iat: clock.nowMs() / 1000,
      jti: `jti-${made}`,
      sub_id: { format: "iss_sub", iss: issuer, sub: "ada" },
      events: { [uri]: {} },
      ...claims,
    };
  };
  const sign = async (
    claims: Record<string, unknown>,
    header: object = {},
    key = signing.privateKey,
  ): Promise<string> =>
    await new SignJWT(claims)
      .setProtectedHeader({ alg: "ES256", kid: "idp-1", typ: "secevent+jwt", ...header })
      .sign(key);
  const post = async (body: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> =>
    await node.handler(
      new Request("https://app.example.com/api/auth/v1/ssf/events", {
        method: "POST",
        headers: { "content-type": "application/secevent+jwt", authorization: `Bearer ${agreed}`, ...headers },
        body,
      }),
      { remoteAddress: "203.0.113.9" },
    );
  const tell = async (uri: string, claims: object = {}): Promise<number> =>
    (await post(await sign(claimsOf(uri, claims)))).status;
  const isLive = async (sessionId: string): Promise<boolean> => {
    const row = await node.engine.store.db
      .selectFrom("segno_sessions")
      .select("revoked_at")
      .where("id", "=", sessionId)
      .executeTakeFirstOrThrow();
    return row.revoked_at === null;
  };
  const statusOf = async (userId: string): Promise<string> => {
    const rows = node.engine.store.db.selectFrom("segno_users").select("status").where("id", "=", userId);
    return (await rows.executeTakeFirstOrThrow()).status;
  };
  const told = async (): Promise<Record<string, unknown>[]> => {
    const rows = await node.engine.store.db.selectFrom("segno_outbox").select("payload").orderBy("id").execute();
    return rows
      .map(({ payload }) => JSON.parse(payload) as Record<string, unknown>)
      .filter(({ actorid }) => actorid === issuer);
  };

  it("ends sessions, suspends and resumes, and says at whose word", async () => {
    const { session } = await addSession(node.engine);
    const other = await addSession(node.engine);
    const userId = session.user_id;
    known.set(`${issuer} ada`, userId);
    const subjects = [
      { format: "opaque", id: "ada" },
      {
        format: "complex",
        user: { format: "iss_sub", iss: issuer, sub: "ada" },
        session: { format: "opaque", id: "of theirs" },
      },
    ];
    expect(await tell(`${caep}session-revoked`, { sub_id: subjects[1], aud: ["https://x.example", audience] })).toBe(
      202,
    );
    expect(await isLive(session.id)).toBe(false);
    expect(await tell(`${risc}account-disabled`, { sub_id: subjects[0] })).toBe(202);
    expect(await statusOf(userId)).toBe("suspended");
    expect(await tell(`${risc}account-disabled`)).toBe(202);
    expect(await tell(`${risc}account-enabled`)).toBe(202);
    expect(await statusOf(userId)).toBe("active");
    expect(await isLive(other.session.id)).toBe(true);
    expect((await told()).map(({ type, actortype, subject }) => [type, actortype, subject])).toEqual([
      ["dev.segno.session.revoked.v1", "service", userId],
      ["dev.segno.user.suspended.v1", "service", userId],
      ["dev.segno.user.resumed.v1", "service", userId],
    ]);
  });

  it("T-114: one signal fifty times at once, and again later, is one signal", async () => {
    const { session } = await addSession(node.engine);
    known.set(`${issuer} ada`, session.user_id);
    const token = await sign(claimsOf(`${caep}session-revoked`));
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(token)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(await told()).toHaveLength(1);
    const later = await addSession(node.engine, session.user_id);
    for (const hours of [1, 24, 24 * 6]) {
      clock.advance({ milliseconds: hours * 3_600_000 });
      const answer = await post(token);
      expect(hours > 100 ? [202, 400] : [202]).toContain(answer.status);
    }
    clock.advance({ milliseconds: 48 * 3_600_000 });
    expect((await post(token)).status).toBe(400);
    expect(await isLive(later.session.id)).toBe(true);
    expect(await told()).toHaveLength(1);
  });

  it("a signal that could not take effect is not used up", async () => {
    const { session } = await addSession(node.engine);
    known.set(`${issuer} ada`, session.user_id);
    const token = await sign(claimsOf(`${caep}session-revoked`));
    const failing = vi.spyOn(node.engine.events, "append").mockRejectedValueOnce(new Error("the disk is full"));
    expect((await post(token)).status).toBeGreaterThanOrEqual(500);
    failing.mockRestore();
    expect(await isLive(session.id)).toBe(true);
    expect((await post(token)).status).toBe(202);
    expect(await isLive(session.id)).toBe(false);
    expect(await told()).toHaveLength(1);
  });

  it("T-114: an old return does not undo a later suspension", async () => {
    const userId = await addUser(node.engine);
    known.set(`${issuer} ada`, userId);
    await suspendUser(node.engine, userId, actor);
    const enabled = await sign(claimsOf(`${risc}account-enabled`));
    await post(enabled);
    await tell(`${risc}account-disabled`);
    expect((await post(enabled)).status).toBe(202);
    expect(await statusOf(userId)).toBe("suspended");
  });

  it("answers alike whether or not anybody is meant, and changes nothing for nobody", async () => {
    const { session } = await addSession(node.engine);
    known.set(`${issuer} ada`, session.user_id);
    const bodies = [
      claimsOf(`${caep}session-revoked`),
      claimsOf(`${caep}session-revoked`, { sub_id: { format: "iss_sub", iss: issuer, sub: "nobody" } }),
      claimsOf(`${caep}session-revoked`, { sub_id: { format: "iss_sub", iss: "https://other.example", sub: "ada" } }),
      claimsOf(`${caep}session-revoked`, { sub_id: { format: "email", email: "canary.ada.4711@example.com" } }),
      claimsOf(`${caep}session-revoked`, { sub_id: { format: "complex", session: { format: "opaque", id: "ada" } } }),
      claimsOf(`${caep}credential-change`),
      claimsOf("https://schemas.openid.net/secevent/ssf/event-type/verification", {
        sub_id: { format: "opaque", id: "s" },
      }),
      claimsOf("https://other.example/event"),
    ];
    const answers = await Promise.all(bodies.map(async (claims) => await post(await sign(claims))));
    const seen = await Promise.all(
      answers.map(async (answer) =>
        JSON.stringify([answer.status, await answer.text(), [...answer.headers.keys()].toSorted()]),
      ),
    );
    expect(new Set(seen).size).toBe(1);
    expect(answers[0]?.status).toBe(202);
    expect(await told()).toHaveLength(1);
    expect(lines.join()).not.toContain("canary");
  });

  it("T-065 T-051: refuses everything else, says why in the words of RFC 8935, and acts on none of it", async () => {
    const { session, token: cookie } = await addSession(node.engine);
    known.set(`${issuer} ada`, session.user_id);
    const uri = `${caep}session-revoked`;
    const with_ = (claims: object): Record<string, unknown> => claimsOf(uri, claims);
    const without = (name: string): Record<string, unknown> => {
      const { [name]: _, ...rest } = claimsOf(uri);
      return rest;
    };
    const nowSeconds = clock.nowMs() / 1000;
    const good = await sign(claimsOf(uri));
    const [head = "", , tail = ""] = good.split(".");
    const forged = Buffer.from(JSON.stringify(with_({ sub_id: { format: "opaque", id: "ada" } }))).toString(
      "base64url",
    );
    const refused: [string, string][] = [
      ["invalid_issuer", await sign(with_({ iss: "https://evil.example" }))],
      ["invalid_issuer", await sign(with_({ iss: `${issuer}/` }))],
      ["invalid_audience", await sign(with_({ aud: "https://app.example.com" }))],
      ["invalid_audience", await sign(with_({ aud: [] }))],
      ["invalid_audience", await sign(without("aud"))],
      ["invalid_key", await sign(claimsOf(uri), {}, stranger.privateKey)],
      ["invalid_key", await sign(claimsOf(uri), { kid: "idp-2" })],
      ["invalid_key", `${head}.${forged}.${tail}`],
      ["invalid_key", new UnsecuredJWT(claimsOf(uri)).encode().replace(/^[^.]+/, noneHeader) + "AA"],
      ["invalid_request", await sign(claimsOf(uri), { typ: "JWT" })],
      ["invalid_request", await sign(claimsOf(uri), { typ: "at+jwt" })],
      ["invalid_request", await sign(claimsOf(uri), { typ: undefined })],
      ["invalid_request", await sign(with_({ exp: nowSeconds + 60 }))],
      ["invalid_request", await sign(with_({ sub: "ada" }))],
      ["invalid_request", await sign(with_({ iat: nowSeconds + 120 }))],
      ["invalid_request", await sign(with_({ iat: nowSeconds - 8 * 86_400 }))],
      ["invalid_request", await sign(without("iat"))],
      ["invalid_request", await sign(without("jti"))],
      ["invalid_request", await sign(with_({ jti: "x".repeat(257) }))],
      ["invalid_request", await sign(without("events"))],
      ["invalid_request", await sign(with_({ events: {} }))],
      ["invalid_request", await sign(with_({ events: { [uri]: {}, [`${risc}account-disabled`]: {} } }))],
      ["invalid_request", await sign(with_({ events: { [uri]: "x" } }))],
      ["invalid_request", await sign(without("sub_id"))],
      ["invalid_request", await sign(with_({ sub_id: "ada" }))],
      ["invalid_request", "garbage"],
      ["invalid_request", "a.b.c"],
      ["invalid_request", `${good}.x`],
      ["invalid_request", "x".repeat(9_000)],
      ["invalid_request", "{}"],
      ["invalid_request", cookie],
    ];
    for (const [err, token] of refused) {
      const answer = await post(token);
      const body = (await answer.json()) as { err: string; description: string };
      expect([answer.status, body.err], `${token.slice(0, 40)} ${JSON.stringify(body)}`).toEqual([400, err]);
      expect(JSON.stringify(body)).not.toContain("ada");
      expect(answer.headers.get("content-type")).toBe("application/json");
    }
    expect(await isLive(session.id)).toBe(true);
    expect(await told()).toEqual([]);
  });

  it("asks the transmitter who it is, before anything of it is looked at", async () => {
    const token = await sign(claimsOf(`${caep}session-revoked`));
    isDown = true;
    for (const authorization of ["", "Bearer ", "Bearer wrong", agreed, `Basic ${agreed}`]) {
      const answer = await post(token, { authorization });
      expect([answer.status, ((await answer.json()) as { err: string }).err]).toEqual([400, "authentication_failed"]);
    }
    for (const type of ["application/json", "text/plain", "application/x-www-form-urlencoded"]) {
      const answer = await post(token, { "content-type": type });
      expect([answer.status, ((await answer.json()) as { err: string }).err]).toEqual([400, "invalid_request"]);
    }
  });

  it("asks to come again while the keys cannot be had, or the application does not know", async () => {
    const { session } = await addSession(node.engine);
    const token = await sign(claimsOf(`${caep}session-revoked`));
    isDown = true;
    const answer = await post(token);
    expect(answer.status).toBe(503);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    isDown = false;
    clock.advance({ milliseconds: 31_000 });
    known.get = () => {
      throw new Error("the application's own database is away");
    };
    expect((await post(token)).status).toBeGreaterThanOrEqual(500);
    known = new Map([[`${issuer} ada`, session.user_id]]);
    expect((await post(token)).status).toBe(202);
    expect(await isLive(session.id)).toBe(false);
  });

  it("T-065: takes no token of its own for a signal, whatever key made it", async () => {
    await rotateNow(node);
    const { token } = await node.engine.signer.sign(
      { typ: "secevent+jwt" },
      claimsOf(`${caep}session-revoked`),
      undefined,
      2e9,
    );
    const answer = await post(token);
    expect([answer.status, ((await answer.json()) as { err: string }).err]).toEqual([400, "invalid_key"]);
  });
});

const noneHeader = Buffer.from(JSON.stringify({ alg: "none", typ: "secevent+jwt" })).toString("base64url");
