import fc from "fast-check";
import { expect, it } from "vitest";
import { createSeededRandom } from "./seeded-random.js";

it("gives one stream per seed, however it is cut", () => {
  const whole = createSeededRandom("seed").bytes(600);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 15 }), (lengths) => {
      const random = createSeededRandom("seed");
      const joined = Buffer.concat(lengths.map((length) => random.bytes(length)));
      return joined.equals(whole.subarray(0, joined.length));
    }),
  );
});

it("differs by seed", () => {
  expect(createSeededRandom("a").bytes(16)).not.toEqual(createSeededRandom("b").bytes(16));
});
