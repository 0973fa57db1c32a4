import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SegnoError, personal } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { testSigner } from "../../../test/audit-kit.js";
import { actor, addSession, besides, type Node, openNode, rotateNow } from "../../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../../test/stores.js";
import { createEventReader } from "../../events/index.js";
import { isExpired, type LeafContent } from "../leaf/leaf.js";
import { fileStorage, type LogStorage, openLog } from "../log/index.js";
import { deleteUser } from "../../users/index.js";
import { scanLeaves } from "../read/scan.js";
import { createFeed } from "./feed.js";

const fields = { clientIp: "198.51.100.77", userAgent: "CanaryAgent/7319", email: "canary.ada.7319@example.com" };
const canary = /198\.51\.100\.77|CanaryAgent|canary\.ada/;

async function leavesOf(storage: LogStorage): Promise<readonly LeafContent[]> {
  const leaves: LeafContent[] = [];
  for await (const { content } of scanLeaves(storage))
    if (content !== undefined && !isExpired(content)) leaves.push(content);
  return leaves;
}

describe.each(testDatabases)("audit feed: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source(), { audit: { maxBacklog: 500 } });
  });
  afterEach(async () => {
    await node.stop();
    await database.drop();
  });

  const trail = (of = node) => {
    if (of.audit === undefined) throw new Error("no audit log");
    return of.audit;
  };
  const write = (subject: string, reason: string, of = node) =>
    of.engine.store.transaction((trx) =>
      of.engine.events.append(trx, "session.revoked", { ...actor, subject, personal: personal(fields) }, { reason }),
    );
  const outbox = () => node.engine.store.db.selectFrom("segno_outbox").selectAll().execute();

  it("R099: makes one leaf of each event, in the order of positions, and forgets what was personal beside it", async () => {
    for (let index = 0; index < 300; index += 1) await write(`subject ${index % 3}`, String(index));
    await trail().settle();
    const leaves = await leavesOf(trail().storage);
    const rows = await outbox();
    expect(leaves.map(({ event }) => event.id).toSorted()).toEqual(rows.map(({ id }) => id).toSorted());
    expect(leaves.map(({ position }) => position)).toEqual(leaves.map((_, index) => index + 1));
    expect(rows.filter((row) => row.personal !== null)).toEqual([]);
    const ours = leaves.filter(({ type }) => type === "session.revoked");
    expect(ours.map(({ event }) => (event["data"] as { reason: string }).reason)).toEqual(
      Array.from({ length: 300 }, (_, index) => String(index)),
    );
    expect(JSON.stringify(leaves)).not.toMatch(canary);
    expect(ours[0]?.personal?.commitments).toEqual(ours[3]?.personal?.commitments);
    expect(ours[0]?.personal?.commitments).not.toEqual(ours[1]?.personal?.commitments);
    expect(await trail().settle()).toBe(0);
    expect((await trail().backlog()).waiting).toBe(0);
    expect(await trail().status()).toMatchObject({ size: leaves.length, checkpointSize: leaves.length, waiting: 0 });
  });

  it("of several nodes one takes an event, and nobody else", async () => {
    const other = await openNode(besides(node, database.source), { clock: node.clock, audit: {} });
    for (let index = 0; index < 80; index += 1) await write("ann", String(index), index % 2 === 0 ? node : other);
    for (let turn = 0; turn < 5; turn += 1)
      await Promise.all([trail().settle(), trail(other).settle()].map((each) => each.catch(() => 0)));
    node.clock.advance({ minutes: 2 });
    await trail(other).settle();
    const ids = (await leavesOf(trail().storage)).map(({ event }) => event.id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength((await outbox()).length);
    await other.stop();
  });

  it("refuses what would be audited while too much waits, says so, and goes on when the log has caught up", async () => {
    await trail().settle();
    // the log cannot be written: its place is held by somebody who died
    await node.engine.store.db
      .updateTable("segno_event_cursors")
      .set({ lease_id: "dead", lease_until: node.clock.nowMs() + 60_000 })
      .where("name", "=", "audit")
      .execute();
    let refusal: unknown;
    for (let index = 0; index < 600 && refusal === undefined; index += 1)
      await write("ann", String(index)).catch((error: unknown) => {
        refusal = error;
      });
    expect(refusal).toBeInstanceOf(SegnoError);
    expect(refusal).toMatchObject({ code: "audit_unavailable", info: { status: 503 } });
    await expect(addSession(node.engine)).rejects.toMatchObject({ code: "audit_unavailable" });
    expect((await trail().status()).waiting).toBeGreaterThan(400);
    // the log itself may wait for a key
    expect(await rotateNow(node)).not.toBeNull();
    node.clock.advance({ minutes: 2 });
    await trail().settle();
    await write("ann", "again");
    await trail().settle();
    expect(await trail().status()).toMatchObject({ waiting: 0, failingSinceMs: null });
  });

  it("shows who did what to whom and when, what is personal until it is erased, and then when it was", async () => {
    const { session } = await addSession(node.engine);
    await write(session.user_id, "seen");
    await trail().settle();
    const shown = (await trail().show({ subject: session.user_id, type: "session.*" })).at(-1);
    expect(shown).toMatchObject({
      type: "session.revoked",
      subject: session.user_id,
      data: { reason: "seen" },
      personal: { state: "readable", fields },
    });
    await write(session.user_id, "not sealed yet");
    const before = await trail().storage.head();
    await deleteUser(node.engine, session.user_id, actor);
    await trail().settle();
    const after = await trail().show({ subject: session.user_id });
    const states = after.flatMap(({ personal: view }) => view ?? []);
    expect(states).toEqual([{ state: "erased", erasedAtMs: node.clock.nowMs() }]);
    expect(after.map(({ type }) => type)).toContain("subject.erased");
    const root = await openLog({
      storage: trail().storage,
      origin: "x",
      signer: testSigner("x", "one"),
    }).root(before.size);
    expect(Buffer.compare(root, before.root)).toBe(0);
  });

  it("answers by type, time and actor, newest last", async () => {
    for (let index = 0; index < 10; index += 1) {
      await write("ann", String(index));
      node.clock.advance({ minutes: 1 });
    }
    await trail().settle();
    const nowMs = node.clock.nowMs();
    const reasons = async (query: Parameters<ReturnType<typeof trail>["show"]>[0]) =>
      (await trail().show(query)).map(({ data }) => (data as { reason: string }).reason);
    expect(await reasons({ type: "session.revoked", limit: 3 })).toEqual(["7", "8", "9"]);
    expect(await reasons({ subject: "ann", sinceMs: nowMs - 3 * 60_000, untilMs: nowMs - 60_000 })).toEqual(["7", "8"]);
    expect(await reasons({ subject: "bob" })).toEqual([]);
    expect(await reasons({ actor: "nobody" })).toEqual([]);
  });
});

it("R099: in files too each event is one leaf, also when the place was not moved", async () => {
  const folder = mkdtempSync(join(tmpdir(), "segno-feed-"));
  const [kind] = testDatabases;
  const database = await kind?.create();
  if (database === undefined) throw new Error("no database");
  const node = await openNode(database.source());
  const { engine } = node;
  await engine.dataSealer.ready();
  const storage = await fileStorage(folder);
  const audit = openLog({ storage, origin: "x/audit", signer: testSigner("x/audit", "one") });
  const reader = createEventReader(engine, "audit");
  let crashes = 2;
  const source: typeof reader = {
    ...reader,
    async pass(trx, rows) {
      if (crashes-- > 0) throw new Error("killed here");
      await reader.pass(trx, rows);
    },
  };
  const feed = createFeed({ ...engine, source, audit, storage, isTransactional: false });
  for (let index = 0; index < 30; index += 1) await addSession(engine);
  await expect(feed.run()).rejects.toThrowError("killed here");
  expect(feed.failingSinceMs()).toBe(node.clock.nowMs());
  await addSession(engine);
  await expect(feed.run()).rejects.toThrowError("killed here");
  await feed.run();
  expect(feed.failingSinceMs()).toBeUndefined();
  const ids = (await leavesOf(storage)).map(({ event }) => event.id);
  const rows = await engine.store.db.selectFrom("segno_outbox").select("id").orderBy("position").execute();
  expect(ids).toEqual(rows.map(({ id }) => id));
  await feed.stop();
  await storage.close();
  await node.stop();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});
