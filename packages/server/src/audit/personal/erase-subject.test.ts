import { personal } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Node, openNode } from "../../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../../test/stores.js";
import { eraseSubject } from "./erase-subject.js";
import { openPending } from "./pending.js";
import { endStrangerKeys, keyOwnerOf, openSubjectKeys } from "./subject-keys.js";

describe.each(testDatabases)("subject keys: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source(), { audit: {} });
    await node.engine.dataSealer.ready();
    // what waits is to be looked at
    await node.audit?.stop();
  });
  afterEach(async () => {
    await node.stop();
    await database.drop();
  });

  const fields = { clientIp: "198.51.100.77", userAgent: "CanaryAgent", email: "canary@example.com" };
  const who = (subject: string) => ({ requestId: "test", subject, personal: personal(fields) });
  const open = (owners: readonly string[]) =>
    node.engine.store.transaction((trx) => openSubjectKeys(node.engine, trx, owners));
  const outbox = () => node.engine.store.db.selectFrom("segno_outbox").selectAll().execute();
  const revoke = (subject: string) =>
    node.engine.store.transaction((trx) =>
      node.engine.events.append(trx, "session.revoked", who(subject), { reason: "x" }),
    );

  it("keeps what is personal beside the event, sealed, and only for what people do", async () => {
    await revoke("ann");
    await node.engine.store.transaction((trx) =>
      node.engine.events.append(trx, "client.revoked", who("ann"), { reason: "x" }),
    );
    const rows = await outbox();
    const row = rows.find(({ type }) => type === "session.revoked");
    expect(row?.payload).not.toMatch(/198\.51|Canary|canary/);
    expect(row?.personal).not.toMatch(/198\.51|Canary|canary/);
    expect(openPending(node.engine.secrets, row?.id ?? "", row?.personal ?? "")).toEqual(fields);
    expect(rows.find(({ type }) => type === "client.revoked")?.personal).toBeNull();
  });

  it("gives a subject one key, however many ask at once", async () => {
    const opened = await Promise.all(Array.from({ length: 20 }, () => open(["ann", "bob", "ann"])));
    expect(new Set(opened.map((keys) => keys.get("ann")?.id)).size).toBe(1);
    expect(new Set(opened.map((keys) => keys.get("ann")?.commit("email", "x"))).size).toBe(1);
    expect(opened[0]?.get("bob")?.id).not.toBe(opened[0]?.get("ann")?.id);
  });

  it("destroys the key with what waits, tells of it once, and makes no second one", async () => {
    const keyId = (await open(["ann"])).get("ann")?.id;
    await revoke("ann");
    await revoke("bob");
    const erase = (subject: string) =>
      node.engine.store.transaction((trx) => eraseSubject(node.engine, trx, subject, who(subject)));
    await erase("ann");
    await erase("ann");
    await erase("carol");
    const [row] = await node.engine.store.db
      .selectFrom("segno_subject_keys")
      .selectAll()
      .where("subject", "=", "ann")
      .execute();
    expect(row).toMatchObject({ id: keyId, wrapped: "", destroyed_at: node.clock.nowMs() });
    expect([...(await open(["ann", "bob", "carol"])).keys()]).toEqual(["bob"]);
    const rows = await outbox();
    const told = rows.filter(({ type }) => type === "subject.erased").map(({ payload }) => JSON.parse(payload));
    expect(told).toMatchObject([{ subject: "ann", data: { keyId } }, { subject: "carol" }]);
    const waiting = rows.filter(({ personal: sealed }) => sealed !== null);
    expect(waiting.map(({ subject }) => subject)).toEqual(["bob"]);
  });

  it("is one matter with the change it belongs to", async () => {
    const before = (await open(["ann"])).get("ann")?.id;
    await node.engine.store
      .transaction(async (trx) => {
        await eraseSubject(node.engine, trx, "ann", who("ann"));
        throw new Error("roll back");
      })
      .catch(() => undefined);
    expect((await open(["ann"])).get("ann")?.id).toBe(before);
  });

  it("ends the keys of strangers' days, and only theirs", async () => {
    const day = keyOwnerOf({ subject: null, createdAtMs: node.clock.nowMs() });
    expect(day).toMatch(/^stranger:\d{4}-\d\d-\d\d$/);
    await open([day, "ann"]);
    node.clock.advance({ days: 29 });
    expect(await endStrangerKeys(node.engine, 30)).toBe(0);
    node.clock.advance({ days: 2 });
    expect(await endStrangerKeys(node.engine, 30)).toBe(1);
    expect([...(await open([day, "ann"])).keys()]).toEqual(["ann"]);
  });
});
