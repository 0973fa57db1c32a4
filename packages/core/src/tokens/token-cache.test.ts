import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CachedToken, createTokenCache } from "./token-cache.js";

const entry = (jti: string) => ({ claims: { jti }, kid: undefined, key: {} }) as unknown as CachedToken;

describe("the cache of verified tokens", () => {
  it("holds the newest and lets the oldest go", () => {
    const cache = createTokenCache(3);
    for (const digest of ["a", "b", "c", "d"]) cache.set(digest, entry(digest));
    expect(["a", "b", "c", "d"].map((digest) => cache.get(digest)?.claims.jti)).toEqual([undefined, "b", "c", "d"]);
    cache.set("d", entry("d again"));
    expect(["b", "c", "d"].map((digest) => cache.get(digest)?.claims.jti)).toEqual(["b", "c", "d again"]);
  });

  it("never holds more than it may, nor what was taken out, whatever comes in and goes", () => {
    const digest = fc.constantFrom("a", "b", "c", "d", "e", "f", "g");
    const step = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), digest }),
      fc.record({ kind: fc.constant("delete" as const), digest }),
      fc.record({ kind: fc.constant("forget" as const), digest }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 60 }), (maxEntries, steps) => {
        const cache = createTokenCache(maxEntries);
        const all = ["a", "b", "c", "d", "e", "f", "g"];
        for (const { kind, digest: named } of steps) {
          const before = all.filter((each) => cache.get(each) !== undefined);
          if (kind === "set") cache.set(named, entry(named));
          if (kind === "delete") cache.delete(named);
          if (kind === "forget") expect(cache.forget({ jti: named })).toBe(before.includes(named) ? 1 : 0);
          expect(cache.get(named) !== undefined).toBe(kind === "set");
          const held = all.filter((each) => cache.get(each) !== undefined);
          expect(held.length).toBeLessThanOrEqual(maxEntries);
          // at most one goes for one that comes
          expect(before.filter((each) => !held.includes(each)).length).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
