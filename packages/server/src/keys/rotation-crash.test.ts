import { createTestSegno, createVirtualClock, type TestSegno } from "@segno/testing";
import { decodeJwt, decodeProtectedHeader } from "jose";
import { expect } from "vitest";
import { describeCrashes, eventsIn, type LastLine, parseDump } from "../../test/crash-kit.js";
import type { TestDatabase } from "../../test/stores.js";

interface Line extends LastLine {
  readonly token?: string;
  readonly rotated?: string;
  readonly retired?: string;
  readonly giving?: string;
  readonly given?: string;
  readonly sessionsRevoked?: number;
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
    for (const { token } of lines) {
      if (token === undefined) continue;
      const kid = decodeProtectedHeader(token).kid ?? "";
      const key = keys.find((each) => each.kid === kid);
      // on record before the token existed
      expect(key?.latestExpMs).toBeGreaterThanOrEqual((decodeJwt(token).exp ?? 0) * 1000);
      const request = { headers: { authorization: `Bearer ${token}` }, method: "GET", url: test.origin };
      const { status } = await test.segno.authenticate(request);
      expect(status).toBe(gone.includes(kid) ? "invalid" : "authenticated");
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
  const events = eventsIn(parseDump(await test.dump()));
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
  // those who got a token by it, and not the one whose token another key signed
  if (isOneGone) expect(ended).toHaveLength(2);
}

describeCrashes<Line>({
  name: "kill -9 while keys change",
  it: "F8, R089: one key signs, one spare is there, every acknowledged token holds, every change is told once",
  flow: "crash-keys-flow.ts",
  every: { local: 9, ci: 3 },
  boundaries: 40,
  timeoutMs: 600_000,
  check,
  checkWhole: (lines) => expect(lines.find((line) => line.given !== undefined)?.sessionsRevoked).toBe(2),
});
