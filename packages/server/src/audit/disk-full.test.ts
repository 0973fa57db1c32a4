import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, it } from "vitest";
import {
  actor,
  addFamily,
  addSession,
  formRequest,
  type Node,
  openNode,
  origin,
  sessionCookie,
} from "../../test/engine-kit.js";
import { sqlite } from "../storage/index.js";
import { isExpired } from "./leaf/leaf.js";
import { exportLog, parseTrustedKeys, verifyLog } from "./public.js";
import { scanLeaves } from "./read/scan.js";

let folder: string;
let node: Node;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "segno-audit-full-"));
  node = await openNode(sqlite(join(folder, "segno.db")), { audit: {} });
});
afterEach(async () => {
  await node.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** SQLite's own limit on the size of the file: the fault of a full disk, on every platform. */
const limit = (pages: number) => sql.raw(`pragma max_page_count = ${pages}`).execute(node.engine.store.db);
const refresh = (token: string) =>
  node.handler(
    formRequest("/api/auth/oauth2/token", { grant_type: "refresh_token", client_id: "segno", refresh_token: token }),
  );

it("F10: with a full disk what would be audited is refused, reads go on, and the log catches up without repair", async () => {
  const { audit } = node;
  if (audit === undefined) throw new Error("no audit log");
  const opened = await addSession(node.engine);
  let { refreshToken } = await addFamily(node.engine);
  await audit.settle();
  await node.engine.store.transaction(async (trx) => {
    for (let index = 0; index < 200; index += 1)
      await node.engine.events.append(trx, "session.revoked", { ...actor, subject: "ann" }, { reason: "waits" });
  });
  await limit(1);
  let acknowledged = 0;
  let refused: Response | undefined;
  for (let turn = 0; turn < 3_000 && refused === undefined; turn += 1) {
    const response = await refresh(refreshToken);
    if (response.status !== 200) refused = response;
    else {
      refreshToken = ((await response.json()) as { refresh_token: string }).refresh_token;
      acknowledged += 1;
    }
  }
  expect(refused?.status).toBe(503);
  expect(await refused?.text()).not.toMatch(/SQLITE|disk|at .*\.[jt]s/);
  // the log itself cannot be written either: it says so, and no reader notices
  await expect(audit.settle()).rejects.toMatchObject({ code: "store_unavailable" });
  expect((await audit.status()).failingSinceMs).not.toBeNull();
  node.clock.advance({ seconds: 11 });
  expect((await node.health()).checks).toMatchObject({ store: "ok", audit: "degraded" });
  const headers = sessionCookie(opened.token);
  expect(await node.authenticate({ headers, method: "GET", url: `${origin}/orders` })).toMatchObject({
    status: "authenticated",
  });

  await limit(1_000_000);
  expect((await refresh(refreshToken)).status).toBe(200);
  await audit.settle();
  expect(await node.health()).toMatchObject({ status: "ready", checks: { audit: "ok" } });
  const leaves: string[] = [];
  for await (const { content } of scanLeaves(audit.storage))
    if (content !== undefined && !isExpired(content)) leaves.push(content.event.id);
  const rows = await node.engine.store.db
    .selectFrom("segno_outbox")
    .select(["id", "type"])
    .orderBy("position")
    .execute();
  expect(leaves).toEqual(rows.map(({ id }) => id));
  expect(rows.filter(({ type }) => type === "token.refreshed")).toHaveLength(acknowledged + 1);
  await exportLog(audit.storage, join(folder, "log"));
  const keys = parseTrustedKeys((await audit.status()).keys);
  expect((await verifyLog(join(folder, "log"), { keys, nowMs: node.clock.nowMs() })).ok).toBe(true);
});
