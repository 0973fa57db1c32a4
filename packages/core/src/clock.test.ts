import { expect, it } from "vitest";
import { systemClock } from "./clock.js";

it("the system clock tells the machine's time and cannot be turned", () => {
  expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000);
  expect(Object.isFrozen(systemClock)).toBe(true);
});
