import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isSegnoError } from "../errors.js";
import { maxJwsLength, parseJws } from "./parse-jws.js";
import { encodeText, outcome } from "./token.double.js";

const jws = (header: string, payload = "{}", signature = "AAAA") =>
  `${encodeText(header)}.${encodeText(payload)}.${signature}`;

describe("parseJws", () => {
  it("takes a compact JWS apart", () => {
    const parsed = parseJws(jws('{"alg":"ES256","kid":"k"}', '{"a":{"b":[1,{"c":"\\"x\\\\"}]}}'));
    expect(parsed.header).toEqual({ alg: "ES256", kid: "k" });
    expect(parsed.payload).toEqual({ a: { b: [1, { c: '"x\\' }] } });
    expect([...parsed.signature]).toEqual([0, 0, 0]);
    expect(parsed.signingInput.split(".")).toHaveLength(2);
  });

  it.each([
    ["unknown", '{"crit":["x"],"x":1}'],
    ["empty", '{"crit":[]}'],
    ["duplicate", '{"crit":["exp","exp"]}'],
    ["not a list", '{"crit":"b64"}'],
    ["null", '{"crit":null}'],
    ["b64", '{"crit":["b64"],"b64":false}'],
    ["b64 alone", '{"b64":true}'],
  ])("T-055: refuses crit: %s", async (_name, header) => {
    expect(await outcome(() => parseJws(jws(header)))).toBe("token_malformed");
  });

  it("T-058: refuses zip", async () => {
    expect(await outcome(() => parseJws(jws('{"alg":"ES256","zip":"DEF"}')))).toBe("token_malformed");
  });

  it.each([
    ["header", '{"alg":"none","alg":"ES256"}', "{}"],
    ["header, one escaped", '{"alg":"none","\\u0061lg":"ES256"}', "{}"],
    ["payload", "{}", '{"sub":"a","sub":"b"}'],
    ["nested", "{}", '{"cnf":{"jkt":"a","jkt":"b"}}'],
    ["in a list", "{}", '{"a":[{"b":1,"b":2}]}'],
    ["with odd blanks", "{}", '{"a" :1, "a"\n:2}'],
  ])("refuses a member name used twice: %s", async (_name, header, payload) => {
    expect(await outcome(() => parseJws(jws(header, payload)))).toBe("token_malformed");
  });

  it("is not confused by colons, quotes and backslashes inside strings", () => {
    const value = { a: ':"', "b:": "\\", c: '\\":\\\\"', 'd"': ["x:y", { e: "::" }], "": "" };
    expect(parseJws(jws("{}", JSON.stringify(value, undefined, 2))).payload).toEqual(value);
  });

  it.each(['{"__proto__":{"a":1}}', '{"\\u005f_proto__":1}', '{"a":{"__proto__":1}}'])(
    "T-071: refuses a member called __proto__: %s",
    async (payload) => {
      expect(await outcome(() => parseJws(jws("{}", payload)))).toBe("token_malformed");
      expect(({} as { a?: unknown }).a).toBeUndefined();
    },
  );

  it.each(["", "null", "[]", '"x"', "7", "{", "{}x", "\ufeff{}", "{'a':1}", "NaN"])(
    "refuses a payload that is no JSON object: %j",
    async (payload) => {
      expect(await outcome(() => parseJws(jws("{}", payload)))).toBe("token_malformed");
      expect(await outcome(() => parseJws(jws(payload)))).toBe("token_malformed");
    },
  );

  it("refuses bytes that are not UTF-8, and keeps a real replacement character", async () => {
    const invalid = `e30.${Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]).toString("base64url")}.AAAA`;
    expect(await outcome(() => parseJws(invalid))).toBe("token_malformed");
    expect(parseJws(jws("{}", '{"a":"\ufffd"}')).payload).toEqual({ a: "\ufffd" });
  });

  it("bounds depth and length", async () => {
    const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
    expect(await outcome(() => parseJws(jws("{}", nested(16))))).toBe("accepted");
    expect(await outcome(() => parseJws(jws("{}", nested(17))))).toBe("token_malformed");
    expect(await outcome(() => parseJws(jws("{}", nested(1000))))).toBe("token_malformed");
    const padded = jws("{}", `{"a":"${"x".repeat(maxJwsLength)}"}`);
    expect(await outcome(() => parseJws(padded))).toBe("token_malformed");
  });

  it("refuses a huge input in no time (T-058, T-059)", async () => {
    const huge = "A".repeat(5_000_000);
    const started = performance.now();
    expect(await outcome(() => parseJws(`${huge}.${huge}.${huge}`))).toBe("token_malformed");
    expect(performance.now() - started).toBeLessThan(100);
  });

  it("throws nothing but token_malformed, whatever it is given", () => {
    const parts = fc.oneof(fc.string(), fc.base64String(), fc.json().map(encodeText), fc.constant("e30"));
    const inputs = fc.oneof(
      fc.anything(),
      fc.array(parts, { maxLength: 5 }).map((list) => list.join(".")),
      fc.string({ unit: "binary" }),
    );
    fc.assert(
      fc.property(inputs, (input) => {
        try {
          parseJws(input);
        } catch (caught) {
          expect(isSegnoError(caught, "token_malformed")).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("accepts exactly one spelling: a token that parses changes the bytes of its parts when any character changes", () => {
    const token = jws('{"alg":"ES256"}', '{"sub":"u"}', "AAECAwQFBgc");
    // leniently decoded: two spellings of the same bytes must not both get through
    const bytesOf = (text: string) => text.split(".").map((part) => Buffer.from(part, "base64url").toString("hex"));
    fc.assert(
      fc.property(fc.nat({ max: token.length - 1 }), fc.string({ minLength: 0, maxLength: 2 }), (at, text) => {
        const other = token.slice(0, at) + text + token.slice(at + 1);
        if (other === token) return;
        try {
          parseJws(other);
        } catch (caught) {
          expect(isSegnoError(caught, "token_malformed")).toBe(true);
          return;
        }
        expect(bytesOf(other)).not.toEqual(bytesOf(token));
      }),
      { numRuns: 3000, examples: [[token.indexOf(".", 30) - 1, "0g"]] },
    );
  });

  it("round-trips any JSON object", () => {
    const objects = fc.dictionary(
      fc.string().filter((name) => name !== "__proto__"),
      fc.jsonValue({ maxDepth: 4 }),
    );
    fc.assert(
      fc.property(objects, (value) => {
        const text = JSON.stringify(value);
        if (text.includes("__proto__") || text.length > 5000) return;
        expect(parseJws(jws("{}", text)).payload).toEqual(JSON.parse(text));
      }),
    );
  });
});
