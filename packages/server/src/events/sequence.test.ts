import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actor, besides, type Node, openNode } from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { createEventReader } from "./reader.js";
import { giveOutPositions } from "./sequence.js";
import { createSinkDouble, reasonOf } from "./sink.double.js";
import { createEventLog } from "./event-log.js";

describe.each(testDatabases)("positions: $name", ({ name, skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source());
    await node.engine.store.db.deleteFrom("segno_outbox").execute();
  });
  afterEach(async () => {
    await node.stop();
    await database.drop();
  });

  const write = (on: Node, reason: string) =>
    on.engine.store.transaction((trx) =>
      on.events.append(trx, "session.revoked", { ...actor, subject: reason }, { reason }),
    );
  const positions = async () => {
    const rows = await node.engine.store.db.selectFrom("segno_outbox").select("position").orderBy("position").execute();
    return rows.map(({ position }) => Number(position));
  };

  it("are dense and given once, however many nodes give them at the same time", async () => {
    const nodes = [node, await openNode(besides(node, database.source), { clock: node.clock })];
    const first = await giveOutPositions(node.engine);
    await node.engine.store.db.deleteFrom("segno_outbox").execute();
    const work = Array.from({ length: 60 }, async (_, index) => {
      const on = nodes[index % 2] ?? node;
      await write(on, String(index));
      await giveOutPositions(on.engine);
    });
    await Promise.all(work);
    expect(await giveOutPositions(node.engine)).toBe(first + 60);
    expect(await positions()).toEqual(Array.from({ length: 60 }, (_, index) => first + index + 1));
    await nodes[1]?.stop();
  });

  it("are not used again when their rows were deleted, nor after a restart", async () => {
    await write(node, "1");
    const first = await giveOutPositions(node.engine);
    await node.engine.store.db.deleteFrom("segno_outbox").execute();
    const other = await openNode(besides(node, database.source), { clock: node.clock });
    await write(other, "2");
    expect(await giveOutPositions(other.engine)).toBe(first + 1);
    await other.stop();
  });

  // on SQLite nobody else can write meanwhile, and one connection cannot hold two transactions
  it.runIf(name === "postgres")(
    "no reader skips a row whose id is older and whose transaction commits later",
    async () => {
      const other = await openNode(database.source(), { clock: node.clock });
      const sink = createSinkDouble({ name: "siem" });
      const log = createEventLog(node.engine, { sinks: [sink] });
      const isWritten = Promise.withResolvers<void>();
      const mayCommit = Promise.withResolvers<void>();
      const slow = other.engine.store.transaction(async (trx) => {
        await other.events.append(trx, "session.revoked", actor, { reason: "older id" });
        isWritten.resolve();
        await mayCommit.promise;
      });
      await isWritten.promise;
      node.clock.advance({ seconds: 5 });
      await write(node, "younger id");
      await log.drain();
      expect(sink.taken.map(reasonOf)).toEqual(["younger id"]);
      mayCommit.resolve();
      await slow;
      await log.drain();
      expect(sink.taken.map(reasonOf)).toEqual(["younger id", "older id"]);
      const [younger, older] = sink.taken;
      expect(String(older?.id) < String(younger?.id)).toBe(true);
      await log.stop();
      await other.stop();
    },
  );

  it("no reader skips a row while two nodes write, give positions and read all the time", async () => {
    const other = await openNode(besides(node, database.source), { clock: node.clock });
    const reader = createEventReader(node.engine, "audit");
    const seen: number[] = [];
    let isWriting = true;
    const reading = (async () => {
      for (let isLast = false; !isLast; ) {
        isLast = !isWriting;
        const rows = (await reader.read(7)) ?? [];
        if (rows.length > 0) isLast = false;
        await node.engine.store.transaction((trx) => reader.pass(trx, rows));
        seen.push(...rows.map(({ position }) => position));
      }
    })();
    await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const on = index % 2 === 0 ? node : other;
        await write(on, String(index));
        if (index % 3 === 0) await giveOutPositions(on.engine);
      }),
    );
    isWriting = false;
    await reading;
    expect(seen.length).toBeGreaterThanOrEqual(100);
    expect(seen).toEqual(await positions());
    await other.stop();
  });
});

describe.each(testDatabases)("event reader: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source());
    await node.engine.store.db.deleteFrom("segno_outbox").execute();
  });
  afterEach(async () => {
    await node.stop();
    await database.drop();
  });
  const write = (reason: string) =>
    node.engine.store.transaction((trx) => node.events.append(trx, "session.revoked", actor, { reason }));

  it("gives the same rows again until they are passed, and moves with the caller's transaction alone", async () => {
    const reader = createEventReader(node.engine, "audit");
    for (const reason of ["1", "2", "3"]) await write(reason);
    await node.engine.store.db.updateTable("segno_outbox").set({ personal: "sealed" }).execute();
    const rows = (await reader.read(2)) ?? [];
    expect(rows.map(({ personal }) => personal)).toEqual(["sealed", "sealed"]);
    const failed = node.engine.store.transaction(async (trx) => {
      await reader.pass(trx, rows);
      throw new Error("roll back");
    });
    await expect(failed).rejects.toThrow("roll back");
    expect(await reader.read(2)).toEqual(rows);
    await node.engine.store.transaction((trx) => reader.pass(trx, rows));
    expect((await reader.read(2))?.map(({ payload }) => JSON.parse(payload).data.reason)).toEqual(["3"]);
    const left = await node.engine.store.db.selectFrom("segno_outbox").select("personal").orderBy("id").execute();
    expect(left.map(({ personal }) => personal)).toEqual([null, null, "sealed"]);
  });

  it("of two nodes one reads; the other takes over after the lease, and the first can pass nothing then", async () => {
    const other = await openNode(besides(node, database.source), { clock: node.clock });
    const first = createEventReader(node.engine, "audit");
    const second = createEventReader(other.engine, "audit");
    await write("1");
    const rows = (await first.read()) ?? [];
    expect(rows).toHaveLength(1);
    expect(await second.read()).toBeUndefined();
    node.clock.advance({ seconds: 31 });
    expect(await second.read()).toEqual(rows);
    const late = node.engine.store.transaction((trx) => first.pass(trx, rows));
    await expect(late).rejects.toMatchObject({ code: "conflict" });
    await node.engine.store.transaction((trx) => second.pass(trx, rows));
    await second.free();
    expect(await first.read()).toEqual([]);
    await other.stop();
  });
});
