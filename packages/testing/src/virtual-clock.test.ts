import { expect, it } from "vitest";
import { createVirtualClock } from "./virtual-clock.js";

it("stands still until moved", () => {
  const clock = createVirtualClock(1_000);
  expect([clock.nowMs(), clock.nowMs()]).toEqual([1_000, 1_000]);
});

it("adds the parts of a step, and goes back", () => {
  const clock = createVirtualClock(0);
  expect(clock.advance({ days: 1, hours: 1, minutes: 1, seconds: 1, milliseconds: 1 })).toBe(90_061_001);
  expect(clock.advance({ hours: -1 })).toBe(86_461_001);
  clock.set(5);
  expect(clock.nowMs()).toBe(5);
});

it("starts at a date that never changes", () => {
  expect(new Date(createVirtualClock().nowMs()).toISOString()).toBe("2026-01-01T00:00:00.000Z");
});
