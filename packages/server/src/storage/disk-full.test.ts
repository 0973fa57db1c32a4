import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  addFamily,
  addSession,
  formRequest,
  jsonRequest,
  type Node,
  openNode,
  origin,
  rotateNow,
  sessionCookie,
} from "../../test/engine-kit.js";
import { toSegnoError } from "./faults.js";
import { sqlite } from "./sqlite.js";

/** A way to let the disk of a database run full, and to give it room again. */
interface Disk {
  readonly folder: string;
  fill(node: Node): Promise<void>;
  free(node: Node): Promise<void>;
  remove(): void;
}

/** A file system of two megabytes, filled to its last byte. */
function smallFileSystem(): Disk {
  const folder = mkdtempSync(join(tmpdir(), "segno-small-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], { stdio: "ignore" });
  const filler = join(folder, "filler");
  return {
    folder,
    async fill() {
      const file = openSync(filler, "w");
      for (const size of [65_536, 4_096, 1]) {
        try {
          for (;;) writeSync(file, Buffer.alloc(size));
        } catch {
          // no room for that much any more
        }
      }
      closeSync(file);
    },
    free: async () => rmSync(filler),
    remove() {
      execFileSync("umount", [folder]);
      rmSync(folder, { recursive: true });
    },
  };
}

/** SQLite's own limit on the size of the file: the same fault, on every platform. */
function limitedFile(): Disk {
  const folder = mkdtempSync(join(tmpdir(), "segno-limited-"));
  const limit = (node: Node, pages: number) =>
    sql.raw(`pragma max_page_count = ${pages}`).execute(node.engine.store.db);
  return {
    folder,
    fill: async (node) => void (await limit(node, 1)),
    free: async (node) => void (await limit(node, 1_000_000)),
    remove: () => rmSync(folder, { recursive: true }),
  };
}

function mountFault(): string | undefined {
  try {
    smallFileSystem().remove();
    return undefined;
  } catch {
    return "skipped: a file system cannot be mounted here";
  }
}

const disks = [
  { name: "a full file system", open: smallFileSystem, skipped: mountFault() },
  { name: "a file that may not grow", open: limitedFile, skipped: undefined },
];

describe.each(disks)("F10, disk full: $name", ({ open, skipped }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  let disk: Disk;
  let node: Node;
  beforeEach(async () => {
    disk = open();
    node = await openNode(sqlite(join(disk.folder, "segno.db")));
  });
  afterEach(async () => {
    await node.stop();
    disk.remove();
  });

  const refresh = (refreshToken: string) =>
    node.handler(
      formRequest("/api/auth/oauth2/token", {
        grant_type: "refresh_token",
        client_id: "segno",
        refresh_token: refreshToken,
      }),
    );
  const integrity = async () =>
    (await sql<{ integrity_check: string }>`pragma integrity_check`.execute(node.engine.store.db)).rows;
  const keyStates = async () => {
    const rows = await node.engine.store.db.selectFrom("segno_keys").select("state").execute();
    return rows.map(({ state }) => state).sort();
  };

  it("refuses what must be written down, goes on checking sessions, loses nothing acknowledged, and recovers without repair", async () => {
    const opened = await addSession(node.engine);
    let { refreshToken } = await addFamily(node.engine);
    let acknowledged = 0;
    await disk.fill(node);
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
    expect(refused?.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await refused?.text()).not.toMatch(/SQLITE|disk|at .*\.[jt]s/);
    // whether a rotation still finds room or not, one key signs; the next spare may have to wait for room
    await rotateNow(node).catch((error: unknown) => expect(toSegnoError(error).code).toBe("store_unavailable"));
    expect((await keyStates()).filter((state) => state === "signing")).toHaveLength(1);
    const headers = sessionCookie(opened.token);
    expect(await node.authenticate({ headers, method: "GET", url: `${origin}/orders` })).toMatchObject({
      status: "authenticated",
      sessionId: opened.session.id,
    });
    expect((await refresh(refreshToken)).status).toBe(503);
    // who is signed in can still be read; nothing that a limit guards is let through uncounted
    const read = () => node.handler(new Request(`${origin}/api/auth/v1/session`, { headers }));
    const shown = await read();
    expect(shown.status).toBe(200);
    expect(await shown.json()).toMatchObject({ session: { id: opened.session.id } });
    const statuses = await Promise.all(Array.from({ length: 400 }, async () => (await read()).status));
    expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([]);
    const start = () => node.handler(jsonRequest("POST", "/api/auth/v1/email/start", { email: "ada@example.com" }));
    expect((await start()).status).toBe(503);

    await disk.free(node);
    node.clock.advance({ minutes: 1 });
    expect((await read()).status).toBe(200);
    expect((await start()).status).toBe(202);
    const again = await refresh(refreshToken);
    expect(again.status).toBe(200);
    const told = await node.engine.store.db
      .selectFrom("segno_outbox")
      .select("payload")
      .where("type", "=", "token.refreshed")
      .execute();
    expect(told).toHaveLength(acknowledged + 1);
    expect(await integrity()).toEqual([{ integrity_check: "ok" }]);
    expect(await rotateNow(node)).not.toBeNull();
    const states = await keyStates();
    expect(states.filter((state) => state !== "verify_only")).toEqual(["published", "signing"]);
  });
});
