import { createTestSegno } from "@segno/testing";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { besides, jsonRequest, type Node, openNode } from "../../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../../test/stores.js";
import { createOperationCounter } from "./count-operations.js";
import { defaultSlos } from "./definitions.js";
import { addCounts, readBuckets } from "./store.js";
import { reportSlos, watchSlos, writeCounts } from "./watch-slos.js";

const minute = 60_000;
const hour = 3_600_000;

describe.each(testDatabases)("service levels: $name", ({ skipped, create }) => {
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
  const count = (good: number, total: number, atMs = node.clock.nowMs()) =>
    addCounts(node.engine.store.db, [
      { name: "sign-in-success", atMs: Math.floor(atMs / minute) * minute, good, total },
    ]);
  const told = async () => {
    const rows = await node.engine.store.db.selectFrom("segno_outbox").select(["type", "payload"]).execute();
    return rows
      .filter(({ type }) => type.startsWith("slo."))
      .map(({ payload }) => JSON.parse(payload) as { type: string; outcome: string; data: Record<string, unknown> });
  };

  it("adds what several processes count in the same minute", async () => {
    const counters = [0, 1].map(() => createOperationCounter(defaultSlos, node.clock));
    for (const counter of counters) {
      for (let each = 0; each < 25; each += 1) counter.ending("http.verifyEmailCode")?.(each * 30);
    }
    await Promise.all(counters.map((counter) => writeCounts(node.engine, counter)));
    expect(await readBuckets(node.engine.store.db, "sign-in-success", 0)).toMatchObject([{ good: 50, total: 50 }]);
    expect(await readBuckets(node.engine.store.db, "sign-in-latency", 0)).toMatchObject([{ good: 34, total: 50 }]);
    expect(counters[0]?.take()).toEqual([]);
    expect(counters[0]?.ending("http.getSession")).toBeUndefined();
  });

  it("R044: tells of an alert once, whichever node looks, and once that it is over", async () => {
    const other = await openNode(besides(node, database.source), { clock: node.clock });
    for (let index = 60; index > 0; index -= 1) await count(95, 100, node.clock.nowMs() - index * minute);
    await Promise.all([node, other, node, other].map(({ engine }) => watchSlos(engine, defaultSlos)));
    await watchSlos(other.engine, defaultSlos);
    const alerts = await told();
    expect(alerts.map(({ type, data }) => [type, data["severity"], data["windowMinutes"]]).toSorted()).toEqual([
      ["dev.segno.slo.alert.v1", "page", 360],
      ["dev.segno.slo.alert.v1", "page", 60],
      ["dev.segno.slo.alert.v1", "ticket", 4320],
    ]);
    const { slos, firing } = await reportSlos(node.engine, defaultSlos);
    expect(firing).toHaveLength(3);
    expect(slos[0]).toMatchObject({ name: "sign-in-success", total: 6_000 });
    expect(slos[0]?.budgetLeft).toBeCloseTo(1 - 0.05 / 0.001, 6);

    node.clock.advance({ days: 4 });
    for (let index = 60; index > 0; index -= 1) await count(100, 100, node.clock.nowMs() - index * minute);
    await Promise.all([node, other].map(({ engine }) => watchSlos(engine, defaultSlos)));
    expect((await told()).filter(({ type }) => type === "dev.segno.slo.recovered.v1")).toHaveLength(3);
    expect((await reportSlos(node.engine, defaultSlos)).firing).toEqual([]);
    await other.stop();
  });

  it("keeps hours of what is some days old, the sums unchanged, and forgets after ninety days", async () => {
    const dayMs = 24 * hour;
    const start = Math.floor(node.clock.nowMs() / dayMs) * dayMs;
    for (let index = 0; index < 180; index += 1) await count(9, 10, start + index * minute);
    node.clock.advance({ days: 6 });
    await watchSlos(node.engine, defaultSlos);
    const kept = await readBuckets(node.engine.store.db, "sign-in-success", 0);
    expect(kept).toEqual([0, 1, 2].map((index) => ({ atMs: start + index * hour, good: 540, total: 600 })));
    node.clock.advance({ days: 90 });
    await watchSlos(node.engine, defaultSlos);
    expect(await readBuckets(node.engine.store.db, "sign-in-success", 0)).toEqual([]);
  });

  it("counts what ends over HTTP: a refused code is nobody's fault here, and no finished sign-in either", async () => {
    const body = { attemptId: "0198c7a4-0000-7000-8000-000000000000", code: "123456" };
    const other = await openNode(besides(node, database.source), { clock: node.clock });
    const answer = await other.handler(jsonRequest("POST", "/api/auth/v1/email/verify", body));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.status).toBeLessThan(500);
    await other.stop();
    const read = (name: string) => readBuckets(node.engine.store.db, name, 0);
    expect(await read("sign-in-success")).toMatchObject([{ good: 1, total: 1 }]);
    expect(await read("sign-in-rate")).toMatchObject([{ good: 0, total: 1 }]);
    expect(await read("sign-in-latency")).toEqual([]);
  });

  it("keeps what cannot be written", async () => {
    const counter = createOperationCounter(defaultSlos, node.clock);
    counter.ending("http.token")?.(1);
    const store = { ...node.engine.store, transaction: () => Promise.reject(new Error("away")) };
    await expect(writeCounts({ ...node.engine, store }, counter)).rejects.toThrow("away");
    await writeCounts(node.engine, counter);
    expect(await readBuckets(node.engine.store.db, "token-issue", 0)).toMatchObject([{ good: 1, total: 1 }]);
  });
});

describe("the option", () => {
  it("refuses objectives that mean nothing, each fault by its name", async () => {
    const slo = { name: "Bad Name", summary: "", operations: [], objective: 2 };
    await expect(createTestSegno({ slos: [slo] } as never)).rejects.toThrow(/Bad Name.*no name/s);
  });
});
