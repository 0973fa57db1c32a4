import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { createTestSegno, createVirtualClock, type TestSegno } from "@segno/testing";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { describe, expect, it } from "vitest";
import { type TestDatabase, testDatabases } from "../../test/stores.js";

const flow = fileURLToPath(new URL("../../test/crash-keys-flow.ts", import.meta.url));
const loader = fileURLToPath(new URL("../../test/source-loader.mjs", import.meta.url));

interface Line {
  readonly token?: string;
  readonly rotated?: string;
  readonly retired?: string;
  readonly giving?: string;
  readonly given?: string;
  readonly sessionsRevoked?: number;
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

async function eventsOf(
  test: TestSegno,
): Promise<readonly { type: string; sessionid?: string; data: { kid?: string } }[]> {
  const rows = (await test.dump()).split("\n").filter((line) => line.startsWith("segno_outbox "));
  return rows.map((line) => JSON.parse(String(JSON.parse(line.slice("segno_outbox ".length)).payload)));
}

/** What must hold wherever the process died. */
async function check(database: TestDatabase, lines: readonly Line[]): Promise<void> {
  const clock = createVirtualClock(Date.parse("2026-01-01T00:00:03Z"));
  const test = await createTestSegno({ database: database.source(), seed: "restarted", clock });
  try {
    const { keys } = await test.segno.api.keys.status();
    const inState = (state: string) => keys.filter((key) => key.state === state);
    expect(inState("signing")).toHaveLength(1);
    expect(inState("published")).toHaveLength(1);
    const giving = lines.find((line) => line.giving !== undefined)?.giving;
    const isGiven = lines.some((line) => line.given !== undefined);
    const gone = inState("compromised").map((key) => key.kid);
    expect(isGiven ? [giving] : gone.length === 0 ? [] : [giving]).toEqual(gone);
    for (const [index, { token }] of lines.entries()) {
      if (token === undefined) continue;
      const kid = decodeProtectedHeader(token).kid ?? "";
      const key = keys.find((each) => each.kid === kid);
      // on record before the token existed
      expect(key?.latestExpMs).toBeGreaterThanOrEqual((decodeJwt(token).exp ?? 0) * 1000);
      const request = { headers: { authorization: `Bearer ${token}` }, method: "GET", url: test.origin };
      const { status } = await test.segno.authenticate(request);
      const isBefore = lines.slice(index).some((line) => line.giving !== undefined);
      if (gone.length > 0 && isBefore) {
        if (isGiven || gone.includes(kid)) expect(status).toBe("invalid");
      } else expect(status).toBe("authenticated");
    }
    if (gone.length > 0 && !isGiven) {
      // whoever was interrupted asks again
      const report = await test.segno.api.keys.compromise(giving ?? "", { sinceMs: 0 });
      expect(report.isFirst).toBe(false);
    }
    await checkEvents(test, gone.length > 0);
    // and it all goes on
    const { tokens } = await test.signInAs("new@example.com");
    expect((await tokens()).accessToken).toBeDefined();
  } finally {
    await test.close();
  }
}

async function checkEvents(test: TestSegno, isOneGone: boolean): Promise<void> {
  const { keys } = await test.segno.api.keys.status();
  const events = await eventsOf(test);
  const told = (type: string, kid: string) =>
    events.filter((event) => event.type === type && event.data.kid === kid).length;
  for (const key of keys) {
    expect(told("key.created", key.kid)).toBe(1);
    const isFirst =
      key.signingAtMs !== null && key.signingAtMs === key.publishedAtMs && told("key.rotated", key.kid) === 0;
    if (key.signingAtMs !== null && !isFirst) expect(told("key.rotated", key.kid)).toBe(1);
    expect(told("key.compromised", key.kid)).toBe(key.state === "compromised" ? 1 : 0);
    expect(told("key.retired", key.kid)).toBe(key.state === "retired" ? 1 : 0);
  }
  expect(events.filter((event) => event.type === "risk.alert")).toHaveLength(isOneGone ? 1 : 0);
  const ended = events.filter((event) => event.type === "session.revoked").map((event) => event.sessionid);
  expect(new Set(ended).size).toBe(ended.length);
  if (isOneGone) expect(ended).toHaveLength(3);
}

/** How many boundaries there are to one that is tried. All of them take minutes: that is for the nightly run. */
const every = { local: 9, ci: 3, all: 1 }[
  process.env.SEGNO_CRASH_ALL === "1" ? "all" : process.env.CI === "true" ? "ci" : "local"
];
const kinds = testDatabases.filter(({ name }) => name === "sqlite file" || name === "postgres");

describe.each(kinds)("kill -9 while keys change ($name)", ({ skipped, create }) => {
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

  it("F8, R089: one key signs, one spare is there, every acknowledged token holds, every change is told once", {
    timeout: 600_000,
  }, async () => {
    const whole = await tryAt(0);
    const boundaries = whole.at(-1)?.boundaries ?? 0;
    expect(whole.at(-1)?.done).toBe(true);
    expect(whole.find((line) => line.given !== undefined)?.sessionsRevoked).toBe(3);
    expect(boundaries).toBeGreaterThan(40);
    const points = Array.from({ length: boundaries }, (_, index) => index + 1).filter((point) => point % every === 0);
    const next = points.values();
    const worker = async () => {
      for (const point of next) await tryAt(point);
    };
    await Promise.all([worker(), worker()]);
  });
});
