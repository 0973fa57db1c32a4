import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createTestSegno, createVirtualClock, type TestSegno } from "@segno/testing";
import { describe, expect, it } from "vitest";
import { type TestDatabase, testDatabases } from "../test/stores.js";

const flow = fileURLToPath(new URL("../test/crash-flow.ts", import.meta.url));
const loader = fileURLToPath(new URL("../test/source-loader.mjs", import.meta.url));

interface Line {
  readonly login?: string;
  readonly user?: string;
  readonly cookie?: string;
  /** The session whose cookie the next answer replaces. */
  readonly replacing?: string;
  readonly added?: string;
  readonly removing?: string;
  readonly removed?: string;
  readonly refreshToken?: string;
  readonly done?: boolean;
  readonly boundaries?: number;
}

function run(address: string, dieAt: number): Promise<readonly Line[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", loader, flow, address, String(dieAt)], {
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
async function check(database: TestDatabase, acknowledged: readonly Line[]): Promise<void> {
  // clients try again within seconds
  await restarted(database, "2026-01-01T00:00:02Z", async (soon) => {
    await checkCookies(soon, acknowledged);
    await checkRefresh(soon, acknowledged);
  });
  // whatever the dead process had leased is free again
  await restarted(database, "2026-01-01T00:05:00Z", async (later) => {
    await later.settle();
    checkWhole(parseDump(await later.dump()), acknowledged);
  });
}

async function restarted(database: TestDatabase, at: string, work: (test: TestSegno) => Promise<void>): Promise<void> {
  const clock = createVirtualClock(Date.parse(at));
  const test = await createTestSegno({ database: database.source(), seed: `started at ${at}`, clock });
  try {
    await work(test);
  } finally {
    await test.close();
  }
}

/** Every cookie somebody got signs them in, unless a later answer replaced it; one that may have been, either way. */
async function checkCookies(after: TestSegno, lines: readonly Line[]): Promise<void> {
  for (const [index, { login, user, cookie }] of lines.entries()) {
    if (login === undefined) continue;
    const later = lines.slice(index + 1);
    const isReplacing = later.some((line) => line.replacing === login);
    const isReplaced = isReplacing && later.some((line) => line.login === login);
    const response = await after.fetch("/api/auth/v1/session", { headers: { cookie: cookie ?? "" } });
    const body: { user: { id: string } | null } = await response.json();
    const allowed = isReplaced ? [undefined] : isReplacing ? [undefined, user] : [user];
    expect(allowed).toContain(body.user?.id);
  }
}

async function checkRefresh(after: TestSegno, lines: readonly Line[]): Promise<void> {
  const newest = lines.findLast((line) => line.refreshToken !== undefined)?.refreshToken;
  if (newest === undefined) return;
  const response = await after.fetch("/api/auth/oauth2/token", {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: newest, client_id: "segno" }),
  });
  expect(response.status).toBe(200);
}

function checkWhole(rows: Dump, lines: readonly Line[]): void {
  const of = (table: string) => rows[table] ?? [];
  const events = of("segno_outbox").map(
    (row) => JSON.parse(String(row.payload)) as { type: string; subject: string; sessionid: string },
  );
  const all = (type: string) => events.filter((event) => event.type === type);
  const told = (type: string, key: "subject" | "sessionid", value: unknown) =>
    all(type).filter((event) => event[key] === value).length;
  // everything has its position, the subscriber has passed it, and nothing was set aside
  const head = of("segno_outbox").length;
  expect(
    of("segno_outbox")
      .map((row) => row.position)
      .toSorted((a, b) => Number(a) - Number(b)),
  ).toEqual(Array.from({ length: head }, (_, index) => index + 1));
  expect(of("segno_event_cursors")).toMatchObject([{ name: "in-process", position: head }]);
  expect(of("segno_event_failures")).toEqual([]);
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
  expect(all("login.success")).toHaveLength(of("segno_sessions").length);
  expect(all("passkey.added").length - all("passkey.removed").length).toBe(of("segno_passkeys").length);
  const passkeys = of("segno_passkeys").map((row) => row.id);
  for (const { added } of lines.filter((line) => line.added !== undefined)) {
    if (lines.some((line) => line.removed === added)) expect(passkeys).not.toContain(added);
    else if (!lines.some((line) => line.removing === added)) expect(passkeys).toContain(added);
  }
}

/** How many boundaries there are to one that is tried. All of them take a quarter of an hour or more: that is for the nightly run. */
const every = { local: 16, ci: 4, all: 1 }[
  process.env.SEGNO_CRASH_ALL === "1" ? "all" : process.env.CI === "true" ? "ci" : "local"
];
const kinds = testDatabases.filter(({ name }) => name === "sqlite file" || name === "postgres");

describe.each(kinds)("kill -9 at any moment of a person's whole way ($name)", ({ skipped, create }) => {
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

  it("R051, T-076: loses nothing acknowledged, leaves nothing half-made, keeps every event", {
    timeout: every === 1 ? 3_600_000 : 600_000,
  }, async () => {
    const whole = await tryAt(0);
    const boundaries = whole.at(-1)?.boundaries ?? 0;
    expect(whole.at(-1)?.done).toBe(true);
    expect(boundaries).toBeGreaterThan(100);
    const points = Array.from({ length: boundaries }, (_, index) => index + 1).filter((point) => point % every === 0);
    const next = points.values();
    const worker = async () => {
      for (const point of next) await tryAt(point);
    };
    await Promise.all([worker(), worker()]);
  });
});
