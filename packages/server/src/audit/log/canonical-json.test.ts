import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, type JsonValue, parseCanonicalJson } from "./canonical-json.js";

describe("RFC 8785", () => {
  it("section 3.2.2 and 3.2.3: the sample of the standard", () => {
    const sample = `{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`;
    expect(canonicalJson(JSON.parse(sample) as JsonValue)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it("section 3.2.3: names in the order of their UTF-16 code units", () => {
    const text = `{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
      "\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}`;
    const written = canonicalJson(JSON.parse(text) as JsonValue);
    expect([...written.matchAll(/:"([^"]+)"/g)].map(([, value]) => value)).toEqual([
      "Carriage Return",
      "One",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ]);
  });

  it.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef4f", "999999999999999900000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ])("appendix B: %s is %s", (bits, text) => {
    expect(canonicalJson(Buffer.from(bits, "hex").readDoubleBE(0))).toBe(text);
  });

  it.each([["7fffffffffffffff"], ["7ff0000000000000"], ["fff0000000000000"]])(
    "appendix B: %s has no spelling",
    (bits) => {
      expect(() => canonicalJson(Buffer.from(bits, "hex").readDoubleBE(0))).toThrow(TypeError);
    },
  );
});

it.each([
  ["half a surrogate pair", "\ud83d"],
  ["half a surrogate pair in a name", { "\ude00": 1 }],
  ["a bigint", 1n],
  ["a function", () => 1],
  ["a date", new Date(0)],
  ["a map", new Map()],
  ["undefined in a list", [undefined]],
])("refuses to write %s", (_, value) => {
  expect(() => canonicalJson(value as JsonValue)).toThrow(TypeError);
});

it.each([
  ["a name given twice", '{"a":1,"a":2}'],
  ["the same value twice", '{"a":1,"a":1}'],
  ["white space", '{"a": 1}'],
  ["another order", '{"b":1,"a":2}'],
  ["another way to write a number", "1.0"],
  ["minus nothing", "-0"],
  ["an escape that is not needed", '"\\u0041"'],
  ["half a surrogate pair", '"\\ud83d"'],
  ["a byte order mark", "\ufeff1"],
  ["no JSON", "{"],
  ["something behind", "1\n"],
])("refuses to read %s", (_, text) => {
  expect(() => parseCanonicalJson(text)).toThrow(TypeError);
});

it("refuses nesting that would take the stack, and keeps __proto__ a name", () => {
  expect(() => parseCanonicalJson("[".repeat(100) + "]".repeat(100))).toThrow(TypeError);
  const text = '{"__proto__":{"a":1}}';
  expect(canonicalJson(parseCanonicalJson(text))).toBe(text);
});

it("reads what it writes, and writes it the same again whatever the order was", () => {
  const json = fc.jsonValue({ maxDepth: 5 }).filter((value) => JSON.stringify(value).isWellFormed());
  fc.assert(
    fc.property(json, (value) => {
      const text = canonicalJson(value as JsonValue);
      expect(canonicalJson(parseCanonicalJson(text))).toBe(text);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
      if (typeof value === "object" && value !== null && !Array.isArray(value))
        expect(canonicalJson(Object.fromEntries(Object.entries(value).reverse()) as JsonValue)).toBe(text);
    }),
  );
});
