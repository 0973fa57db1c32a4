import { createHmac, hkdfSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createIdSource, systemRandom } from "./runtime.js";
import { createSecrets, parseSecrets, type VersionedSecret } from "./secrets.js";

const old = { version: 1, value: "old-secret-0123456789-abcdefghijklmnop" };
const fresh = { version: 2, value: "new-secret-0123456789-abcdefghijklmnop" };
const bytes = (text: string) => new TextEncoder().encode(text);

describe("ids", () => {
  it("are UUIDv7 of the clock, unique and in order, also while the clock stands still or goes back", () => {
    let nowMs = 1_800_000_000_000;
    const newId = createIdSource({ nowMs: () => nowMs }, systemRandom);
    const first = newId();
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(first.replace("-", "").slice(0, 12), 16)).toBe(nowMs);
    const ids = [first, ...Array.from({ length: 10_000 }, newId)];
    nowMs -= 60_000;
    ids.push(newId());
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.toSorted()).toEqual(ids);
  });
});

describe("random bytes", () => {
  it("are never given twice, never all zero, and have the length asked for", () => {
    const given = Array.from({ length: 5_000 }, (_, index) =>
      Buffer.from(systemRandom.bytes(16 + (index % 60))).toString("hex"),
    );
    expect(new Set(given.map((hex) => hex.slice(0, 32))).size).toBe(given.length);
    expect(given.some((hex) => hex.endsWith("0".repeat(16)))).toBe(false);
    expect(given.map((hex) => hex.length / 2)).toEqual(given.map((_, index) => 16 + (index % 60)));
  });
});

describe("secret list", () => {
  it("reads versions, newest first, and one bare secret", () => {
    expect(parseSecrets(`1:${old.value},2:${fresh.value}`)).toEqual({ secrets: [fresh, old], faults: [] });
    expect(parseSecrets(old.value).secrets).toEqual([old]);
  });
  it("names every fault and quotes no secret", () => {
    const { faults } = parseSecrets(`short,3:${"ab".repeat(20)},3:${fresh.value}`);
    expect(faults).toHaveLength(4);
    expect(faults.join()).not.toContain("short,");
    expect(faults.join()).not.toContain("abab");
  });
});

describe("sealing", () => {
  it("opens what it sealed, and after rotation what the older secret sealed", () => {
    const before = createSecrets([old], systemRandom);
    const after = createSecrets([fresh, old], systemRandom);
    fc.assert(
      fc.property(fc.uint8Array(), fc.string(), (plain, context) => {
        const sealed = before.seal("key", plain, context);
        expect(Uint8Array.from(after.open("key", sealed, context))).toEqual(plain);
      }),
      { numRuns: 50 },
    );
    expect(after.seal("key", bytes("x"), "").startsWith("v2.")).toBe(true);
    expect(() => createSecrets([fresh], systemRandom).open("key", before.seal("key", bytes("x"), ""), "")).toThrow();
  });

  it("opens nothing for another purpose or context, and nothing that was changed or cut", () => {
    const secrets = createSecrets([fresh], systemRandom);
    const sealed = secrets.seal("key", bytes("plain"), "kid-1");
    expect(() => secrets.open("mail", sealed, "kid-1")).toThrow(expect.objectContaining({ code: "key_unavailable" }));
    expect(() => secrets.open("key", sealed, "kid-2")).toThrow();
    for (let index = 0; index < sealed.length; index += 1) {
      const other = sealed[index] === "A" ? "B" : "A";
      expect(() => secrets.open("key", sealed.slice(0, index) + other + sealed.slice(index + 1), "kid-1")).toThrow();
      expect(() => secrets.open("key", sealed.slice(0, index), "kid-1")).toThrow();
    }
  });

  it("RFC 2104: a mac is HMAC-SHA-256 as node:crypto makes it, under a key derived for its purpose", () => {
    const secrets = createSecrets([fresh, old], systemRandom);
    const expected = (secret: VersionedSecret, purpose: string, text: string) =>
      createHmac("sha256", Buffer.from(hkdfSync("sha256", secret.value, "segno/1", `mac/${purpose}`, 32)))
        .update(text)
        .digest("base64url");
    fc.assert(
      fc.property(
        fc.string({ unit: "binary", maxLength: 300 }),
        fc.string({ minLength: 1, maxLength: 20 }),
        (text, purpose) => {
          const under = [expected(fresh, purpose, text), expected(old, purpose, text)];
          expect(secrets.mac(purpose, text)).toBe(under[0]);
          expect(secrets.macs(purpose, text)).toEqual(under);
        },
      ),
    );
  });

  it("matches a code under any listed secret, for its purpose alone", () => {
    const before = createSecrets([old], systemRandom);
    const after = createSecrets([fresh, old], systemRandom);
    const mac = before.mac("code", "attempt:123456");
    expect(after.matches("code", "attempt:123456", mac)).toBe(true);
    expect(after.matches("code", "attempt:123457", mac)).toBe(false);
    expect(after.matches("link", "attempt:123456", mac)).toBe(false);
    expect(after.matches("code", "attempt:123456", "")).toBe(false);
    expect(after.mac("code", "attempt:123456")).not.toBe(mac);
  });
});
