import fc from "fast-check";
import { expect, it } from "vitest";
import { stepUpRequirement } from "./step-up-requirement.js";

it("reads what auth.protect() asked for", () => {
  expect(stepUpRequirement({ acr_values: "phr", max_age: "300", returnTo: "/" })).toEqual({
    acr: "phr",
    maxAgeSeconds: 300,
  });
  expect(stepUpRequirement({ max_age: "0" })).toEqual({ maxAgeSeconds: 0 });
  expect(stepUpRequirement({ acr_values: "phr phrh" })).toEqual({ acr: "phr" });
  expect(stepUpRequirement({ returnTo: "/account" })).toBeUndefined();
});

it("T-071: takes nothing odd from the address bar, and never throws", () => {
  for (const odd of ["", " ", "-1", "1e9", "NaN", "9".repeat(10), "<script>"]) {
    expect(stepUpRequirement({ max_age: odd, acr_values: "" })).toBeUndefined();
  }
  expect(stepUpRequirement({ acr_values: ["phr", "aal1"], max_age: ["1", "2"] })).toBeUndefined();
  fc.assert(
    fc.property(fc.string(), fc.string(), (acr_values, max_age) => {
      const read = stepUpRequirement({ acr_values, max_age });
      expect(read?.acr ?? "x").toMatch(/^[\w.:/-]{1,100}$/);
      expect(Number.isSafeInteger(read?.maxAgeSeconds ?? 0)).toBe(true);
    }),
  );
});
