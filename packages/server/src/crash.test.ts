import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTestSegno, createVirtualClock, type TestSegno } from "@segno/testing";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const flow = fileURLToPath(new URL("../test/crash-flow.ts", import.meta.url));
const loader = fileURLToPath(new URL("../test/source-loader.mjs", import.meta.url));
let folder: string;

interface Line {
  readonly login?: string;
  readonly user?: string;
  readonly cookie?: string;
  readonly refreshToken?: string;
  readonly done?: boolean;
  readonly boundaries?: number;
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "segno-crash-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(file: string, dieAt: number): Promise<readonly Line[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", loader, flow, file, String(dieAt)], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
    });
    let out = "";
    let errors = "";
    child.stdout.on("data", (chunk) => (out += chunk));
    child.stderr.on("data", (chunk) => (errors += chunk));
    child.on("close", (code, signal) => {
      if (code !== 0 && signal !== "SIGKILL") return reject(new Error(`died of itself at ${dieAt}: ${errors}`));
      resolve(
        out
          .split("\n")
          .filter(Boolean)
          .map((line) => JSON.parse(line) as Line),
      );
    });
  });
}

type Dump = Readonly<Record<string, readonly Record<string, unknown>[]>>;

/** The dump has a line per row: the table's name, then the row as JSON. */
function parseDump(text: string): Dump {
  const tables: Record<string, Record<string, unknown>[]> = {};
  for (const line of text.split("\n").filter(Boolean)) {
    const space = line.indexOf(" ");
    const rows = (tables[line.slice(0, space)] ??= []);
    rows.push(JSON.parse(line.slice(space + 1)) as Record<string, unknown>);
  }
  return tables;
}

/** What must hold of any database, wherever the process died. */
async function check(file: string, acknowledged: readonly Line[]): Promise<void> {
  // five minutes later: whatever the dead process had leased is free again
  const clock = createVirtualClock(Date.parse("2026-01-01T00:05:00Z"));
  const after = await createTestSegno({ database: file, seed: `after ${file}`, clock });
  try {
    await after.settle();
    const rows = parseDump(await after.dump());
    checkWhole(rows);
    await checkAcknowledged(after, rows, acknowledged);
  } finally {
    await after.close();
  }
}

async function checkAcknowledged(after: TestSegno, rows: Dump, acknowledged: readonly Line[]): Promise<void> {
  for (const { login, user, cookie } of acknowledged.filter((line) => line.login !== undefined)) {
    const response = await after.fetch("/api/auth/v1/session", { headers: { cookie: cookie ?? "" } });
    const body: { user: { id: string } | null } = await response.json();
    expect(body.user?.id).toBe(user);
    expect(rows.segno_sessions?.filter((session) => session.id === login)).toHaveLength(1);
  }
  const newest = acknowledged.findLast((line) => line.refreshToken !== undefined)?.refreshToken;
  if (newest !== undefined) {
    const response = await after.fetch("/api/auth/oauth2/token", {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: newest, client_id: "segno" }),
    });
    expect(response.status).toBe(200);
  }
}

function checkWhole(rows: Dump): void {
  const of = (table: string) => rows[table] ?? [];
  const events = of("segno_outbox").map(
    (row) => JSON.parse(String(row.payload)) as { type: string; subject: string; sessionid: string },
  );
  const told = (type: string, key: "subject" | "sessionid", value: unknown) =>
    events.filter((event) => event.type === type && event[key] === value).length;
  expect(of("segno_outbox").filter((row) => row.delivered_at === null)).toEqual([]);
  for (const user of of("segno_users")) {
    expect(told("user.created", "subject", user.id)).toBe(1);
    const ways = [...of("segno_passkeys"), ...of("segno_identifiers")].filter((row) => row.user_id === user.id);
    expect(ways.length).toBeGreaterThan(0);
  }
  for (const session of of("segno_sessions")) {
    expect(told("session.created", "sessionid", session.id)).toBe(1);
    expect(told("login.success", "sessionid", session.id)).toBe(1);
    expect(of("segno_users").some((user) => user.id === session.user_id)).toBe(true);
  }
  expect(events.filter((event) => event.type === "login.success")).toHaveLength(of("segno_sessions").length);
  expect(events.filter((event) => event.type === "passkey.added")).toHaveLength(of("segno_passkeys").length);
}

describe("kill -9 between any two statements of sign-up, sign-in and refresh", () => {
  it("R051, T-076: loses nothing acknowledged, leaves nothing half-made, keeps every event", {
    timeout: 170_000,
  }, async () => {
    const whole = await run(join(folder, "whole.db"), 0);
    const boundaries = whole.at(-1)?.boundaries ?? 0;
    expect(whole.at(-1)?.done).toBe(true);
    expect(boundaries).toBeGreaterThan(30);
    await check(join(folder, "whole.db"), whole);

    const isEvery = process.env.CI === "true";
    const points = Array.from({ length: boundaries }, (_, index) => index + 1).filter(
      (point) => isEvery || point % 5 === 0,
    );
    const next = points.values();
    const worker = async () => {
      for (const point of next) {
        const file = join(folder, `${point}.db`);
        const acknowledged = await run(file, point);
        await check(file, acknowledged).catch((cause) => {
          throw new Error(`killed at boundary ${point} of ${boundaries}`, { cause });
        });
      }
    };
    await Promise.all([worker(), worker()]);
  });
});
