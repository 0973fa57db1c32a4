import fc from "fast-check";
import { afterEach, expect, it, vi } from "vitest";
import { createElapsedClock } from "../ports.js";
import { fakeJwt } from "../service.double.js";
import { type HeldToken, isFresher, peekToken } from "./held-token.js";
import { createTokenManager } from "./token-manager.js";

afterEach(() => void vi.restoreAllMocks());

const token = (issuedAt: number, expiresAtMs = issuedAt * 1000 + 300_000): HeldToken => ({
  accessToken: `t${issuedAt}`,
  tokenType: "Bearer",
  issuedAt,
  sessionId: null,
  expiresAtMs,
});

it("reads iat and sid, and nothing from what is no JWT", () => {
  expect(peekToken(fakeJwt({ iat: 5, sid: "s", sub: "Ä" }))).toEqual({ issuedAt: 5, sessionId: "s" });
  fc.assert(fc.property(fc.string(), (text) => peekToken(text).issuedAt === 0));
});

it("the freshest of any number of replies wins, in whatever order they arrive", async () => {
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([1, 2, 3, 4, 5], { minLength: 1 }), async (order) => {
      const manager = createTokenManager({
        clock: { nowMs: () => 0 },
        wallMs: () => 0,
        locks: { run: (_name, task) => task({ hadToWait: false }) },
        lockName: "x",
        delay: async () => undefined,
        share: () => undefined,
        fetchToken: () => Promise.reject(new Error("not needed")),
      });
      for (const iat of order)
        manager.receive('["ada","",""]', { ...token(iat), remainingMs: 300_000, sentAtWallMs: 0 });
      const { data } = await manager.acquire("ada");
      expect(data?.issuedAt).toBe(Math.max(...order));
    }),
  );
  expect(isFresher(token(1), undefined)).toBe(true);
  expect(isFresher(token(1), token(2))).toBe(false);
  expect(isFresher(token(2, 10), token(2, 9))).toBe(true);
});

it("news that a frozen tab reads late counts as old", async () => {
  let wallMs = 0;
  const asked: string[] = [];
  const manager = createTokenManager({
    clock: { nowMs: () => 0 },
    wallMs: () => wallMs,
    locks: { run: (_name, task) => task({ hadToWait: false }) },
    lockName: "x",
    delay: async () => undefined,
    share: () => undefined,
    fetchToken: async (holder) => {
      asked.push(holder);
      return { data: token(9), error: null };
    },
  });
  wallMs = 600_000;
  manager.receive('["ada","",""]', { ...token(1), remainingMs: 300_000, sentAtWallMs: 0 });
  expect((await manager.acquire("ada")).data?.issuedAt).toBe(9);
  expect(asked).toEqual(["ada"]);
});

it("time keeps counting through sleep and never runs backwards, whatever the wall clock does", () => {
  let monotonic = 0;
  let wall = 1_000_000;
  vi.spyOn(performance, "now").mockImplementation(() => monotonic);
  vi.spyOn(Date, "now").mockImplementation(() => wall);
  const clock = createElapsedClock();
  monotonic += 1000;
  wall += 1000;
  expect(clock.nowMs()).toBe(1000);
  // Asleep: the monotonic clock stood still.
  wall += 60_000;
  expect(clock.nowMs()).toBe(61_000);
  // Somebody set the wall clock back by a day.
  monotonic += 500;
  wall -= 86_400_000;
  expect(clock.nowMs()).toBe(61_500);
});
