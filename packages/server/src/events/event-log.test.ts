import type { SegnoEvent } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  actor,
  addFamily,
  addSession,
  besides,
  jsonRequest,
  type Node,
  openNode,
  sessionCookie,
  rotateNow,
} from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { createEventLog, type RunningEventLog } from "./event-log.js";
import { reviveDead } from "./failures-store.js";
import { hooksName } from "./hooks.js";

describe.each(testDatabases)("event log: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  let log: RunningEventLog;
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source());
    log = createEventLog(node.engine, { listenerTimeoutMs: 30, maxAttempts: 3 });
    await node.engine.store.db.deleteFrom("segno_outbox").execute();
  });
  afterEach(async () => {
    await log.stop();
    await node.stop();
    await database.drop();
  });

  const write = (subject: string, reason: string) =>
    node.engine.store.transaction((trx) => log.append(trx, "session.revoked", { ...actor, subject }, { reason }));
  const reasons = (events: readonly SegnoEvent[]) =>
    events.map((event) => (event.type === "session.revoked" ? event.data.reason : event.type));

  it("R051: delivers what was committed, once, in order, and nothing that was rolled back", async () => {
    const seen: SegnoEvent[] = [];
    log.on("session.revoked", (event) => void seen.push(event));
    for (let index = 0; index < 250; index += 1) await write("ann", String(index));
    await node.engine.store
      .transaction(async (trx) => {
        await log.append(trx, "session.revoked", actor, { reason: "never" });
        throw new Error("roll back");
      })
      .catch(() => undefined);
    expect(await log.drain()).toBe(250);
    expect(reasons(seen)).toEqual(Array.from({ length: 250 }, (_, index) => String(index)));
    expect(await log.drain()).toBe(0);
    expect(seen[0]).toMatchObject({ subject: "ann", requestId: "test", schemaVersion: 1, outcome: "success" });
  });

  it("stores CloudEvents 1.0", async () => {
    await write("ann", "x");
    const row = await node.engine.store.db.selectFrom("segno_outbox").selectAll().executeTakeFirstOrThrow();
    const cloud = JSON.parse(row.payload) as Record<string, unknown>;
    expect(cloud).toMatchObject({
      specversion: "1.0",
      id: row.id,
      source: "segno",
      type: "dev.segno.session.revoked.v1",
      dataschema: "urn:segno:event:session.revoked:1",
      subject: "ann",
    });
    for (const name of Object.keys(cloud)) expect(name).toMatch(/^[a-z0-9]{1,20}$/);
  });

  it("R052: a subscriber that throws or never settles delays no other, and order per subject holds for it too", async () => {
    const good: SegnoEvent[] = [];
    const picky: SegnoEvent[] = [];
    let isBroken = true;
    log.on("*", () => (isBroken ? new Promise(() => {}) : undefined));
    log.on("*", (event) => {
      if (isBroken && event.subject === "ann") throw new Error("not today");
      picky.push(event);
    });
    log.on("*", (event) => void good.push(event));
    for (const [subject, reason] of [
      ["ann", "1"],
      ["bob", "2"],
      ["ann", "3"],
      ["bob", "4"],
    ] as const)
      await write(subject, reason);
    await log.drain();
    expect(reasons(good)).toEqual(["1", "2", "3", "4"]);
    expect(reasons(picky)).toEqual(["2", "4"]);
    isBroken = false;
    node.clock.advance({ minutes: 1 });
    await log.drain();
    expect(reasons(picky)).toEqual(["2", "4", "1", "3"]);
    expect(reasons(good)).toEqual(["1", "2", "3", "4"]);
  });

  it("moves an event aside after its last try, lets later ones through, and can bring it back", async () => {
    const seen: SegnoEvent[] = [];
    let isBroken = true;
    log.on("*", (event) => {
      if (isBroken && event.type === "session.revoked" && event.data.reason === "poison") throw new Error("always");
      seen.push(event);
    });
    await write("ann", "poison");
    await write("ann", "after");
    for (let minute = 0; minute < 10; minute += 1) {
      await log.drain();
      node.clock.advance({ minutes: 1 });
    }
    expect(reasons(seen)).toEqual(["after"]);
    isBroken = false;
    expect(await reviveDead(node.engine.store.db, hooksName, node.clock.nowMs(), undefined)).toHaveLength(1);
    await log.drain();
    expect(reasons(seen)).toEqual(["after", "poison"]);
  });

  it("R051: rows of a process that died are delivered by the next one, with the same id", async () => {
    const first: string[] = [];
    log.on("*", (event) => {
      first.push(event.id);
      return new Promise(() => {});
    });
    await write("ann", "1");
    log.start();
    log.nudge();
    while (first.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const next = createEventLog((await openNode(besides(node, database.source), { clock: node.clock })).engine);
    const second: string[] = [];
    next.on("*", (event) => void second.push(event.id));
    await next.drain();
    expect(second).toEqual([]);
    node.clock.advance({ seconds: 31 });
    await next.drain();
    expect(second).toEqual(first);
    await next.stop();
  });

  it("delivers on when its lease runs out while a subscriber works, and repeats at most what was under way", async () => {
    const seen: string[] = [];
    log.on("*", (event) => {
      if (seen.length === 0) node.clock.advance({ hours: 1 });
      seen.push(event.id);
    });
    for (let index = 0; index < 5; index += 1) await write(`subject ${index}`, "x");
    for (let round = 0; round < 5 && new Set(seen).size < 5; round += 1) await log.drain();
    expect(new Set(seen).size).toBe(5);
    expect(seen.length).toBeLessThanOrEqual(6);
  });

  it("of two processes with subscribers one gets each event", async () => {
    const other = await openNode(besides(node, database.source), { clock: node.clock });
    const seen: string[] = [];
    node.events.on("session.revoked", (event) => void seen.push(event.id));
    other.events.on("session.revoked", (event) => void seen.push(event.id));
    for (let index = 0; index < 60; index += 1) await write(`subject ${index}`, "x");
    await Promise.all([node.events.drain(), other.events.drain()]);
    await Promise.all([node.events.drain(), other.events.drain()]);
    expect(seen).toHaveLength(60);
    expect(new Set(seen).size).toBe(60);
    await other.stop();
  });

  it("without a subscriber nothing is taken; delivered rows go after the days they are kept", async () => {
    await write("ann", "1");
    expect(await log.drain()).toBe(0);
    const rows = () => node.engine.store.db.selectFrom("segno_outbox").select("id").execute();
    expect(await rows()).toHaveLength(1);
    log.on("*", () => {});
    expect(await log.drain()).toBe(1);
    node.clock.advance({ days: 6, hours: 23 });
    await log.drain();
    expect(await rows()).toHaveLength(1);
    node.clock.advance({ hours: 2 });
    await log.drain();
    expect(await rows()).toHaveLength(0);
  });

  it("T-072: no token, link, code or key in any row of the outbox", async () => {
    const { refreshToken, tokens, opened } = await addFamily(node.engine);
    const cookie = sessionCookie((await addSession(node.engine, opened.session.user_id)).token);
    await node.handler(jsonRequest("POST", "/api/auth/v1/session/grant", {}, cookie));
    await node.handler(jsonRequest("POST", "/api/auth/v1/sign-out", {}, cookie));
    await rotateNow(node);
    const rows = await node.engine.store.db.selectFrom("segno_outbox").select("payload").execute();
    const text = rows.map((row) => row.payload).join("\n");
    for (const secret of [
      refreshToken,
      tokens.accessToken,
      opened.token,
      cookie["cookie"] ?? "",
      opened.session.token_hash,
    ]) {
      expect(text).not.toContain(secret);
    }
    expect(text).not.toMatch(/segno_rt_|eyJ|"d":/);
    expect(rows.length).toBeGreaterThan(5);
  });
});
