import { randomUUID } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isNamedBy, minutesOf, parseSupportCode, supportCode } from "./support-code.js";

const minuteMs = 60_000;
const roundMs = 2 ** 15 * minuteMs;
const atMs = fc.integer({ min: Date.parse("2026-01-01"), max: Date.parse("2100-01-01") });

describe("a support code", () => {
  it("R050: has eight digits, names its request and its minute, and is read however it was typed", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[A-Za-z0-9._-]{8,64}$/), atMs, (requestId, time) => {
        const text = supportCode(requestId, time);
        expect(text).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
        const spellings = [
          text,
          text.toLowerCase(),
          text.replace("-", ""),
          ` ${text.replaceAll("0", "O").replaceAll("1", "l")} `,
        ];
        for (const spelling of spellings) {
          const code = parseSupportCode(spelling);
          if (code === undefined) throw new Error(spelling);
          expect(isNamedBy(code, { requestId })).toBe(true);
          const minutes = minutesOf(code, time + roundMs + 5 * minuteMs, time - 1);
          expect(minutes).toContain(Math.floor(time / minuteMs) * minuteMs);
          expect(minutes).toHaveLength(2);
        }
      }),
    );
  });

  it("is refused when it is none", () => {
    for (const text of ["", "7K3M", "7K3M-9QX", "7K3M-9QXAA", "7K3M-9QXU", "ada@example.com", "７K3M9QXA"])
      expect(parseSupportCode(text), text).toBeUndefined();
  });

  it("is seldom that of another request of the same minute", () => {
    const now = Date.parse("2026-11-21T07:00:00Z");
    const codes = Array.from({ length: 20_000 }, () => supportCode(randomUUID(), now));
    // 2^25 names: of 20 000 requests in a minute about six share one with another
    expect(codes.length - new Set(codes).size).toBeLessThan(40);
    expect(new Set(codes.map((code) => code.slice(0, 3))).size).toBe(1);
  });
});
