import { expect, it } from "vitest";
import { createBreaker } from "./breaker.js";

it("opens after failures in a row, lets one attempt through a rest, and closes with a success", () => {
  let nowMs = 0;
  const breaker = createBreaker({ failures: 2, restMs: 100, nowMs: () => nowMs });
  breaker.failed();
  breaker.succeeded();
  breaker.failed();
  expect([breaker.allows(), breaker.isOpen]).toEqual([true, false]);
  breaker.failed();
  expect([breaker.allows(), breaker.isOpen]).toEqual([false, true]);
  nowMs = 100;
  expect([breaker.allows(), breaker.allows(), breaker.allows()]).toEqual([true, false, false]);
  breaker.failed();
  nowMs = 199;
  expect(breaker.allows()).toBe(false);
  nowMs = 200;
  expect(breaker.allows()).toBe(true);
  breaker.succeeded();
  expect([breaker.allows(), breaker.allows(), breaker.isOpen]).toEqual([true, true, false]);
});
