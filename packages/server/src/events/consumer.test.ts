import type { SegnoEvent } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actor, besides, type Node, openNode } from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { createEventLog, type RunningEventLog } from "./event-log.js";
import type { EventSink } from "./sink.js";
import { createSinkDouble, outOfOrder, reasonOf } from "./sink.double.js";

describe.each(testDatabases)("sinks: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  const logs: RunningEventLog[] = [];
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source());
    await node.engine.store.db.deleteFrom("segno_outbox").execute();
  });
  afterEach(async () => {
    await Promise.all(logs.splice(0).map((log) => log.stop()));
    await node.stop();
    await database.drop();
  });

  const open = (sinks: readonly EventSink[], on: Node = node, keepDays = 7): RunningEventLog => {
    const log = createEventLog(on.engine, { sinks, keepDays, sinkTimeoutMs: 50 });
    logs.push(log);
    return log;
  };
  const write = (subject: string | undefined, reason: string) =>
    node.engine.store.transaction((trx) =>
      node.events.append(trx, "session.revoked", subject === undefined ? actor : { ...actor, subject }, { reason }),
    );
  const writeMany = async (count: number, subjects: number, first = 0) => {
    await node.engine.store.transaction(async (trx) => {
      for (let index = first; index < first + count; index += 1)
        await node.events.append(
          trx,
          "session.revoked",
          { ...actor, subject: `subject ${index % subjects}` },
          { reason: String(index) },
        );
    });
  };
  const reasons = (events: readonly SegnoEvent[]) => events.map(reasonOf);
  const deadLetters = async () =>
    await node.engine.store.db
      .selectFrom("segno_event_failures")
      .select(["consumer", "payload", "reason", "attempts"])
      .where("dead_at", "is not", null)
      .execute();

  it("delivers what was committed, in order, in batches, once; and what came before the sink was there", async () => {
    const sink = createSinkDouble({ name: "siem", batchSize: 40 });
    await writeMany(250, 7);
    const log = open([sink]);
    await log.drain();
    await writeMany(10, 7, 250);
    await log.drain();
    expect(reasons(sink.taken)).toEqual(Array.from({ length: 260 }, (_, index) => String(index)));
    expect(Math.max(...sink.calls.map(({ length }) => length))).toBe(40);
  });

  it("R053: gives each sink the types it asked for", async () => {
    const logins = createSinkDouble({ name: "logins", types: ["login.*"] });
    const sessions = createSinkDouble({ name: "sessions", types: ["session.revoked"] });
    const log = open([logins, sessions]);
    await write("ann", "1");
    await node.engine.store.transaction((trx) =>
      node.events.append(trx, "login.failure", actor, { method: "passkey", reason: "passkey_rejected" }),
    );
    await log.drain();
    expect(reasons(logins.taken)).toEqual(["login.failure"]);
    expect(reasons(sessions.taken)).toEqual(["1"]);
  });

  it("R053: gives a sink only the events of its tenants", async () => {
    const sink = createSinkDouble({ name: "tenants", tenants: ["a"] });
    const log = open([sink]);
    for (const tenantId of ["a", "b", undefined])
      await node.engine.store.transaction((trx) =>
        node.events.append(trx, "session.revoked", tenantId === undefined ? actor : { ...actor, tenantId }, {
          reason: String(tenantId),
        }),
      );
    await log.drain();
    expect(reasons(sink.taken)).toEqual(["a"]);
  });

  it("F12: finds the one event on which calls fail, among a thousand; all others are there within the first round", async () => {
    const sink = createSinkDouble({ name: "siem" });
    sink.poison.add("137");
    await writeMany(1_000, 50);
    const log = open([sink]);
    await log.drain();
    const behind = Array.from({ length: 18 }, (_, index) => 137 + 50 * index).filter((each) => each < 1_000);
    const expected = Array.from({ length: 1_000 }, (_, index) => index).filter((each) => !behind.includes(each));
    expect(
      reasons(sink.once())
        .map(Number)
        .toSorted((a, b) => a - b),
    ).toEqual(expected);
    for (let minute = 0; minute < 40; minute += 1) {
      node.clock.advance({ minutes: 1 });
      await write("somebody else", String(2_000 + minute));
      await log.drain();
    }
    expect(await deadLetters()).toMatchObject([{ consumer: "siem", reason: "TypeError", attempts: 12 }]);
    expect(sink.once()).toHaveLength(1_000 - 1 + 40);
    expect(outOfOrder(sink.once())).toEqual([]);
  });

  it("F12: a poison event that is alone delays nobody who comes after it", async () => {
    const sink = createSinkDouble({ name: "siem" });
    sink.poison.add("poison");
    const log = open([sink]);
    await write("ann", "poison");
    for (let minute = 0; minute < 10; minute += 1) {
      await log.drain();
      node.clock.advance({ minutes: 1 });
    }
    await log.drain();
    expect(sink.taken).toEqual([]);
    // the sink rests for up to a minute now, and is asked at once all the same
    await write("bob", "2");
    await log.drain();
    expect(reasons(sink.taken)).toEqual(["2"]);
    await write("ann", "3");
    await log.drain();
    expect(reasons(sink.taken)).toEqual(["2"]);
  });

  it("F12: several poison events, met again and again with nothing else to do, delay nobody who comes after them", async () => {
    const sink = createSinkDouble({ name: "siem" });
    const people = ["ann", "bob", "cid", "dan", "eve"];
    for (const name of people) sink.poison.add(`poison of ${name}`);
    const log = open([sink]);
    for (const name of [...people, "zoe"]) await write(name, name === "zoe" ? "0" : `poison of ${name}`);
    for (let round = 0; round < 5; round += 1) {
      await log.drain();
      node.clock.advance({ seconds: 10 });
    }
    expect(reasons(sink.taken)).toEqual(["0"]);
    for (let minute = 0; minute < 20; minute += 1) {
      node.clock.advance({ minutes: 1 });
      await log.drain();
    }
    // the sink rests for up to a minute now
    for (let other = 1; other <= 12; other += 1) {
      await write("zoe", String(other));
      await log.drain();
      expect(reasons(sink.taken).at(-1)).toBe(String(other));
      node.clock.advance({ minutes: 6 });
    }
    expect((await deadLetters()).map(({ reason, attempts }) => `${reason} ${attempts}`)).toEqual(
      people.map(() => "TypeError 12"),
    );
  });

  it("sets an event aside at once when no retry will help, and lets later ones through", async () => {
    const sink = createSinkDouble({ name: "siem" });
    sink.refused.set("1", { reason: "status 410", isFinal: true });
    const log = open([sink]);
    await write("ann", "1");
    await write("ann", "2");
    await log.drain();
    expect(reasons(sink.taken)).toEqual(["2"]);
    expect(await deadLetters()).toMatchObject([{ reason: "status 410", attempts: 1 }]);
  });

  it("keeps what comes later of a subject behind what was refused, and lets others pass", async () => {
    const sink = createSinkDouble({ name: "siem" });
    sink.refused.set("1", { reason: "status 503" });
    const log = open([sink]);
    for (const [subject, reason] of [
      ["ann", "1"],
      ["bob", "2"],
      ["ann", "3"],
    ] as const)
      await write(subject, reason);
    await log.drain();
    await write("ann", "4");
    await log.drain();
    expect(reasons(sink.taken)).toEqual(["2"]);
    sink.refused.clear();
    node.clock.advance({ seconds: 2 });
    await log.drain();
    expect(reasons(sink.taken)).toEqual(["2", "1", "3", "4"]);
    expect(await node.engine.store.db.selectFrom("segno_event_failures").selectAll().execute()).toEqual([]);
  });

  it.each([
    ["R053: ten minutes", 10],
    ["F13: one hour", 60],
  ])(
    "%s without the receiver lose nothing, keep order per subject, and hold no more than a batch",
    async (_, minutes) => {
      const sink = createSinkDouble({ name: "siem" });
      const log = open([sink]);
      sink.isAway = true;
      for (let minute = 0; minute < minutes; minute += 1) {
        await writeMany(20, 7, minute * 20);
        await log.drain();
        node.clock.advance({ minutes: 1 });
      }
      const failedCalls = sink.calls.length;
      sink.isAway = false;
      node.clock.advance({ minutes: 1, seconds: 5 });
      await log.drain();
      expect(reasons(sink.taken)).toHaveLength(minutes * 20);
      expect(new Set(reasons(sink.taken)).size).toBe(minutes * 20);
      expect(outOfOrder(sink.taken)).toEqual([]);
      expect(Math.max(...sink.calls.map(({ length }) => length))).toBeLessThanOrEqual(100);
      expect(failedCalls).toBeLessThan(minutes * 300);
      expect(await deadLetters()).toEqual([]);
    },
  );

  it("a sink that never settles harms only itself", async () => {
    const good = createSinkDouble({ name: "good" });
    let calls = 0;
    const stuck: EventSink = {
      name: "stuck",
      deliver: () => {
        calls += 1;
        return new Promise(() => {});
      },
    };
    const log = open([stuck, good]);
    for (let minute = 0; minute < 20; minute += 1) {
      await write("ann", String(minute));
      await log.drain();
      node.clock.advance({ minutes: 2 });
    }
    expect(good.taken).toHaveLength(20);
    // each call that hangs holds its events in memory: there are not many of them
    expect(calls).toBe(3);
  });

  it("one node at a time; another takes over when the lease has run out, and the first can move nothing then", async () => {
    const other = await openNode(besides(node, database.source), { clock: node.clock });
    let release = (): void => {};
    const slow: EventSink & { taken: string[] } = {
      name: "siem",
      taken: [],
      async deliver(events) {
        await new Promise<void>((resolve) => (release = resolve));
        slow.taken.push(...events.map(({ event }) => reasonOf(event)));
      },
    };
    const quick = createSinkDouble({ name: "siem" });
    await writeMany(5, 5);
    const first = createEventLog(node.engine, { sinks: [slow], sinkTimeoutMs: 60_000 });
    logs.push(first);
    const hanging = first.drain();
    while ((await node.engine.store.db.selectFrom("segno_event_cursors").selectAll().execute())[0]?.lease_id == null)
      await new Promise((resolve) => setImmediate(resolve));
    const second = open([quick], other);
    await second.drain();
    expect(quick.taken).toEqual([]);
    node.clock.advance({ seconds: 31 });
    await second.drain();
    expect(reasons(quick.taken)).toEqual(["0", "1", "2", "3", "4"]);
    await writeMany(5, 5, 5);
    await second.drain();
    const place = async () => (await node.engine.store.db.selectFrom("segno_event_cursors").selectAll().execute())[0];
    const before = await place();
    expect(before?.lease_id).not.toBeNull();
    release();
    await hanging.catch(() => undefined);
    expect(await place()).toEqual(before);
    expect(reasons(quick.taken)).toHaveLength(10);
    await second.stop();
    await other.stop();
  });
});
