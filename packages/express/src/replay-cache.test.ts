import { expect, it } from "vitest";
import { createReplayCache } from "./replay-cache.js";

it("remembers a proof until it expires by itself, and refuses rather than forgets when full", () => {
  let nowMs = 0;
  const isReplay = createReplayCache({ nowMs: () => nowMs }, 2);
  const use = (jti: string, jkt = "k") => isReplay({ jkt, jti, expiresAtSeconds: nowMs / 1000 + 70 });
  expect([use("a"), use("a"), use("a", "other key")]).toEqual([false, true, false]);
  expect(() => use("b")).toThrow(expect.objectContaining({ code: "store_unavailable" }));
  nowMs = 71_000;
  expect([use("b"), use("a")]).toEqual([false, false]);
});
