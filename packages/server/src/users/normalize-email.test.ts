import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { normalizeEmail } from "./normalize-email.js";

const same = [
  "ada@example.com",
  "a@b.co",
  "ada.lovelace@example.com",
  "ada+tag@example.com",
  "a-b_c@example.co.uk",
  "x!#$%&'*+/=?^_`{|}~-y@example.com",
  "1@2.com",
  "ada@sub.sub.example.com",
  "ada@xn--exmple-cua.org",
  "o'brien@example.ie",
  `${"a".repeat(64)}@example.com`,
  "ada@a-b.example",
  "ada@1.example",
  "0@0.aero",
  "ada@example.museum",
  "_@example.com",
  "-@example.com",
  "ada=bob@example.com",
];
const changed: readonly (readonly [string, string])[] = [
  ["Ada@Example.COM", "ada@example.com"],
  [" ada@example.com ", "ada@example.com"],
  ["\tada@example.com", "ada@example.com"],
  ["ada@exämple.org", "ada@xn--exmple-cua.org"],
  ["ADA@EXÄMPLE.ORG", "ada@xn--exmple-cua.org"],
  ["ada@münchen.de", "ada@xn--mnchen-3ya.de"],
  ["ａｄａ@example.com", "ada@example.com"],
  ["ada@ｅｘａｍｐｌｅ.com", "ada@example.com"],
  ["ada@例え.jp", "ada@xn--r8jz45g.jp"],
  ["ada@faß.de", "ada@xn--fa-hia.de"],
  ["𝐚𝐝𝐚@example.com", "ada@example.com"],
  ["ﬁ@example.com", "fi@example.com"],
  ["\u212Aim@example.com", "kim@example.com"],
  ["ada@exa\u0308mple.org", "ada@xn--exmple-cua.org"],
  ["①@example.com", "1@example.com"],
  ["ada@пример.рф", "ada@xn--e1afmkfd.xn--p1ai"],
  ["ada@EXAMPLE.xn--P1AI", "ada@example.xn--p1ai"],
];
const invisible = [
  "\u200b",
  "\u200c",
  "\u200d",
  "\u2060",
  "\ufeff",
  "\u00ad",
  "\u180e",
  "\u202a",
  "\u202b",
  "\u202c",
  "\u202d",
  "\u202e",
  "\u2066",
  "\u2067",
  "\u2068",
  "\u2069",
  "\u200e",
  "\u200f",
  "\u061c",
  "\u034f",
  "\u115f",
  "\u3164",
  "\uffa0",
  "\ufe0f",
  "\u2028",
  "\u2029",
  "\u0000",
  "\u0007",
  "\u001b",
  "\u007f",
  "\u0085",
  "\ue000",
  "\u{e0061}",
  "\ud800",
];
const refusedPlain = [
  // nothing, or not an address
  "",
  " ",
  "@",
  "a",
  "a@",
  "@b.co",
  "ada",
  "ada@",
  "ada@example",
  "ada@localhost",
  "ada.example.com",
  "ada@@example.com",
  "ada@b@example.com",
  "ada@example.com@evil.com",
  // several
  "ada@example.com,eve@evil.com",
  "ada@example.com, eve@evil.com",
  "ada@example.com;eve@evil.com",
  "ada@example.com eve@evil.com",
  "ada@example.com\neve@evil.com",
  "ada@example.com\r\nBcc: eve@evil.com",
  "ada@example.com%0aBcc:eve@evil.com",
  "ada@example.com|eve@evil.com",
  "ada@example.com>,<eve@evil.com",
  "eve@evil.com ada@example.com",
  // names, comments, quotes, routes
  "Ada <ada@example.com>",
  "<ada@example.com>",
  '"ada"@example.com',
  '"a b"@example.com',
  '"a@b"@example.com',
  "ada(comment)@example.com",
  "ada@(comment)example.com",
  "ada@example.com (Ada)",
  "@a,@b:ada@example.com",
  "ada\\@example.com",
  "mailto:ada@example.com",
  "ada@[127.0.0.1]",
  "ada@[IPv6:::1]",
  "ada:bob@example.com",
  "ada,bob@example.com",
  "ada;bob@example.com",
  "ada bob@example.com",
  "ada[1]@example.com",
  // dots
  ".ada@example.com",
  "ada.@example.com",
  "ada..bob@example.com",
  "ada@.example.com",
  "ada@example..com",
  "ada@example.com.",
  "ada@-example.com",
  "ada@example-.com",
  "ada@exa_mple.com",
  // hosts in disguise
  "ada@127.0.0.1",
  "ada@1.2.3.4",
  "ada@0x7f.1",
  "ada@0x7f000001",
  "ada@2130706433",
  "ada@017700000001",
  "ada@example.123",
  "ada@example.com:25",
  "ada@example.com/path",
  "ada@example.com?x=1",
  "ada@example.com#x",
  "ada@example.com\\evil.com",
  "ada@evil.com%2eexample.com",
  "ada@user:pw@example.com",
  "ada@exam%70le.com",
  "ada@ example.com",
  "ada@example .com",
  "ada@exa\tmple.com",
  "ada@xn--",

  // look-alikes of @ and of separators
  "ada\uff20example.com",
  "ada\ufe6bexample.com",
  "ada\uff20b@example.com",
  "ada@evil.com\uff20example.com",
  "ada@example\uff0ecom",
  "ada@example\u3002com",
  "ada@example\uff61com",
  "ada\uff0eb@example.com",
  "ada\uff0ceve@evil.com",
  "ada@a.com\uff0ceve@evil.com",
  "ada@a.com\uff1beve@evil.com",
  "ada@a.com\ufe50eve@evil.com",
  "\uff1cada@example.com\uff1e",
  "ada\u2024b@example.com",
  "ada@example\u2024com",
  "ada\u2025b@example.com",
  "ada\u2026@example.com",
  "ada@e\u2488com",
  "ada\u00a0@example.com",
  "ada\u3000@example.com",
  "ada\u2003@example.com",
  "\u00a0ada@example.com",
  "ada@example.com\u3000",
  // letters outside ASCII before the @
  "\u0430da@example.com",
  "аdmin@example.com",
  "ädä@example.com",
  "m\u0131ke@example.com",
  "δοκιμή@example.com",
  "用户@example.com",
  "a\u0301da@example.com",
  "ada\u{1f600}@example.com",
  // domains that are not
  "ada@exa\u{1f600}mple.com",
  "ada@\u2603.net!",
  "ada@ex\u2215ample.com",
  "ada@example.com\uff0fevil",
  "ada@a\u2044b.com",
  "ada@example\u00b7com",
  // too long
  `${"a".repeat(65)}@example.com`,
  `ada@${"a".repeat(64)}.com`,
  `ada@${"a.".repeat(130)}com`,
  `${"a".repeat(5000)}@example.com`,
  `ada@${"ä".repeat(63)}.com`,
];
const hiddenSpots = invisible.flatMap((mark) => [`ad${mark}a@example.com`, `ada@exam${mark}ple.com`]);
const corpus = [...same, ...changed.map(([typed]) => typed), ...refusedPlain, ...hiddenSpots];

describe("normalizeEmail", () => {
  it("T-009: has a corpus of at least 200 cases", () => {
    expect(new Set(corpus).size).toBeGreaterThanOrEqual(200);
  });
  it.each(same)("keeps %j", (address) => {
    expect(normalizeEmail(address)).toBe(address);
  });
  it.each(changed)("T-010: spells %j as %j, once and for all", (typed, stored) => {
    expect(normalizeEmail(typed)).toBe(stored);
    expect(normalizeEmail(stored)).toBe(stored);
  });
  it.each(refusedPlain)("T-009: refuses %j", (typed) => {
    expect(() => normalizeEmail(typed)).toThrow(expect.objectContaining({ code: "invalid_input" }));
  });
  it.each(hiddenSpots)("T-010: refuses what cannot be seen in %j", (typed) => {
    expect(() => normalizeEmail(typed)).toThrow(expect.objectContaining({ code: "invalid_input" }));
  });
  it("T-008: refuses what is not text", () => {
    for (const value of [undefined, null, 1, {}, ["ada@example.com"], ["ada@example.com", "eve@evil.com"]]) {
      expect(() => normalizeEmail(value as unknown as string)).toThrow(
        expect.objectContaining({ code: "invalid_input" }),
      );
    }
  });
  it("T-010: what comes out never changes again, is ASCII and has one @", () => {
    const piece = fc.oneof(
      fc.string({ unit: "binary", maxLength: 6 }),
      fc.constantFrom(...invisible, "@", ".", "ａ", "ä", "ß", "İ", "K", "\uff20"),
    );
    const address = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 40 }),
      fc
        .tuple(fc.emailAddress(), piece, fc.nat(60))
        .map(([email, extra, at]) => email.slice(0, at) + extra + email.slice(at)),
    );
    let accepted = 0;
    fc.assert(
      fc.property(address, (typed) => {
        let first: string;
        try {
          first = normalizeEmail(typed);
        } catch (error) {
          expect(error).toMatchObject({ code: "invalid_input" });
          return;
        }
        accepted += 1;
        expect(normalizeEmail(first)).toBe(first);
        expect(first).toMatch(/^[\x21-\x7e]+$/);
        expect(first.split("@")).toHaveLength(2);
        expect(first).not.toMatch(/[,;:<>()[\]"\\\s]/);
        expect(first.length).toBeLessThanOrEqual(254);
      }),
      { numRuns: 3000, seed: 9 },
    );
    expect(accepted).toBeGreaterThan(100);
  });
});
