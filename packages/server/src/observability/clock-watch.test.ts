import { systemClock } from "@segno/core";
import { afterEach, describe, expect, it, vi } from "vitest";
import { testDatabases } from "../../test/stores.js";
import type { Store } from "../engine.js";
import { silentLogger } from "../runtime.js";
import { createSegno } from "../segno.js";
import { createClockWatch } from "./clock-watch.js";

afterEach(() => void vi.restoreAllMocks());

/** This machine's clock, off by so much. */
function shiftClock(ms: number): void {
  const real = Date.now.bind(Date);
  vi.spyOn(Date, "now").mockImplementation(() => real() + ms);
}

const kinds = testDatabases.filter(({ name }) => name === "sqlite memory" || name === "postgres");
describe.each(kinds)("readiness and the clock ($name)", ({ name, skipped, create }) => {
  if (skipped !== undefined) {
    it.skip(skipped, () => {});
    return;
  }
  it("R121: a clock five seconds off the database's takes the node out of service, and says so", async () => {
    const database = await create();
    const segno = createSegno({
      database: database.source(),
      secret: "1:first-secret-0123456789-abcdefghijklmnop",
      production: false,
      logger: silentLogger,
    });
    const ready = async () => {
      const answer = await segno.handler(new Request(`${segno.origin}/api/auth/health/ready`));
      return { code: answer.status, ...((await answer.json()) as { checks: Record<string, string> }) };
    };
    const isShared = name === "postgres";
    expect(await ready()).toMatchObject({ code: 200, checks: isShared ? { clock: "ok" } : {} });
    for (const ms of [5_000, -5_000]) {
      shiftClock(ms);
      const found = await ready();
      // SQLite's clock is this machine's: there is nothing to compare with
      if (!isShared) expect(found.checks["clock"]).toBeUndefined();
      else expect(found).toMatchObject({ code: 503, checks: { store: "ok", clock: "failing" } });
      vi.restoreAllMocks();
    }
    shiftClock(2_000);
    expect((await ready()).code).toBe(200);
    await segno.close();
    await database.drop();
  });
});

describe("clocks of servers that are fetched from", () => {
  const sqlite = { dialect: "sqlite" } as Store;
  const watch = (headers: () => Record<string, string>) =>
    createClockWatch({
      store: sqlite,
      clock: systemClock,
      fetch: async () => new Response(null, { headers: headers() }),
    });
  const dateOff = (ms: number) => ({ date: new Date(Date.now() + ms).toUTCString() });
  const state = async (headers: () => Record<string, string>) => {
    const { fetch, checks } = watch(headers);
    await fetch("https://keys.example.com/jwks.json");
    return await checks()["otherClocks"]?.();
  };

  it("degrade and never fail: a client's server must not be able to stop us", async () => {
    expect(await state(() => dateOff(0))).toBe("ok");
    expect(await state(() => dateOff(7_000))).toBe("degraded");
    expect(await state(() => dateOff(-7_000))).toBe("degraded");
    expect(await state(() => ({}))).toBeUndefined();
    expect(await state(() => ({ date: "yesterday" }))).toBeUndefined();
    expect(await state(() => ({ ...dateOff(-60_000), age: "60" }))).toBeUndefined();
  });

  it("are compared with no clock that was put in", async () => {
    const { fetch, checks } = createClockWatch({
      store: sqlite,
      clock: { nowMs: () => 0 },
      fetch: async () => new Response(null, { headers: dateOff(0) }),
    });
    await fetch("https://keys.example.com/jwks.json");
    expect(checks()).toEqual({});
  });
});
