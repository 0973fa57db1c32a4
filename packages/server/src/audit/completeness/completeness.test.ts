import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { actor, addFamily, addSession, type Node, openNode, rotateNow } from "../../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../../test/stores.js";
import { createServiceAccount, revokeServiceAccount } from "../../clients/index.js";
import { toCloudEvent } from "../../events/envelope.js";
import { createUser, deleteUser } from "../../users/index.js";

describe.each(testDatabases)("audit completeness: $name", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let database: TestDatabase;
  let node: Node;
  beforeEach(async () => {
    database = await create();
    node = await openNode(database.source(), { audit: {}, tokens: { scopes: ["orders"] } });
  });
  afterEach(async () => {
    await node.stop();
    await database.drop();
  });
  const trail = () => {
    if (node.audit === undefined) throw new Error("no audit log");
    return node.audit;
  };
  const addUser = () =>
    node.engine.store.transaction((trx) => createUser(node.engine, trx, { method: "email_code" }, actor));

  it("R103: finds every change of state in the log, and what waits for it", async () => {
    const user = await addUser();
    const opened = await addSession(node.engine, user.id);
    await addFamily(node.engine, { opened });
    await rotateNow(node);
    const made = await createServiceAccount(
      node.engine,
      { name: "orders", scopes: ["orders"], audiences: ["https://app.example.com"] },
      actor,
    );
    await revokeServiceAccount(node.engine, made.account.id, actor);
    await trail().settle();
    expect(await trail().completeness()).toMatchObject({ ratio: 1, missing: [], waiting: 0, outside: 0 });
    await deleteUser(node.engine, user.id, actor);
    const late = await trail().completeness();
    expect(late).toMatchObject({ ratio: 1, missing: [] });
    expect(late.checked).toBeGreaterThanOrEqual(8);
  });

  it("R103: one entry that is not there is 99.99 %, by its name", async () => {
    const { db } = node.engine.store;
    const nowMs = node.clock.nowMs();
    await trail().settle();
    const users = Array.from({ length: 9_990 }, (_, index) => `user-${String(index).padStart(5, "0")}`);
    for (let at = 0; at < users.length; at += 990) {
      const ids = users.slice(at, at + 990);
      const row = { status: "active", display_name: null, created_at: nowMs, updated_at: nowMs } as const;
      await db
        .insertInto("segno_users")
        .values(ids.map((id) => ({ ...row, id, user_handle: id })))
        .execute();
      const told = ids.filter((id) => id !== "user-04711");
      const type = "user.created";
      const rows = told.map((subject) => {
        const eventId = node.engine.newId();
        const who = { ...actor, subject };
        const payload = toCloudEvent({
          id: eventId,
          source: "x",
          type,
          nowMs,
          actor: who,
          data: { method: "passkey" },
        });
        return { id: eventId, type, subject, payload, personal: null, created_at: nowMs, position: null };
      });
      await db.insertInto("segno_outbox").values(rows).execute();
    }
    await trail().settle();
    const found = await trail().completeness();
    expect(found).toMatchObject({ missingCount: 1, missing: [{ kind: "user_created", id: "user-04711" }] });
    expect((100 * found.ratio).toFixed(2)).toBe("99.99");
  });
});
