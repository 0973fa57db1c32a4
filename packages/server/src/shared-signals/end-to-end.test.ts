// Two engines: what happens to an account at the one takes effect at the other.
import { createVirtualClock, type VirtualClock } from "@segno/testing";
import { decodeJwt } from "jose";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { actor, addSession, addUser, type Node, openNode } from "../../test/engine-kit.js";
import { type HttpsReceiver, noReceiver, startHttpsReceiver } from "../../test/https-receiver.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { resumeUser, suspendUser } from "../users/index.js";

const idp = "https://idp.example.com";
const app = "https://app.example.com";
const audience = `${app}/signals`;
const pushToken = "what-the-transmitter-sends-0123456789";
const pollToken = "what-the-receiver-polls-with-012345678";
const otherToken = "what-another-receiver-polls-with-01234";
const on = {
  "session-revoked": "revoke-sessions",
  "account-disabled": "suspend",
  "account-enabled": "resume",
} as const;

describe.skipIf(noReceiver !== undefined).each(testDatabases)("signals over $name", { timeout: 60_000 }, (kind) => {
  const databases: TestDatabase[] = [];
  let receiver: HttpsReceiver;
  let clock: VirtualClock;
  let sender: Node;
  let taker: Node;
  const accounts = new Map<string, string>();

  beforeAll(async () => {
    receiver = await startHttpsReceiver();
  });
  afterAll(async () => await receiver.stop());
  beforeEach(async ({ skip }) => {
    if (kind.skipped !== undefined) skip(kind.skipped);
    clock = createVirtualClock(1_900_000_000_000);
    databases.push(await kind.create(), await kind.create());
    const [ours, theirs] = databases;
    if (ours === undefined || theirs === undefined) expect.fail("no databases");
    const delivery = { method: "poll" } as const;
    sender = await openNode(ours.source(), {
      clock,
      baseUrl: idp,
      sharedSignals: {
        streams: {
          pushed: {
            audience,
            delivery: {
              method: "push",
              url: `${receiver.url}/api/auth/v1/ssf/events`,
              authorization: `Bearer ${pushToken}`,
              allowAddresses: ["127.0.0.1"],
              ca: receiver.ca,
            },
          },
          polled: { audience, token: pollToken, delivery: { ...delivery, maxWaiting: 5 } },
          other: { audience: "https://other.example", token: otherToken, delivery, events: ["account-purged"] },
        },
      },
    });
    taker = await openNode(theirs.source(), {
      clock,
      sharedSignals: {
        transmitters: [
          {
            issuer: idp,
            jwksUri: `${idp}/.well-known/ssf-jwks.json`,
            audience,
            token: pushToken,
            subjectOf: ({ iss, sub }) => (iss === idp ? (accounts.get(sub) ?? null) : null),
            on,
          },
        ],
      },
      fetch: async (input, init) => await sender.handler(new Request(input, init), { remoteAddress: "203.0.113.9" }),
    });
    receiver.requests.length = 0;
    receiver.answerWith(({ path, headers, body }) => (response) => {
      const { authorization = "", "content-type": type = "" } = headers;
      void receive(`${app}${path}`, { authorization, "content-type": type }, body).then(async (answer) => {
        response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
      });
    });
  });
  afterEach(async () => {
    if (kind.skipped !== undefined) return;
    await Promise.all([sender.stop(), taker.stop()]);
    for (const database of databases.splice(0)) await database.drop();
    accounts.clear();
  });

  const receive = async (url: string, headers: Record<string, string>, body: string): Promise<Response> =>
    await taker.handler(new Request(url, { method: "POST", headers, body }), { remoteAddress: "203.0.113.9" });
  const poll = async (body: object, token = pollToken, stream = "polled"): Promise<Response> =>
    await sender.handler(
      new Request(`${idp}/api/auth/v1/ssf/poll/${stream}`, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
      }),
      { remoteAddress: "203.0.113.9" },
    );
  const polled = async (body: object = {}): Promise<{ sets: Record<string, string>; moreAvailable: boolean }> =>
    (await (await poll(body)).json()) as { sets: Record<string, string>; moreAvailable: boolean };
  const statusOf = async (userId: string): Promise<string> => {
    const rows = taker.engine.store.db.selectFrom("segno_users").select("status").where("id", "=", userId);
    return (await rows.executeTakeFirstOrThrow()).status;
  };
  const liveOf = async (userId: string): Promise<number> => {
    const rows = taker.engine.store.db.selectFrom("segno_sessions").select("id").where("user_id", "=", userId);
    return (await rows.where("revoked_at", "is", null).execute()).length;
  };
  /** The same person at both. */
  const addPerson = async (): Promise<{ there: string; here: string }> => {
    const [there, opened] = [await addUser(sender.engine), await addSession(taker.engine)];
    accounts.set(there, opened.session.user_id);
    return { there, here: opened.session.user_id };
  };
  const typesIn = (sets: Record<string, string>): string[] =>
    Object.values(sets).map(
      (set) =>
        Object.keys(decodeJwt(set)["events"] as object)[0]
          ?.split("/")
          .at(-1) ?? "",
    );

  it("by push: a suspension there ends the sessions here and keeps the account out until it is resumed", async () => {
    const [ada, bob] = [await addPerson(), await addPerson()];
    await suspendUser(sender.engine, ada.there, actor);
    await sender.events.drain();
    expect([await statusOf(ada.here), await liveOf(ada.here)]).toEqual(["suspended", 0]);
    expect([await statusOf(bob.here), await liveOf(bob.here)]).toEqual(["active", 1]);
    await resumeUser(sender.engine, ada.there, actor);
    await sender.events.drain();
    expect(await statusOf(ada.here)).toBe("active");
  });

  it("by push: what happened while the receiver was away takes effect in its order", async () => {
    const people = await Promise.all(Array.from({ length: 5 }, addPerson));
    await receiver.leave();
    for (const { there } of people) {
      await suspendUser(sender.engine, there, actor);
      await resumeUser(sender.engine, there, actor);
      await suspendUser(sender.engine, there, actor);
    }
    await sender.events.drain();
    for (const { here } of people) expect(await statusOf(here)).toBe("active");
    await receiver.comeBack();
    for (let tries = 0; tries < 50 && (await statusOf(people[4]?.here ?? "")) === "active"; tries += 1) {
      clock.advance({ milliseconds: 60_000 });
      await sender.events.drain();
    }
    for (const { here } of people) expect(await statusOf(here)).toBe("suspended");
    const rows = taker.engine.store.db.selectFrom("segno_outbox").select(["payload"]).orderBy("id");
    const types = (await rows.execute())
      .map(({ payload }) => JSON.parse(payload) as { type: string; subject: string; actorid?: string })
      .filter(({ actorid, subject, type }) => actorid === idp && subject === people[0]?.here && type.includes("user"));
    expect(types.map(({ type }) => type.split(".")[3])).toEqual(["suspended", "resumed", "suspended"]);
  });

  it("by poll: tokens wait until they are acknowledged, in their order, and take effect where they are handed over", async () => {
    const ada = await addPerson();
    await suspendUser(sender.engine, ada.there, actor);
    await resumeUser(sender.engine, ada.there, actor);
    await sender.events.drain();
    const first = await polled({ maxEvents: 1 });
    expect(first.moreAvailable).toBe(true);
    expect(typesIn(first.sets)).toEqual(["account-disabled"]);
    const [jti = ""] = Object.keys(first.sets);
    expect(decodeJwt(first.sets[jti] ?? "").jti).toBe(jti);
    expect(typesIn((await polled()).sets)).toEqual(["account-disabled", "account-enabled"]);
    for (const set of Object.values((await polled()).sets))
      await receive(
        `${app}/api/auth/v1/ssf/events`,
        { authorization: `Bearer ${pushToken}`, "content-type": "application/secevent+jwt" },
        set,
      );
    expect(await statusOf(ada.here)).toBe("active");
    const second = await polled({ ack: [jti], maxEvents: 0 });
    expect(second).toEqual({ sets: {}, moreAvailable: true });
    const left = await polled({ returnImmediately: true });
    expect(typesIn(left.sets)).toEqual(["account-enabled"]);
    const [refused = ""] = Object.keys(left.sets);
    expect(await polled({ setErrs: { [refused]: { err: "invalid_key", description: "canary" } } })).toEqual({
      sets: {},
      moreAvailable: false,
    });
  });

  it("by poll: no more waits than may; the rest stays in the log, and what comes twice is known by its id", async () => {
    const ada = await addPerson();
    for (let round = 0; round < 6; round += 1) {
      await suspendUser(sender.engine, ada.there, actor);
      await resumeUser(sender.engine, ada.there, actor);
    }
    const seen = new Map<string, string>();
    for (let tries = 0; tries < 60 && seen.size < 12; tries += 1) {
      clock.advance({ milliseconds: 60_000 });
      await sender.events.drain();
      const { sets } = await polled();
      expect(Object.keys(sets).length).toBeLessThanOrEqual(5);
      const types = typesIn(sets);
      // a delivery that lost its lease while the clock jumped comes again: a map keeps the place of the first
      for (const [at, jti] of Object.keys(sets).entries()) seen.set(jti, types[at] ?? "");
      await polled({ ack: Object.keys(sets), maxEvents: 0 });
    }
    expect([...seen.values()]).toEqual(Array.from({ length: 6 }, () => ["account-disabled", "account-enabled"]).flat());
  });

  it("by poll: a stream answers its own receiver, and forgets at its word alone", async () => {
    const ada = await addPerson();
    await suspendUser(sender.engine, ada.there, actor);
    await sender.events.drain();
    const [jti = ""] = Object.keys((await polled()).sets);
    for (const [token, stream] of [
      ["", "polled"],
      ["wrong", "polled"],
      [otherToken, "polled"],
      [pollToken, "other"],
      [pollToken, "nothing"],
      [pushToken, "pushed"],
    ] as const)
      expect((await poll({ ack: [jti] }, token, stream)).status, `${token} ${stream}`).toBe(401);
    expect(await (await poll({ ack: [jti] }, otherToken, "other")).json()).toEqual({ sets: {}, moreAvailable: false });
    expect(Object.keys((await polled()).sets)).toEqual([jti]);
    for (const body of [{ maxEvents: -1 }, { maxEvents: "1" }, { ack: jti }, { ack: [7] }, { setErrs: { a: "x" } }])
      expect((await poll(body)).status, JSON.stringify(body)).toBe(400);
  });

  it("by poll: a verification that was asked for is fetched first", async () => {
    const verify = async (state: string): Promise<number> =>
      (
        await sender.handler(
          new Request(`${idp}/api/auth/v1/ssf/verify`, {
            method: "POST",
            headers: { "content-type": "application/json", authorization: `Bearer ${pollToken}` },
            body: JSON.stringify({ stream_id: "polled", state }),
          }),
          { remoteAddress: "203.0.113.9" },
        )
      ).status;
    const ada = await addPerson();
    await suspendUser(sender.engine, ada.there, actor);
    await sender.events.drain();
    expect(await verify("one")).toBe(204);
    clock.advance({ milliseconds: 11_000 });
    expect(await verify("two")).toBe(204);
    const { sets } = await polled();
    expect(typesIn(sets)).toEqual(["verification", "account-disabled"]);
    expect(decodeJwt(Object.values(sets)[0] ?? "")["events"]).toEqual({
      "https://schemas.openid.net/secevent/ssf/event-type/verification": { state: "two" },
    });
  });
});
