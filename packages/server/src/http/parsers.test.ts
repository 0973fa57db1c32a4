import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createClientIpResolver } from "./client-ip.js";
import { parseForm } from "./form.js";
import { bucketOf, parseIp, parseIpRange } from "./ip-address.js";
import { isPlainPath, pathOf } from "./path.js";
import { safeReturnPath } from "./return-path.js";
import { parseStrictJson } from "./strict-json.js";

const bucket = (text: string) => {
  const address = parseIp(text);
  return address === undefined ? undefined : bucketOf(address);
};

describe("addresses", () => {
  it("T-034: twelve spellings of one address share a bucket, and so does its whole /64", () => {
    const spellings = [
      "2001:db8:0:0:8:800:200c:417a",
      "2001:DB8::8:800:200C:417A",
      "2001:db8::8:800:200c:417a",
      "2001:0db8:0000:0000:0008:0800:200c:417a",
      "[2001:db8::8:800:200c:417a]",
      "[2001:db8::8:800:200c:417a]:443",
      "2001:db8::8:800:200c:417a%eth0",
      "2001:db8:0::8:800:200c:417a",
      "2001:db8::0:8:800:200c:417a",
      "2001:db8:0:0:8:800:32.12.65.122",
      "2001:db8::8:800:32.12.65.122",
      "2001:db8:00:000:08:0800:200C:417a",
    ];
    expect(new Set(spellings.map(bucket))).toEqual(new Set(["2001:db8:0:0::/64"]));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { minLength: 4, maxLength: 4 }), (tail) => {
        expect(bucket(`2001:db8:0:0:${tail.map((group) => group.toString(16)).join(":")}`)).toBe("2001:db8:0:0::/64");
      }),
    );
    expect(bucket("2001:db8:0:1::1")).not.toBe("2001:db8:0:0::/64");
  });

  it("an IPv4 address is one bucket however it is mapped", () => {
    for (const text of [
      "203.0.113.9",
      "::ffff:203.0.113.9",
      "::FFFF:cb00:7109",
      "0:0:0:0:0:ffff:203.0.113.9",
      "203.0.113.9:1234",
      "[::ffff:203.0.113.9]:80",
    ]) {
      expect(bucket(text)).toBe("203.0.113.9");
    }
  });

  it("reads nothing that two readers could read differently", () => {
    for (const text of [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "01.2.3.4",
      "256.1.1.1",
      "0x7f.1.1.1",
      "1.2.3.4/8",
      "::1::",
      ":::",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "12345::",
      "g::",
      "::1.2.3",
      "1.2.3.4::",
      "::1%a%b",
      "[::1",
      "unknown",
      "127.1",
      "1:2:3:4:5:6:7::8:9",
      " 1.2.3.4",
      "_hidden",
    ]) {
      expect(bucket(text), text).toBeUndefined();
    }
  });

  it("round-trips any address", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        expect(bucket(text)).toBeDefined();
      }),
    );
  });

  it("reads ranges, and refuses bits behind the prefix", () => {
    expect(parseIpRange("10.0.0.0/8")).toBeDefined();
    expect(parseIpRange("2001:db8::/32")).toBeDefined();
    for (const text of [
      "10.0.0.1/8",
      "10.0.0.0/33",
      "10.0.0.0/",
      "10.0.0.0/8/8",
      "x",
      "[::1]/128",
      "::1/129",
      "0.0.0.0/-1",
    ])
      expect(parseIpRange(text), text).toBeUndefined();
  });
});

describe("client address", () => {
  const forwarded = createClientIpResolver({ source: "forwarded", trustedProxies: ["10.0.0.0/8", "::1"] });
  const of = (remoteAddress: string, list?: string) =>
    forwarded(list === undefined ? {} : { "x-forwarded-for": list }, { remoteAddress }).bucket;

  it("T-030: T-035: the list is walked from the right over listed proxies only", () => {
    expect(of("203.0.113.9", "1.1.1.1")).toBe("203.0.113.9");
    expect(of("10.0.0.1", "6.6.6.6, 203.0.113.9")).toBe("203.0.113.9");
    expect(of("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.9.9.9")).toBe("203.0.113.9");
    expect(of("::ffff:10.0.0.1", "203.0.113.9")).toBe("203.0.113.9");
    expect(of("10.0.0.1", "10.0.0.2, 10.0.0.3")).toBe("10.0.0.2");
  });

  it("T-035: an address that cannot be told is the shared bucket, never a way around", () => {
    expect(of("10.0.0.1")).toBe("unknown");
    expect(of("10.0.0.1", "")).toBe("unknown");
    expect(of("10.0.0.1", "203.0.113.9, garbage")).toBe("unknown");
    expect(forwarded({ "x-forwarded-for": "203.0.113.9" }, undefined).bucket).toBe("unknown");
    const header = createClientIpResolver({ source: "header", header: "CF-Connecting-IP" });
    expect(header({ "cf-connecting-ip": "203.0.113.9" }, undefined).bucket).toBe("203.0.113.9");
    expect(header({ "cf-connecting-ip": "203.0.113.9, 1.1.1.1" }, undefined).bucket).toBe("unknown");
    expect(header({}, { remoteAddress: "203.0.113.9" }).bucket).toBe("unknown");
    const socket = createClientIpResolver({ source: "socket" });
    expect(
      socket(
        { "x-forwarded-for": "1.1.1.1", "x-real-ip": "1.1.1.1", forwarded: "for=1.1.1.1" },
        { remoteAddress: "203.0.113.9" },
      ).bucket,
    ).toBe("203.0.113.9");
  });

  it("T-035: many lines of the header are one list", () => {
    expect(forwarded({ "x-forwarded-for": ["6.6.6.6", "203.0.113.9"] }, { remoteAddress: "10.0.0.1" }).bucket).toBe(
      "203.0.113.9",
    );
  });
});

describe("return paths", () => {
  const origins = ["https://app.example.com", "https://other.example.com"] as const;
  const safe = (value: string) => safeReturnPath(value, [...origins]);

  it("T-038: follows paths of the application and exact listed origins", () => {
    expect(safe("/")).toBe("/");
    expect(safe("/a/b?c=d#e")).toBe("/a/b?c=d#e");
    expect(safe("https://app.example.com/a")).toBe("/a");
    expect(safe("https://other.example.com/a")).toBe("https://other.example.com/a");
    expect(safe("/a?next=https://evil.example")).toBe("/a?next=https://evil.example");
  });

  it.each([
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "\u00a0//evil.example",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "https://evil.example",
    "https://app.example.com@evil.example",
    "https://user@app.example.com/",
    "https://app.example.com.evil.example",
    "https://app.example.com:444/",
    "http://app.example.com/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "blob:https://app.example.com/x",
    "/.//evil.example",
    "/..//evil.example",
    "/%2e/%2e//evil.example/..//x",
    "/a/..//evil.example",
    "",
    "a",
    "?x",
    "#x",
    ".",
    "/\u2028/evil.example",
    "/a\u0000b",
    "/a\r\nSet-Cookie: x=y",
    "/\u200b/evil.example",
    "https://app.example.com\\@evil.example",
    "https://app.example.com%2eevil.example",
    "https://APP.example.com.",
    "ftp://app.example.com/",
    `/${"a".repeat(3_000)}`,
  ])("T-038: does not follow %j", (value) => {
    const followed = safe(value);
    if (followed === undefined) return;
    const landed = new URL(followed, origins[0]);
    expect(landed.origin).toBe(origins[0]);
    expect(followed.startsWith("//")).toBe(false);
    expect(["/evil.example"]).not.toContain(landed.pathname);
  });

  it("T-038: whatever is followed lands on a listed origin", () => {
    const piece = fc.constantFrom(
      "/",
      "\\",
      "//",
      "https:",
      "http:",
      "evil.example",
      "app.example.com",
      "@",
      ":",
      "..",
      ".",
      "%2f",
      "%5c",
      "\t",
      "\n",
      "javascript:",
      "?",
      "#",
      "a",
      "%00",
      "\u3002",
      "[::1]",
      ";",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(piece, { maxLength: 8 }).map((parts) => parts.join("")),
          fc.webUrl(),
          fc.string(),
        ),
        (value) => {
          const followed = safe(value);
          if (followed !== undefined) expect(origins).toContain(new URL(followed, origins[0]).origin);
        },
      ),
      { numRuns: 5_000 },
    );
  });
});

describe("paths", () => {
  it("are taken from the URL as it stands", () => {
    expect(pathOf("https://a.example/b/c?d/e#f")).toBe("/b/c");
    expect(pathOf("https://a.example")).toBe("/");
    expect(pathOf("https://a.example?x=/y")).toBe("/");
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (text) => {
        const url = new URL(text);
        expect(pathOf(url.href)).toBe(url.pathname);
      }),
    );
    for (const path of ["/a", "/a/b-c_d.e~f"]) expect(isPlainPath(path)).toBe(true);
    for (const path of ["", "/", "a", "/a/", "/a//b", "/./a", "/a/..", "/a%20b", "/a;b", "/a\\b"])
      expect(isPlainPath(path)).toBe(false);
  });
});

describe("strict JSON and forms", () => {
  it("reads what JSON.stringify writes, within the bounds", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value);
        if (/__proto__|constructor|prototype/.test(text)) return;
        expect(parseStrictJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });
  it("sees a second member of one name at any depth", () => {
    for (const text of [
      '{"a":1,"a":1}',
      '[{"b":{"a":1,"a":2}}]',
      '{"a\\u0061":1,"aa":2}',
      '{"":1,"":2}',
      '{":":1,":":2}',
      '{"\\"":1,"\\"":2}',
      '{"\\\\":1,"\\\\":2}',
    ]) {
      expect(() => parseStrictJson(text), text).toThrow(expect.objectContaining({ code: "invalid_input" }));
    }
    expect(parseStrictJson('{"a":":","b":"\\":\\\\"}')).toEqual({ a: ":", b: '":\\' });
  });
  const refused = (text: string) =>
    expect(() => parseStrictJson(text), text.slice(0, 60)).toThrow(expect.objectContaining({ code: "invalid_input" }));

  it("T-071: refuses names of the language at any depth by itself, before a schema looks", () => {
    for (const name of ["__proto__", "constructor", "prototype", "\\u005f_proto__"]) {
      for (const [before, after] of [
        ["", ""],
        ['{"a":', "}"],
        ["[", "]"],
        ['{"response":{"clientExtensionResults":', "}}"],
        ['[[{"a":[', "]}]]"],
      ]) {
        refused(`${before}{"${name}":{"polluted":1}}${after}`);
        refused(`${before}{"x":1,"${name}":null}${after}`);
      }
    }
    expect(parseStrictJson('{"proto":1,"a":"__proto__"}')).toEqual({ proto: 1, a: "__proto__" });
  });
  it("T-073: bounds depth, members and items, exactly", () => {
    const deep = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
    const list = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    const members = (count: number) => `{${Array.from({ length: count }, (_, index) => `"k${index}":1`).join()}}`;
    const items = (count: number) => `[${Array.from({ length: count }, () => "0").join()}]`;
    for (const good of [deep(12), list(12), members(256), items(256)]) expect(parseStrictJson(good)).toBeDefined();
    for (const bad of [deep(13), list(13), members(257), items(257)]) refused(bad);
    // spread over many objects and lists they count together
    refused(`{"a":${members(200)},"b":${members(100)}}`);
    refused(`{"a":${items(200)},"b":${items(100)}}`);
  });
  it("reads what URLSearchParams writes", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.string(), { maxKeys: 10 }), (fields) => {
        if (Object.keys(fields).length === 0 || Object.keys(fields).some((key) => key === "__proto__")) return;
        const wellFormed = Object.entries({ ...fields }).every((pair) => pair.every((text) => text.isWellFormed()));
        if (wellFormed) expect({ ...parseForm(new URLSearchParams(fields).toString()) }).toEqual({ ...fields });
      }),
    );
  });
});
