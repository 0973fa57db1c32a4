import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actor, type Node, openNode } from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { createEventApi, type EventApi } from "./event-api.js";
import { createEventLog, type RunningEventLog } from "./event-log.js";
import { createSinkDouble, reasonOf, type SinkDouble } from "./sink.double.js";

describe.each(testDatabases)("event verbs: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  let log: RunningEventLog;
  let sink: SinkDouble;
  let api: EventApi;
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source());
    await node.events.drain();
    await node.engine.store.db.deleteFrom("segno_outbox").execute();
    sink = createSinkDouble({ name: "siem" });
    log = createEventLog(node.engine, { sinks: [sink] });
    api = createEventApi(async () => node);
  });
  afterEach(async () => {
    await log.stop();
    await node.stop();
    await database.drop();
  });

  const write = (subject: string, reason: string) =>
    node.engine.store.transaction((trx) =>
      node.events.append(trx, "session.revoked", { ...actor, subject }, { reason }),
    );
  const taken = () => sink.taken.map(reasonOf);
  const listed = async (options: Parameters<EventApi["list"]>[0]) =>
    (await api.list(options)).events.map(({ event }) => reasonOf(event));

  it("lists what is kept: the newest, after a position, since a time, by type and account, also before any delivery", async () => {
    for (const reason of ["1", "2", "3"]) {
      await write(reason === "2" ? "bob" : "ann", reason);
      node.clock.advance({ minutes: 5 });
    }
    await node.engine.store.transaction((trx) =>
      node.events.append(trx, "login.failure", actor, { method: "passkey", reason: "passkey_rejected" }),
    );
    expect(await listed({})).toEqual(["1", "2", "3", "login.failure"]);
    expect(await listed({ limit: 2 })).toEqual(["3", "login.failure"]);
    expect(await listed({ types: ["login.*"] })).toEqual(["login.failure"]);
    expect(await listed({ types: ["login.*", "session.revoked"], limit: 2 })).toEqual(["3", "login.failure"]);
    expect(await listed({ subject: "ann" })).toEqual(["1", "3"]);
    expect(await listed({ sinceMs: node.clock.nowMs() - 10 * 60_000 })).toEqual(["2", "3", "login.failure"]);
    expect(await listed({ sinceMs: node.clock.nowMs() + 3_600_000 })).toEqual([]);
    const first = await api.list({ afterPosition: 0, limit: 1 });
    expect(first.events.map(({ event }) => reasonOf(event))).toEqual(["1"]);
    expect(await listed({ afterPosition: first.position })).toEqual(["2", "3", "login.failure"]);
    const none = await api.list({ afterPosition: first.position, subject: "nobody" });
    expect(none.events).toEqual([]);
    await write("ann", "5");
    expect(await listed({ afterPosition: none.position })).toEqual(["5"]);
  });

  it.each([
    { limit: 0 },
    { limit: 1_001 },
    { afterPosition: Number.NaN },
    { sinceMs: -1 },
    { types: ["coffee.*"] },
    { types: [] },
    { subject: 7 },
  ])("refuses to list %j", async (options) => {
    await expect(api.list(options as never)).rejects.toMatchObject({ code: "invalid_input" });
  });

  it("tells of each receiver how far it is, what it failed with, and what was set aside", async () => {
    sink.refused.set("1", { reason: "status 410", isFinal: true });
    await write("ann", "1");
    await write("ann", "2");
    await log.drain();
    await write("ann", "3");
    sink.isAway = true;
    await log.drain();
    const [consumer] = await api.consumers();
    expect(consumer).toMatchObject({
      name: "siem",
      lag: 1,
      waiting: 0,
      deadLetters: 1,
      failures: 1,
      lastError: "TypeError",
      acceptedAtMs: node.clock.nowMs(),
      seenAtMs: node.clock.nowMs(),
    });
    expect(consumer?.nextTryAtMs).toBeGreaterThan(node.clock.nowMs());
    const letters = await api.deadLetters({ sink: "siem" });
    expect(letters).toMatchObject([{ sink: "siem", reason: "status 410", subject: "ann", attempts: 1 }]);
    expect(JSON.parse(letters[0]?.cloudEvent ?? "")).toMatchObject({ id: letters[0]?.id });
    expect(await api.deadLetters({ sink: "other" })).toEqual([]);
    expect(await api.deadLetters()).toHaveLength(1);
  });

  it("F13: sends again: all dead letters, one, what is kept since a time; and drops", async () => {
    for (const reason of ["1", "2", "3"]) {
      sink.refused.set(reason, { reason: "status 410", isFinal: true });
      await write("ann", reason);
    }
    await log.drain();
    await write("ann", "4");
    await log.drain();
    const letters = await api.deadLetters();
    sink.refused.clear();
    expect(await api.replay({ sink: "siem", ids: [letters[1]?.id ?? ""] })).toEqual({ count: 1 });
    await log.drain();
    expect(taken()).toEqual(["4", "2"]);
    expect(await api.drop({ sink: "siem", ids: [letters[2]?.id ?? ""] })).toEqual({ count: 1 });
    expect(await api.replay({ sink: "siem", dead: true })).toEqual({ count: 1 });
    await log.drain();
    expect(taken()).toEqual(["4", "2", "1"]);
    const kept = (await api.list({ limit: 1 })).events[0]?.event.id ?? "";
    expect(await api.replay({ sink: "siem", ids: [kept] })).toEqual({ count: 1 });
    await log.drain();
    expect(taken()).toEqual(["4", "2", "1", "4"]);
    expect(await api.replay({ sink: "siem", sinceMs: 0 })).toMatchObject({ count: expect.any(Number) });
    await log.drain();
    expect(taken()).toEqual(["4", "2", "1", "4", "1", "2", "3", "4"]);
    expect(await api.replay({ sink: "siem", sinceMs: node.clock.nowMs() + 3_600_000 })).toEqual({ count: 0 });
    await log.drain();
    expect(taken()).toHaveLength(8);
  });

  it("sends events again to subscribers in process, those that were set aside and those since a time", async () => {
    const seen: string[] = [];
    let isBroken = true;
    log.on("session.revoked", (event) => {
      if (isBroken) throw new Error("always");
      seen.push(reasonOf(event));
    });
    await write("ann", "1");
    for (let minute = 0; minute < 40; minute += 1) {
      await log.drain();
      node.clock.advance({ minutes: 1 });
    }
    expect(await api.deadLetters({ sink: "in-process" })).toMatchObject([{ attempts: 12 }]);
    isBroken = false;
    await api.replay({ sink: "in-process", dead: true });
    await log.drain();
    expect(seen).toEqual(["1"]);
    await api.replay({ sink: "in-process", sinceMs: 0 });
    await log.drain();
    expect(seen).toEqual(["1", "1"]);
  });

  it("forgets a receiver, and knows none that it does not know", async () => {
    await write("ann", "1");
    await log.drain();
    expect(await api.forget({ sink: "siem" })).toBe(true);
    expect(await api.forget({ sink: "siem" })).toBe(false);
    expect(await api.consumers()).toEqual([]);
    for (const wrong of [
      () => api.replay({ sink: "siem", dead: true }),
      () => api.replay({ sink: "siem", ids: ["x"] }),
      () => api.drop({ sink: "siem" }),
    ])
      await expect(wrong()).rejects.toMatchObject({ code: "not_found" });
    await log.drain();
    for (const wrong of [
      () => api.replay({ sink: "siem", ids: [] }),
      () => api.replay({ sink: "siem", sinceMs: Number.NaN }),
      () => api.deadLetters({ limit: 0 }),
    ])
      await expect(wrong()).rejects.toMatchObject({ code: "invalid_input" });
  });

  it("keeps events for whoever has not passed them, for as long as somebody has that receiver", async () => {
    const rows = async () =>
      (
        await node.engine.store.db
          .selectFrom("segno_outbox")
          .select("id")
          .where("type", "=", "session.revoked")
          .execute()
      ).length;
    sink.isAway = true;
    await write("ann", "1");
    await log.drain();
    node.clock.advance({ days: 20 });
    await log.drain();
    expect(await rows()).toBe(1);
    await log.stop();
    const without = createEventLog(node.engine);
    node.clock.advance({ days: 29 });
    await without.drain();
    expect(await rows()).toBe(1);
    node.clock.advance({ days: 2 });
    await without.drain();
    expect(await rows()).toBe(0);
  });
});
