import { isSegnoError } from "@segno/core";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { secretOne } from "../test/engine-kit.js";
import { watchStore } from "../test/watched-store.js";
import { createSegno, type Segno } from "./segno.js";
import { silentLogger } from "./runtime.js";
import { sqlite } from "./storage/index.js";

describe("verbs in process, while the disk is full", () => {
  let isFull = false;
  let segno: Segno;
  beforeEach(async () => {
    isFull = false;
    const before = () => {
      if (isFull) throw Object.assign(new Error("database or disk is full"), { code: "ERR_SQLITE_ERROR", errcode: 13 });
    };
    segno = createSegno({
      baseUrl: "http://localhost:3000",
      secret: `1:${secretOne}`,
      database: watchStore(sqlite(":memory:"), { before }),
      clientIp: { source: "socket" },
      production: false,
      logger: silentLogger,
    });
    await segno.ready();
    isFull = true;
  });
  afterEach(async () => {
    isFull = false;
    await segno.close();
  });

  it.each<[string, (segno: Segno) => Promise<unknown>]>([
    ["getUser", ({ api }) => api.getUser("u")],
    ["listSessions", ({ api }) => api.listSessions("u")],
    ["revokeSession", ({ api }) => api.revokeSession("s")],
    ["revokeTokens", ({ api }) => api.revokeTokens({ userId: "u" })],
    ["suspendUser", ({ api }) => api.suspendUser("u")],
    ["listServiceAccounts", ({ api }) => api.listServiceAccounts()],
    ["revokeServiceAccount", ({ api }) => api.revokeServiceAccount("c")],
    ["keys.status", ({ api }) => api.keys.status()],
    ["keys.rotate", ({ api }) => api.keys.rotate({ atOnce: true })],
  ])("F10: %s rejects with a code that tells to try again, not with what the driver threw", async (_name, call) => {
    const fault: unknown = await call(segno).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(isSegnoError(fault, "store_unavailable")).toBe(true);
    expect(String(fault)).not.toContain("disk");
  });

  it("a programmer's mistake stays what it is", async () => {
    isFull = false;
    await expect(segno.api.revokeTokens({} as never)).rejects.toMatchObject({ code: "invalid_input" });
    await expect(segno.api.getSession(undefined as never)).rejects.toThrow(TypeError);
  });
});
