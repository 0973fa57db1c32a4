import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { testSigner } from "../../../test/audit-kit.js";
import { actor, addSession, openNode } from "../../../test/engine-kit.js";
import { testDatabases } from "../../../test/stores.js";
import { exportLog, fileStorage, parseTrustedKeys, verifyLog } from "../public.js";
import { isExpired } from "../leaf/leaf.js";
import { type LogStorage, openLog } from "../log/index.js";
import { scanLeaves } from "../read/scan.js";
import { createExpiry } from "./expire.js";

const folder = mkdtempSync(join(tmpdir(), "segno-retention-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function contents(storage: LogStorage): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { content } of scanLeaves(storage))
    found.push(content === undefined ? "?" : isExpired(content) ? `expired ${content.expired}` : content.type);
  return found;
}

it.each(testDatabases.filter(({ skipped }) => skipped === undefined))(
  "R102: payloads go by class when their time is over, the log still verifies and says by which class: $name",
  async ({ create }) => {
    const database = await create();
    const retention = [
      { name: "sign-in", types: ["session.*", "login.*"], days: 30 },
      { name: "people", types: ["user.*"] },
    ];
    const node = await openNode(database.source(), { audit: { retention } });
    const { audit } = node;
    if (audit === undefined) throw new Error("no audit log");
    const opened = [];
    for (let index = 0; index < 270; index += 1) opened.push(await addSession(node.engine));
    await audit.settle();
    const { size, root } = await audit.storage.head();
    const before = await contents(audit.storage);

    node.clock.advance({ days: 29 });
    await audit.expire();
    expect(await contents(audit.storage)).toEqual(before);
    node.clock.advance({ days: 2 });
    await addSession(node.engine);
    await audit.settle();
    await audit.expire();
    await audit.expire();
    const after = (await contents(audit.storage)).slice(0, size);
    expect(after).toEqual(before.map((type) => (type === "session.created" ? "expired sign-in" : type)));
    expect(after.filter((each) => each === "expired sign-in")).toHaveLength(270);
    expect((await contents(audit.storage)).at(-1)).toBe("session.created");
    expect(Buffer.compare((await audit.storage.head()).root, root)).not.toBe(0);
    expect((await audit.show({ subject: opened[0]?.session.user_id ?? "" })).map(({ type }) => type)).toEqual([]);

    // the log goes on, is exported, and verifies from its files alone
    await audit.settle();
    const out = join(folder, database.address?.replace(/\W/g, "") ?? "memory");
    await exportLog(audit.storage, out);
    const keys = parseTrustedKeys((await audit.status()).keys);
    const how = { keys, nowMs: node.clock.nowMs() };
    const report = await verifyLog(out, { ...how, retention: new Map([["sign-in", 30]]) });
    expect(report).toMatchObject({ ok: true, expired: { "sign-in": 270 } });
    // one that was taken away too early, or by a class nobody knows, is no expiry
    expect((await verifyLog(out, { ...how, retention: new Map([["sign-in", 90]]) })).ok).toBe(false);
    expect((await verifyLog(out, how)).ok).toBe(false);
    await node.stop();
    await database.drop();
  },
);

it("R102: the same in files, at every width a bundle is kept at", async () => {
  const [kind] = testDatabases;
  const database = await kind?.create();
  if (database === undefined) throw new Error("no database");
  const retention = [{ name: "all", types: ["*"], days: 1 }];
  const node = await openNode(database.source(), { audit: { retention } });
  const { audit } = node;
  if (audit === undefined) throw new Error("no audit log");
  await node.engine.store.transaction((trx) =>
    node.engine.events.append(trx, "session.revoked", { ...actor, subject: "ann" }, { reason: "canary-reason" }),
  );
  await audit.settle();
  const storage = await fileStorage(join(folder, "files"));
  await storage.close();
  await exportLog(audit.storage, join(folder, "files"));
  const files = await fileStorage(join(folder, "files"));
  const log = openLog({ storage: files, origin: "x", signer: testSigner("x", "one") });
  const { size } = await files.head();
  const head = await files.head();
  node.clock.advance({ days: 2 });
  expect(await createExpiry(node.engine, files).run()).toBe(size);
  expect(await createExpiry(node.engine, files).run()).toBe(0);
  expect(await contents(files)).toEqual(Array.from({ length: size }, () => "expired all"));
  expect(Buffer.compare(await log.root(size), head.root)).toBe(0);
  await files.close();
  await node.stop();
  await database.drop();
});
