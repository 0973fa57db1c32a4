import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createVirtualClock } from "@segno/testing";
import { describe, expect, it } from "vitest";
import { openNode } from "../../test/engine-kit.js";
import { type TestDatabase, testDatabases } from "../../test/stores.js";
import { isExpired, type LeafContent } from "./leaf/leaf.js";
import { exportLog, parseTrustedKeys, verifyLog } from "./public.js";
import { scanLeaves } from "./read/scan.js";

const flow = fileURLToPath(new URL("../../test/crash-audit-flow.ts", import.meta.url));
const loader = fileURLToPath(new URL("../../test/source-loader.mjs", import.meta.url));

interface Line {
  readonly session?: string;
  readonly erased?: string;
  readonly done?: boolean;
  readonly boundaries?: number;
}

function run(address: string, dieAt: number): Promise<readonly Line[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", loader, flow, address, String(dieAt)], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
    });
    let [out, errors] = ["", ""];
    child.stdout.on("data", (chunk) => (out += chunk));
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("close", (code, signal) => {
      if (code !== 0 && signal !== "SIGKILL") return reject(new Error(`died of itself at ${dieAt}: ${errors}`));
      const lines = out.split("\n").filter(Boolean);
      resolve(lines.map((line) => JSON.parse(line) as Line));
    });
  });
}

/** What must hold of any database, wherever the process died. */
async function check(database: TestDatabase, acknowledged: readonly Line[]): Promise<void> {
  const clock = createVirtualClock();
  // whatever the dead process had leased is free again
  clock.advance({ minutes: 5 });
  const node = await openNode(database.source(), { clock, audit: {} });
  const folder = mkdtempSync(join(tmpdir(), "segno-audit-crash-"));
  try {
    const { audit, engine } = node;
    if (audit === undefined) throw new Error("no audit log");
    await audit.settle();
    const leaves: LeafContent[] = [];
    for await (const { content } of scanLeaves(audit.storage))
      if (content !== undefined && !isExpired(content)) leaves.push(content);
    const rows = await engine.store.db.selectFrom("segno_outbox").selectAll().orderBy("position").execute();
    expect(leaves.map(({ event }) => event.id)).toEqual(rows.map(({ id }) => id));
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    for (const { session, erased } of acknowledged) {
      const isTold = (type: string, name: string, id: string) =>
        leaves.filter((leaf) => leaf.type === type && leaf.event[name] === id).length;
      if (session !== undefined) expect(isTold("session.created", "sessionid", session)).toBe(1);
      if (erased !== undefined) expect(isTold("subject.erased", "subject", erased)).toBe(1);
    }
    expect(rows.filter(({ personal }) => personal !== null)).toEqual([]);
    expect(await audit.completeness()).toMatchObject({ ratio: 1, missing: [] });
    await exportLog(audit.storage, join(folder, "log"));
    const keys = parseTrustedKeys((await audit.status()).keys);
    expect((await verifyLog(join(folder, "log"), { keys, nowMs: clock.nowMs() })).ok).toBe(true);
  } finally {
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const every = { local: 12, ci: 3, all: 1 }[
  process.env.SEGNO_CRASH_ALL === "1" ? "all" : process.env.CI === "true" ? "ci" : "local"
];
const kinds = testDatabases.filter(({ name }) => name === "sqlite file" || name === "postgres");

describe.each(kinds)("kill -9 at any moment of the audit log's work ($name)", ({ skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  async function tryAt(point: number): Promise<readonly Line[]> {
    const database = await create();
    try {
      const acknowledged = await run(database.address ?? "", point);
      await check(database, acknowledged);
      return acknowledged;
    } catch (cause) {
      throw new Error(`killed at boundary ${point}`, { cause });
    } finally {
      await database.drop();
    }
  }

  it("R051, R099: every acknowledged event is one row and one leaf, and the log verifies", {
    timeout: every === 1 ? 3_600_000 : 600_000,
  }, async () => {
    const whole = await tryAt(0);
    const boundaries = whole.at(-1)?.boundaries ?? 0;
    expect(whole.at(-1)?.done).toBe(true);
    expect(boundaries).toBeGreaterThan(60);
    const points = Array.from({ length: boundaries }, (_, index) => index + 1).filter((point) => point % every === 0);
    const next = points.values();
    const worker = async () => {
      for (const point of next) await tryAt(point);
    };
    await Promise.all([worker(), worker()]);
  });
});
